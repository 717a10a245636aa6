"""One run: from a configuration to a tested network and its figures."""

import json
import logging
import os
import platform
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
import torchmetrics
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig, OmegaConf, open_dict
from tqdm.contrib.logging import logging_redirect_tqdm

from mnist_cnn import figures
from mnist_cnn.callbacks import History
from mnist_cnn.checkpoints import (
    AtomicCheckpointIO,
    CheckpointDescription,
    check_resumable,
    load_checkpoint,
    newest_checkpoint,
)
from mnist_cnn.data import MnistDataModule
from mnist_cnn.errors import one_line, show_traceback
from mnist_cnn.models import DigitClassifier
from mnist_cnn.sweeps import summarize

log = logging.getLogger(__name__)

# Hydra's handlers print what Lightning says; Lightning's own would print it a second time.
logging.getLogger("lightning").handlers.clear()
# The folder is a run's own and new: what Lightning's CSV logger finds in it is Hydra's.
warnings.filterwarnings("ignore", "Experiment logs directory .* exists and is not empty")
# Between Lightning 2.6 and torch 2.11+; nothing a user could change.
warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")
# Of the table of layers, which then shows the size at 32 bits.
warnings.filterwarnings("ignore", "Precision .* is not supported by the model summary")


def run_job(cfg: DictConfig) -> float | None:
    """Trains, as a job of Hydra's: an error becomes one line.

    In a sweep it also becomes the job's `metrics.json`, so that the other jobs run and the summary
    shows it. Alone, the process ends with code 1.

    Args:
        cfg: The composed configuration.

    Returns:
        Validation accuracy, see `train`; NaN for a failed job of a sweep.
    """
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        return train(cfg)
    except Exception as error:
        if show_traceback() and not in_sweep:
            raise
        if not in_sweep:
            sys.exit(f"error: {one_line(error)}")
        log.error("job failed: %s", one_line(error), exc_info=show_traceback())
        _write_json(Path(cfg.output_dir, "metrics.json"), {"error": one_line(error)})
        return float("nan")
    except (KeyboardInterrupt, SystemExit):
        if in_sweep:  # the jobs that are done shall not be lost
            summarize(Path(HydraConfig.get().sweep.dir))
        raise


def train(cfg: DictConfig) -> float | None:
    """Trains a network, tests it once, and writes everything into `cfg.output_dir`.

    Args:
        cfg: The composed configuration, see conf/train.yaml.

    Returns:
        Validation accuracy (a fraction) of the epoch that was kept; None without validation.

    Raises:
        ValueError: A setting is out of range, a file is altered, or the loss is not finite.
        OSError: Data or checkpoint is missing, or the output folder can't be written.
    """
    if cfg.data.val_size == 0:
        _keep_last_epoch(cfg)
    if not isinstance(cfg.seed, int) or not 0 <= cfg.seed < 2**32:
        raise ValueError(f"seed is {cfg.seed}, must be a whole number from 0 to 2³² - 1; try 1")
    seed_everything(cfg.seed, workers=True)
    data = instantiate(cfg.data, _partial_=True, _convert_="all")()
    data.prepare_data()
    data.setup()
    model = _build_model(cfg, data)
    history = History()
    description = CheckpointDescription(OmegaConf.to_container(cfg, resolve=True))
    trainer = _build_trainer(cfg, [history, description])
    log.info("training %s on %s", type(model).__name__, _device(trainer))
    _fit(cfg, trainer, model, data)
    best = _kept_checkpoint(trainer)
    kept_epoch = len(history.epochs)
    if best:
        # Not trainer.test(ckpt_path=...): that would set back the callbacks, the history too.
        checkpoint = load_checkpoint(best)
        model.load_state_dict(checkpoint.model.state_dict())
        kept_epoch = checkpoint.epoch
    trainer.test(model, data, verbose=False)
    metrics = _collect_metrics(cfg, trainer, model, history, kept_epoch) | {"checkpoint": best}
    _write_results(cfg, trainer, history, metrics)
    log.info(_summary(cfg, metrics))
    return metrics.get("val/accuracy")


def _keep_last_epoch(cfg: DictConfig) -> None:
    # Without validation nothing may choose an epoch or stop early: the last one is the result.
    if "monitor" in cfg.scheduler:
        raise ValueError(
            "data.val_size is 0, but scheduler=plateau watches the validation; set data.val_size "
            "above 0 or choose another scheduler"
        )
    cfg.monitor = {"metric": "epoch", "mode": "max"}
    with open_dict(cfg.trainer):
        cfg.trainer.limit_val_batches = 0
    if "early_stopping" in cfg.callbacks:
        cfg.callbacks.early_stopping = None


def _build_model(cfg: DictConfig, data: MnistDataModule) -> DigitClassifier:
    build = instantiate(cfg.model, _partial_=True, _convert_="all")
    return build(  # type: ignore[no-any-return]  # whatever conf/model names
        input_shape=data.image_shape,
        num_classes=data.num_classes,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
    )


