"""Remembers every epoch of a run."""

import logging
import time
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

log = logging.getLogger(__name__)


class History(Callback):
    """The metrics of each epoch, and how fast they came.

    A resumed run goes on with the history of the run before it.

    Attributes:
        epochs: One row per epoch: `epoch` (from 1), and each metric, `train/loss` and so on.
        images: Images trained on, per process.
        trained: Whether this process trained at all.
        seconds: Duration of the training, validation included.
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self.images = 0
        self.trained = False
        self.seconds = 0.0
        self._start = 0.0
        self._validated = False

    def state_dict(self) -> dict[str, Any]:
        """The rows, images and seconds so far."""
        return {"epochs": self.epochs, "images": self.images, "seconds": self._elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what the run that is resumed had."""
        self.epochs = list(state_dict["epochs"])
        self.images = state_dict["images"]
        self.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self.trained = True
        self._start = time.perf_counter() - self.seconds

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Counts the images."""
        self.images += len(batch[1])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes that this epoch has validation metrics of its own."""
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds a row, and a line to the log."""
        # The module logs its training metrics after this hook, so they are asked for here.
        train = pl_module.train_metrics.compute()  # type: ignore[operator,union-attr]
        metrics = trainer.callback_metrics if self._validated else {}  # else an earlier epoch's
        self._validated = False
        val = {k: v for k, v in metrics.items() if k.startswith("val/")}
        row = {name: float(value) for name, value in {**train, **val}.items()}
        self.epochs.append({"epoch": trainer.current_epoch + 1, **row})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in row.items())
        log.info("epoch %d/%s: %s", trainer.current_epoch + 1, trainer.max_epochs, shown)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        self.seconds = self._elapsed()

    def _elapsed(self) -> float:
        return time.perf_counter() - self._start
