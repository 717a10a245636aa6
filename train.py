"""Trains a network: python train.py model=bn_cnn optimizer=adam. See --help."""

import hydra
from omegaconf import DictConfig

from mnist_cnn.errors import run_command


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Runs one job."""
    from mnist_cnn.training import run_job  # torch takes seconds: only once the arguments are known

    return run_job(cfg)


if __name__ == "__main__":
    run_command(main)
