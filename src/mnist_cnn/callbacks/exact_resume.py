"""Makes a resumed training repeat the uninterrupted one, bit by bit."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from torchmetrics import Metric, MetricCollection

from mnist_cnn.data import TensorBatches

KEY = "exact_resume"


class ExactResume(Callback):
    """Keeps in the checkpoint what Lightning leaves out or loses.

    That is the state of torch's random numbers (dropout), the training metrics of the epoch so far,
    and the position in the epoch: Lightning saves a loader's state, but doesn't restore it when the
    optimizer's set-up asked for the number of steps. Of several processes, the metrics of the first
    stand for all. Checkpoints must be saved between two steps,
    as RunCheckpoint and Interrupt do.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the states."""
        loader = cast(TensorBatches, trainer.train_dataloader)
        checkpoint[KEY] = {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
            "loader": loader.state_dict(),
            "metrics": {name: metric.metric_state for name, metric in _metrics(pl_module)},
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keeps the states until training starts, since setting up draws random numbers too."""
        self._loaded = checkpoint.get(KEY, {})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the states."""
        if not self._loaded:
            return
        cast(TensorBatches, trainer.train_dataloader).load_state_dict(self._loaded["loader"])
        for name, metric in _metrics(pl_module):
            for state, value in self._loaded["metrics"][name].items():
                setattr(metric, state, value.to(pl_module.device))
        torch.set_rng_state(self._loaded["cpu"])
        # A run may resume on a machine with other GPUs; then there is no state to restore.
        if len(self._loaded["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self._loaded["cuda"])


def _metrics(module: LightningModule) -> Iterable[tuple[str, Metric]]:
    return cast(MetricCollection, module.train_metrics).items()
