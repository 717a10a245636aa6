"""What a run leaves behind: its figures, its curves, its last words."""

import platform
from pathlib import Path
from typing import Any

import lightning
import torch
import torchmetrics
from lightning import Trainer

from mnist_cnn import figures
from mnist_cnn.callbacks import History
from mnist_cnn.models import DigitClassifier
from mnist_cnn.outputs import shown, write_json

LIMITS = "limit_train_batches", "limit_val_batches", "limit_test_batches"
SIGNIFICANT = 7  # digits of metrics: what follows is the noise of float32


def collect_metrics(
    trainer: Trainer, model: DigitClassifier, history: History, kept_epoch: int
) -> dict[str, Any]:
    """The figures of a run that has been tested.

    Args:
        trainer: Which has just tested the model.
        model: The network.
        history: Of the training.
        kept_epoch: Number of the epoch, from 1, whose weights were tested.

    Returns:
        Plain data: the metrics of that epoch and of the test (accuracies as fractions), seconds,
        images per second, number of parameters, the limits of a run on a part of the images, device
        and versions.
    """
    kept = history.epochs[kept_epoch - 1] if history.epochs else {}
    test = {name: value for name, value in trainer.callback_metrics.items() if "test/" in name}
    measured = {name: value for name, value in kept.items() if name != "epoch"} | test
    images = history.images * trainer.world_size
    return {
        "model": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": len(history.epochs),
        "kept_epoch": kept_epoch,
        **{name: float(f"{value:.{SIGNIFICANT}g}") for name, value in measured.items()},
        "train_seconds": history.seconds,
        "images_per_second": images / history.seconds if history.seconds else None,
        "limits": _limits(trainer),
        "device": describe_device(trainer),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "torchmetrics": torchmetrics.__version__,
        },
    }


def _limits(trainer: Trainer) -> dict[str, int | float]:
    """The numbers (int) or shares (float) of batches, where there are fewer than all, and some."""
    limits = {name: getattr(trainer, name) for name in LIMITS}
    return {
        name: limit
        for name, limit in limits.items()
        if limit and (isinstance(limit, int) or limit < 1)  # 1 is one batch, 1.0 all of them
    }


def describe_device(trainer: Trainer) -> str:
    """The hardware of a run, in words."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{trainer.world_size} × {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {counted(torch.get_num_threads(), 'thread')}"


def counted(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def write_results(folder: Path, metrics: dict[str, Any], history: History) -> None:
    """Writes `metrics.json` and, if there was an epoch, `curves.png`.

    Raises:
        OSError: The folder can't be written.
    """
    write_json(folder / "metrics.json", metrics)
    if history.epochs:
        title = f"{metrics['model']}, seed {metrics['seed']}"
        figures.curves(history.epochs, title).savefig(folder / "curves.png", dpi=120)


def format_summary(folder: Path, root: Path, metrics: dict[str, Any]) -> str:
    """The result of a run for the screen: figures, and the paths of its files.

    Args:
        folder: Of the run.
        root: Of all runs; TensorBoard shows them together.
        metrics: As `collect_metrics` returns them, and the path of the `checkpoint` or None.
    """
    speed = f"{metrics['images_per_second']:,.0f} images/s" if metrics["images_per_second"] else "–"
    lines = [
        "",
        f"{metrics['model']}, {metrics['parameters']:,} parameters: "
        f"{counted(metrics['epochs'], 'epoch')} in "
        f"{metrics['train_seconds']:.0f} s ({speed}) on {metrics['device']}",
    ]
    if "test/accuracy" in metrics:
        lines.append(
            f"test accuracy  {metrics['test/accuracy']:.2%}   test loss  {metrics['test/loss']:.4f}"
        )
    if "val/accuracy" in metrics:
        lines.append(
            f"validation     {metrics['val/accuracy']:.2%}   of epoch {metrics['kept_epoch']}"
        )
    if metrics["limits"]:
        limits = " ".join(f"trainer.{name}={limit}" for name, limit in metrics["limits"].items())
        lines.append(f"limits         {limits}")
    if metrics["checkpoint"]:
        lines.append(f"checkpoint     {shown(metrics['checkpoint'])}")
    if (folder / "curves.png").exists():
        lines.append(f"curves         {shown(folder / 'curves.png')}")
    if any(folder.glob("events.out.tfevents*")):
        logdir = root if folder.resolve().is_relative_to(root.resolve()) else folder
        lines.append(f"TensorBoard    tensorboard --logdir {shown(logdir)}")
    return "\n".join(lines)
