"""One run: from a configuration to a tested network and its figures."""

import logging
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig, OmegaConf, open_dict
from tqdm.contrib.logging import logging_redirect_tqdm

from mnist_cnn.callbacks import History
from mnist_cnn.checkpoints import (
    AtomicCheckpointIO,
    Checkpoint,
    CheckpointDescription,
    check_resumable,
    load_checkpoint,
    newest_checkpoint,
)
from mnist_cnn.data import MnistDataModule
from mnist_cnn.errors import one_line, show_traceback
from mnist_cnn.models import DigitClassifier
from mnist_cnn.results import (
    collect_metrics,
    describe_device,
    format_summary,
    shown,
    write_json,
    write_results,
)
from mnist_cnn.sweeps import summarize

log = logging.getLogger(__name__)

COMPARED_GROUPS = ("model", "optimizer", "scheduler", "data/normalization", "experiment")

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
        write_json(Path(cfg.output_dir, "metrics.json"), {"error": one_line(error)})
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
    log.info("training %s on %s", type(model).__name__, describe_device(trainer))
    _fit(cfg, trainer, model, data)
    if not history.images:
        log.warning("nothing was left to train; raise trainer.max_epochs (%s)", trainer.max_epochs)
    kept = _kept_checkpoint(trainer)
    if kept:
        # Not trainer.test(ckpt_path=...): that would set back the callbacks, the history too.
        model.load_state_dict(kept.model.state_dict())
    trainer.test(model, data, verbose=False)
    metrics = collect_metrics(
        trainer, model, history, kept_epoch=kept.epoch if kept else len(history.epochs)
    )
    metrics |= {"seed": cfg.seed, "checkpoint": str(kept.path) if kept else None}
    if trainer.is_global_zero:  # of several processes, one writes
        write_results(Path(cfg.output_dir), metrics, history)
        _log_hyperparameters(cfg, trainer, metrics)
        log.info(format_summary(Path(cfg.output_dir), metrics))
        log.info("TensorBoard    tensorboard --logdir %s", shown(cfg.output_root))
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
        log.info("resuming from %s", shown(path))
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


def _kept_checkpoint(trainer: Trainer) -> Checkpoint | None:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor and callback.best_model_path:
            return load_checkpoint(callback.best_model_path)
    return None  # trainer.fast_dev_run, or somebody dropped the callback


def _log_hyperparameters(cfg: DictConfig, trainer: Trainer, metrics: dict[str, Any]) -> None:
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
    groups = {name: str(choices[name]) for name in COMPARED_GROUPS}
    overrides = dict(text.lstrip("+~").partition("=")[::2] for text in _overrides())
    return groups | usual | {name: value for name, value in overrides.items() if name not in usual}


def _overrides() -> list[str]:
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _resume_command(checkpoint: Path) -> str:
    overrides = [text for text in _overrides() if not text.startswith("ckpt_path=")]
    return f"python train.py {shlex.join([*overrides, f'ckpt_path={shown(checkpoint)}'])}"
