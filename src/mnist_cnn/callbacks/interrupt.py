"""Ctrl-C without losing anything."""

import logging
import signal
from types import FrameType
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

log = logging.getLogger(__name__)

TOGETHER = 20  # steps after which several processes ask each other: each time they wait


class Interrupt(Callback):
    """On Ctrl-C, finishes the step, saves a checkpoint, then stops.

    Between two steps is the one place where a checkpoint fits the loader's position, so that the
    resumed training repeats the uninterrupted one. Several processes stop after the same step, up
    to TOGETHER steps later: one that saved alone would wait for the others, and they for it. A
    second Ctrl-C stops at once.

    Args:
        checkpoint: File to save to.
    """

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint
        self._wanted = False
        self._handler_before: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over SIGINT."""
        self._handler_before = signal.signal(signal.SIGINT, self._on_signal)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Saves and stops, if Ctrl-C was pressed; the last step leaves that to the epoch's end.

        Raises:
            KeyboardInterrupt: Which Lightning turns into an orderly end.
        """
        if not trainer.is_last_batch and self._all_stop(trainer, batch_idx):
            # Weights that have diverged are not worth the file that they would replace.
            if trainer.strategy.reduce_boolean_decision(bool(outputs["loss"].isfinite())):
                trainer.save_checkpoint(self.checkpoint, weights_only=False)  # the whole training
            raise KeyboardInterrupt

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops after the epoch's own checkpoint, if Ctrl-C was pressed in its last moments."""
        if self._all_stop(trainer):
            raise KeyboardInterrupt

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives SIGINT back."""
        self._give_back()
        if self._all_stop(trainer):
            raise KeyboardInterrupt

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Gives SIGINT back."""
        self._give_back()

    def _all_stop(self, trainer: Trainer, batch_idx: int = 0) -> bool:
        if trainer.world_size > 1 and batch_idx % TOGETHER:
            return False
        return trainer.strategy.reduce_boolean_decision(self._wanted, all=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            raise KeyboardInterrupt
        self._wanted = True
        log.info("Ctrl-C: stopping after this step; press it again to stop at once")

    def _give_back(self) -> None:
        # Lightning ignores SIGINT while it shuts down after one; that must stay so.
        if signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._handler_before)