def _build_trainer(cfg: DictConfig, own_callbacks: list[Callback]) -> Trainer:
    chosen = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    loggers = [instantiate(logger) for logger in cfg.logger.values()]
    for logger in loggers:
        logger.log_hyperparams(_hyperparameters(cfg))
    build = instantiate(cfg.trainer, _partial_=True, _convert_="all")
    try:
        return build(  # type: ignore[no-any-return]  # lightning.Trainer
            callbacks=[*chosen, *own_callbacks],
            logger=loggers,
            plugins=[AtomicCheckpointIO()],
            default_root_dir=cfg.output_dir,
        )
    except MisconfigurationException as error:
        raise ValueError(
            f"trainer.accelerator={cfg.trainer.accelerator} with trainer.devices="
            f"{cfg.trainer.devices} can't be had here ({error}); use trainer=cpu or trainer=default"
        ) from error


def _fit(cfg: DictConfig, trainer: Trainer, model: DigitClassifier, data: MnistDataModule) -> None:
    path = cfg.ckpt_path
    if path == "last":
        path = newest_checkpoint(cfg.output_root)
        log.info("resuming from %s", _shown(path))
    if path:
        check_resumable(path, model)
    try:
        with logging_redirect_tqdm():  # log lines above the progress bar, not inside it
            trainer.fit(model, data, ckpt_path=path, weights_only=True)
    except SystemExit:  # how Lightning ends after Ctrl-C
        last = Path(cfg.output_dir, "checkpoints", "last.ckpt")
        if last.exists():
            log.info("interrupted; go on with: %s", _resume_command(last))
        raise


def _kept_checkpoint(trainer: Trainer) -> str | None:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor:
            return callback.best_model_path or None
    return None  # test the network as it is: trainer.fast_dev_run, or somebody dropped the callback


def _collect_metrics(
    cfg: DictConfig,
    trainer: Trainer,
    model: DigitClassifier,
    history: History,
    kept_epoch: int,
) -> dict[str, Any]:
    kept = history.epochs[kept_epoch - 1] if history.epochs else {}
    return {
        "model": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seed": cfg.seed,
        "epochs": len(history.epochs),
        "kept_epoch": kept_epoch,
        **{name: value for name, value in kept.items() if name != "epoch"},
        **{
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if "test/" in name
        },
        "train_seconds": history.seconds,
        "images_per_second": history.images / history.seconds if history.seconds else None,
        "device": _device(trainer),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "torchmetrics": torchmetrics.__version__,
        },
    }


def _write_results(
    cfg: DictConfig, trainer: Trainer, history: History, metrics: dict[str, Any]
) -> None:
    output = Path(cfg.output_dir)
    _write_json(output / "metrics.json", metrics)
    if history.epochs:
        figures.curves(history.epochs, f"{metrics['model']}, seed {cfg.seed}").savefig(
            output / "curves.png", dpi=120
        )
    results = {
        f"final/{part}_accuracy": metrics[f"{part}/accuracy"]
        for part in ("val", "test")
        if f"{part}/accuracy" in metrics
    }
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(_hyperparameters(cfg), results)
            logger.finalize("success")


def _hyperparameters(cfg: DictConfig) -> dict[str, Any]:
    # What a person compares runs by: the choices of the groups, the usual numbers, the overrides.
    usual = {
        "lr": cfg.optimizer.lr,
        "batch_size": cfg.data.batch_size,
        "max_epochs": cfg.trainer.max_epochs,
        "seed": cfg.seed,
    }
    if not HydraConfig.initialized():
        return usual
    choices = HydraConfig.get().runtime.choices
    groups = {name: str(value) for name, value in choices.items() if "hydra/" not in name}
    overrides = dict(text.lstrip("+~").partition("=")[::2] for text in _overrides())
    return groups | usual | {name: value for name, value in overrides.items() if name not in usual}


def _overrides() -> list[str]:
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _resume_command(checkpoint: Path) -> str:
    overrides = [text for text in _overrides() if not text.startswith("ckpt_path=")]
    return f"python train.py {shlex.join([*overrides, f'ckpt_path={_shown(checkpoint)}'])}"


def _device(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{trainer.world_size} × {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {torch.get_num_threads()} threads"


def _summary(cfg: DictConfig, metrics: dict[str, Any]) -> str:
    speed = f"{metrics['images_per_second']:,.0f} images/s" if metrics["images_per_second"] else "–"
    lines = [
        "",
        f"{metrics['model']}, {metrics['parameters']:,} parameters: {metrics['epochs']} epochs in "
        f"{metrics['train_seconds']:.0f} s ({speed}) on {metrics['device']}",
        f"test accuracy  {metrics['test/accuracy']:.2%}   test loss  {metrics['test/loss']:.4f}",
    ]
    if "val/accuracy" in metrics:
        lines.append(
            f"validation     {metrics['val/accuracy']:.2%}   of epoch {metrics['kept_epoch']}"
        )
    if metrics["checkpoint"]:
        lines.append(f"checkpoint     {_shown(metrics['checkpoint'])}")
    lines += [
        f"curves         {_shown(Path(cfg.output_dir, 'curves.png'))}",
        f"TensorBoard    tensorboard --logdir {_shown(cfg.output_root)}",
    ]
    return "\n".join(lines)


def _shown(path: str | Path) -> str:
    return os.path.relpath(path)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    # Renamed into place: whoever reads it, a sweep's summary say, never sees half a file.
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)
