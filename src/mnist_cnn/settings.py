"""What the settings of a run must fulfil together; each class checks its own arguments."""

from pathlib import Path

import torch
from omegaconf import DictConfig, open_dict

from mnist_cnn.hardware import on_cpu

# What a run may watch, and which way is better.
MONITORS = {
    "val/accuracy": "max",
    "val/loss": "min",
    "train/accuracy": "max",
    "train/loss": "min",
    "epoch": "max",
}
MEMORY_FORMATS = {
    "channels_last": torch.channels_last,
    "contiguous_format": torch.contiguous_format,
}
# What is text by nature: the class, and settings of torch's LBFGS and Muon.
OPTIMIZER_TEXTS = ("_target_", "line_search_fn", "adjust_lr_fn")


def check_settings(cfg: DictConfig) -> None:
    """Finds what would otherwise show after the download, or after an epoch, or never.

    Args:
        cfg: The composed configuration.

    Raises:
        ValueError: Settings that can't be, or don't go together.
    """
    if Path(cfg.output_dir, "checkpoints").exists():
        raise ValueError(
            f"output folder {cfg.output_dir} already holds a run; leave hydra.run.dir out, or name "
            "a new folder"
        )
    if not isinstance(cfg.seed, int) or not 0 <= cfg.seed < 2**32:
        raise ValueError(f"seed is {cfg.seed}, must be a whole number from 0 to 2³² - 1; try 1")
    _check_hardware(cfg)
    _check_numbers(cfg)
    _check_monitor(cfg)


def _check_hardware(cfg: DictConfig) -> None:
    if cfg.threads is not None and not (isinstance(cfg.threads, int) and cfg.threads > 0):
        raise ValueError(
            f"threads is {cfg.threads}, must be a whole number above 0; null is torch's choice"
        )
    if cfg.memory_format not in MEMORY_FORMATS:
        raise ValueError(
            f"memory_format is {cfg.memory_format}, must be one of {', '.join(MEMORY_FORMATS)}"
        )
    if cfg.trainer.accelerator == "gpu" and on_cpu("auto"):
        raise ValueError(
            "trainer.accelerator is gpu, but torch finds no GPU here; use trainer=cpu or "
            "trainer=default"
        )


def _check_numbers(cfg: DictConfig) -> None:
    """Refuses text for numbers: torch would not name the setting, or take it for true."""
    numbers = {
        f"optimizer.{name}": value
        for name, value in cfg.optimizer.items()
        if name not in OPTIMIZER_TEXTS
    }
    numbers["trainer.max_epochs"] = cfg.trainer.max_epochs
    for name, value in numbers.items():
        if isinstance(value, str):
            raise ValueError(
                f"{name} is {value!r}, must be a number, true or false; see train.py --cfg job"
            )


def _check_monitor(cfg: DictConfig) -> None:
    metric, mode = cfg.monitor.metric, cfg.monitor.mode
    if metric not in MONITORS:
        raise ValueError(f"monitor.metric is {metric}, must be one of {', '.join(MONITORS)}")
    if mode != MONITORS[metric]:
        raise ValueError(
            f"monitor.mode is {mode}, must be {MONITORS[metric]} for {metric}; set "
            f"monitor.mode={MONITORS[metric]}"
        )
    absent = metric == "epoch" or (metric.startswith("val/") and not validates(cfg))
    if "monitor" in cfg.scheduler and absent:
        raise ValueError(
            f"scheduler=plateau needs a metric to watch, but monitor.metric is {metric} and "
            f"data.val_size {cfg.data.val_size}; choose others, or another scheduler"
        )
    every = cfg.trainer.get("check_val_every_n_epoch", 1)
    if "monitor" in cfg.scheduler and metric.startswith("val/") and every != 1:
        raise ValueError(
            f"scheduler=plateau watches {metric} after each epoch, but "
            f"trainer.check_val_every_n_epoch is {every}; leave it out, or choose another scheduler"
        )


def validates(cfg: DictConfig) -> bool:
    """Whether a run has validation images and looks at them."""
    return bool(cfg.data.val_size) and cfg.trainer.get("limit_val_batches") != 0


def keep_last_epoch(cfg: DictConfig) -> None:
    """Sets a run up that has no validation: it keeps the last epoch and doesn't stop early.

    If `monitor.metric` is one of training, that goes on to choose the epoch.

    Args:
        cfg: The composed configuration; changed in place.
    """
    with open_dict(cfg.trainer):
        cfg.trainer.limit_val_batches = 0
    if cfg.monitor.metric.startswith("train/"):  # somebody asked for it
        return
    cfg.monitor = {"metric": "epoch", "mode": "max"}
    if "early_stopping" in cfg.callbacks:
        cfg.callbacks.early_stopping = None
