"""Stops a training that has diverged."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor


class FiniteLoss(Callback):
    """Raises an error when a training loss is infinite or not a number, and says at which step.

    The losses are looked at in groups, so that a GPU isn't waited for after every step. The
    checkpoints of earlier epochs stay as they are.

    Args:
        every_n_steps: Steps between two looks; there is one more at the end of an epoch.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Notes the loss; looks at the notes now and then.

        Raises:
            ValueError: A loss since the last look was not finite.
        """
        self._losses.append(outputs["loss"].detach())
        if len(self._losses) == self.every_n_steps or trainer.is_last_batch:
            self._look(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at what is left where trainer.max_steps ended the training amid an epoch.

        Raises:
            ValueError: A loss since the last look was not finite.
        """
        if self._losses:
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        losses, self._losses = torch.stack(self._losses), []
        if not losses.isfinite().all():
            first = int(losses.isfinite().logical_not().nonzero()[0])
            # Batches, not optimizer steps, which are fewer where gradients are accumulated.
            step = trainer.fit_loop.epoch_loop.total_batch_idx - len(losses) + first + 2
            raise ValueError(
                f"the training loss is {losses[first].item()} at step {step} (epoch "
                f"{trainer.current_epoch + 1}), it must be finite; lower optimizer.lr"
            )
