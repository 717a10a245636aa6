"""One run: from a configuration to a tested network and its figures."""

import logging
import sys
import warnings
from inspect import signature
from pathlib import Path
from typing import Any, cast

from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint as BaseCheckpoint
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ModelSummary
from lightning.pytorch.callbacks import ProgressBar as BaseProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig, OmegaConf
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
from mnist_cnn.distillation import build_distillation, find_teachers
from mnist_cnn.errors import one_line, show_traceback
from mnist_cnn.hardware import (
    DEFAULT_THREADS,
    choose_precision,
    keep_freed_memory,
    on_cpu,
    use_threads,
)
from mnist_cnn.hydra_run import group_choices, in_sweep, overrides, resume_command, sweep_folder
from mnist_cnn.models import DigitClassifier
from mnist_cnn.outputs import shown, write_json
from mnist_cnn.results import (
    collect_metrics,
    describe_device,
    format_summary,
    write_results,
)
from mnist_cnn.settings import MEMORY_FORMATS, check_settings, keep_last_epoch, validates
from mnist_cnn.sweeps import summarize

log = logging.getLogger(__name__)

# Hydra's groups by whose choices TensorBoard's HParams tab compares runs.
COMPARED_GROUPS = (
    *("model", "optimizer", "scheduler", "averaging"),
    *("data/normalization", "data/augment", "experiment"),
)

# Hydra's handlers print what Lightning says; Lightning's own would print it a second time.
logging.getLogger("lightning").handlers.clear()
# The folder is a run's own and new: what Lightning's CSV logger finds in it is Hydra's.
warnings.filterwarnings("ignore", "Experiment logs directory .* exists and is not empty")
# Between Lightning 2.6 and torch 2.11+; nothing a user could change.
warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")
# torchmetrics' own sums are over all processes already.
warnings.filterwarnings("ignore", "It is recommended to use `self.log.*sync_dist=True")
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
    try:
        return train(cfg)
    except Exception as error:
        if show_traceback() and not in_sweep():
            raise
        if not in_sweep():
            sys.exit(f"error: {one_line(error)}")
        log.error("job failed: %s", one_line(error), exc_info=show_traceback())
        write_json(Path(cfg.output_dir, "metrics.json"), {"error": one_line(error)})
        return float("nan")
    except (KeyboardInterrupt, SystemExit):  # Lightning makes the second of the first
        last = Path(cfg.output_dir, "checkpoints", "last.ckpt")
        if last.exists():
            log.info("interrupted; go on with: %s", resume_command(last))
        else:
            log.info("interrupted before there was a checkpoint")
        if in_sweep():  # the jobs that are done shall not be lost
            summarize(sweep_folder())
        sys.exit(1)


def train(cfg: DictConfig) -> float | None:
    """Trains a network, tests it once, and writes everything into `cfg.output_dir`.

    With `trainer.limit_test_batches=0` it is not tested.

    Args:
        cfg: The composed configuration, see conf/train.yaml.

    Returns:
        Validation accuracy (a fraction) of the epoch that was kept; None without validation.

    Raises:
        ValueError: A setting is out of range, a file is altered, or the loss is not finite.
        OSError: Data or checkpoint is missing, or the output folder can't be written.
    """
    check_settings(cfg)
    Path(cfg.output_dir).mkdir(parents=True, exist_ok=True)
    if not validates(cfg):
        keep_last_epoch(cfg)
    if cfg.trainer.precision == "auto":
        cfg.trainer.precision = choose_precision(cfg.trainer.accelerator)
    cfg.distillation.teachers = find_teachers(cfg.distillation.teachers or [])
    for teacher in cfg.distillation.teachers:
        log.info("learns from %s", shown(teacher))
    keep_freed_memory()
    # Several processes would choose the same cores, and a GPU waits for none of them.
    own_cores = on_cpu(cfg.trainer.accelerator) and cfg.trainer.devices in (1, "auto")
    with use_threads(cfg.threads or DEFAULT_THREADS, own_cores=own_cores):
        return _train(cfg)


