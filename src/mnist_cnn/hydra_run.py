"""What Hydra knows of the run; empty where a run was started without Hydra's command line."""

import re
import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from mnist_cnn.outputs import shown


def in_sweep() -> bool:
    """Whether this run is a job of a sweep (-m)."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def sweep_folder() -> Path:
    """The folder of the sweep that this job belongs to."""
    return Path(HydraConfig.get().sweep.dir)


def overrides() -> list[str]:
    """The settings as they were typed."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def group_choices() -> dict[str, str]:
    """Group → choice, also of Hydra's own groups."""
    if not HydraConfig.initialized():
        return {}
    choices = HydraConfig.get().runtime.choices
    return {group: str(choice) for group, choice in choices.items()}


def resume_command(checkpoint: Path) -> str:
    """What to type to go on from a checkpoint of this run."""
    settings = [text for text in overrides() if not text.startswith("ckpt_path=")]
    path = shown(checkpoint)
    if not re.fullmatch(r"[\w./-]+", path, re.ASCII):  # Hydra's grammar wants others quoted
        path = "'" + path.replace("'", r"\'") + "'"
    return f"python train.py {shlex.join([*settings, f'ckpt_path={path}'])}"