def _train(cfg: DictConfig) -> float | None:
    seed_everything(cfg.seed, workers=True)
    recipe = OmegaConf.to_container(cfg, resolve=True)
    resumed = _resumed_checkpoint(cfg)
    if resumed:
        check_resumable(resumed, cast(dict[str, Any], recipe))
        log.info("resuming from %s", shown(resumed))
    data = instantiate(cfg.data, _partial_=True, _convert_="all")()
    data.prepare_data()
    data.setup()
    model = _build_model(cfg, data)
    history = History()
    trainer = _build_trainer(cfg, [history, CheckpointDescription(recipe)])
    if not trainer.is_global_zero:  # of several processes, one speaks
        logging.getLogger("mnist_cnn").setLevel(logging.WARNING)
    log.info(
        "training %s on %s, %s, %s",
        type(model).__name__,
        describe_device(trainer),
        trainer.precision,
        cfg.memory_format,
    )
    _fit(trainer, model, data, resumed)
    if not history.trained:
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
        log.info(format_summary(Path(cfg.output_dir), Path(cfg.output_root), metrics))
    return metrics.get("val/accuracy")


def _fit(
    trainer: Trainer, model: DigitClassifier, data: MnistDataModule, resumed: str | Path | None
) -> None:
    trainer.ckpt_path = resumed  # set here, it is known when the callbacks are set up
    with logging_redirect_tqdm():  # log lines above the progress bar, not inside it
        trainer.fit(model, data, weights_only=True)
    trainer.ckpt_path = None


def _resumed_checkpoint(cfg: DictConfig) -> str | Path | None:
    if cfg.ckpt_path != "last":
        return cfg.ckpt_path  # type: ignore[no-any-return]  # a path or None
    if in_sweep():
        raise ValueError(
            "ckpt_path is last, which in a sweep would resume one job from another; name a file"
        )
    return newest_checkpoint(cfg.output_root)


def _build_model(cfg: DictConfig, data: MnistDataModule) -> DigitClassifier:
    build = instantiate(cfg.model, _partial_=True, _convert_="all")
    optimizer = instantiate(cfg.optimizer)
    try:
        signature(optimizer.func).bind_partial(**optimizer.keywords)
    except TypeError as error:
        raise ValueError(
            f"optimizer {cfg.optimizer._target_}: {error}; an experiment's values stay when "
            "optimizer= changes: drop them, such as ~optimizer.momentum"
        ) from error
    distillation = build_distillation(dict(cfg.distillation), data)
    try:
        model = build(
            input_shape=data.image_shape,
            num_classes=data.num_classes,
            optimizer=optimizer,
            scheduler=instantiate(cfg.scheduler),
            label_smoothing=cfg.label_smoothing,
            distillation=distillation,
        )
    except (RuntimeError, TypeError, ValueError) as error:
        arguments = ", ".join(f"{k}={v}" for k, v in cfg.model.items() if k != "_target_")
        raise ValueError(
            f"model {cfg.model._target_} with {arguments} on images of shape {data.image_shape}: "
            f"{error}; see its docstring"
        ) from error
    # As a rule convolutions are faster with the channels of a pixel side by side.
    return model.to(memory_format=MEMORY_FORMATS[cfg.memory_format])  # type: ignore[no-any-return]


def _build_trainer(cfg: DictConfig, own_callbacks: list[Callback]) -> Trainer:
    loggers = [instantiate(logger) for logger in cfg.logger.values()]
    callbacks = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    if not loggers:  # it insists on one
        callbacks = [item for item in callbacks if not isinstance(item, LearningRateMonitor)]
    # Lightning would put its own in the place of one that was dropped.
    enabled = {
        f"enable_{what}": any(isinstance(item, kind) for item in callbacks)
        for what, kind in (
            ("progress_bar", BaseProgressBar),
            ("model_summary", ModelSummary),
            ("checkpointing", BaseCheckpoint),
        )
    }
    build = instantiate(cfg.trainer, _partial_=True, _convert_="all")
    try:
        trainer = build(
            **{name: value for name, value in enabled.items() if name not in cfg.trainer},
            callbacks=[*own_callbacks, *callbacks],  # a checkpoint holds what those before it saw
            logger=loggers,
            plugins=[AtomicCheckpointIO()],
            default_root_dir=cfg.output_dir,
        )
    except MisconfigurationException as error:
        raise ValueError(f"the trainer refuses its settings: {error}; see trainer.*") from error
    if in_sweep() and trainer.world_size > 1:
        raise ValueError(
            f"trainer has {trainer.world_size} devices in a sweep, whose jobs can't be shared by "
            "processes; add trainer.devices=1"
        )
    for logger in loggers:
        logger.log_hyperparams(_hyperparameters(cfg))
    return cast(Trainer, trainer)


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
    choices = group_choices()
    chosen = {group: choices[group] for group in COMPARED_GROUPS if group in choices}
    typed = dict(text.lstrip("+~").partition("=")[::2] for text in overrides())
    return chosen | {name: value for name, value in typed.items() if name not in chosen} | usual
