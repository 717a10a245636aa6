"""Curves between the epochs."""

from typing import Any

import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule, Trainer
from torch import Tensor


class StepCurves(Callback):
    """Logs loss and accuracy of training and validation every so many steps.

    For training that is the batch of the step, for validation a fixed handful of images: all of
    them would cost more than the training between two points. The curves by epoch are exact; with
    `averaging=` they are of the averaged weights, these here of those that are trained.

    Args:
        every_n_steps: Batches between two points; 0 for none.
        val_images: How many validation images to look at; 0 for none.
    """

    def __init__(self, every_n_steps: int, val_images: int) -> None:
        self.every_n_steps = every_n_steps
        self.val_images = val_images
        self._val_batch: tuple[Tensor, Tensor] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the validation images aside, spread over the whole validation part."""
        data = trainer.datamodule  # type: ignore[attr-defined]  # set by Trainer.fit
        images, labels = data.part("val")
        if len(images) and self.val_images:
            chosen = torch.linspace(0, len(images) - 1, min(self.val_images, len(images))).long()
            self._val_batch = (
                data.normalize(images[chosen].to(pl_module.device)),
                labels[chosen].to(pl_module.device),
            )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Logs a point, when it is time."""
        batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        if not self.every_n_steps or batches % self.every_n_steps:
            return
        points = _point("train", outputs["logits"], batch[1])
        if self._val_batch:
            images, labels = self._val_batch
            pl_module.eval()
            with torch.inference_mode(), trainer.precision_plugin.val_step_context():
                images = trainer.precision_plugin.convert_input(images)
                points |= _point("val", pl_module(images), labels)
            pl_module.train()
        for logger in trainer.loggers:
            # Lightning's own loggers count steps from 0: this puts the points beside theirs.
            logger.log_metrics(points, step=max(trainer.global_step - 1, 0))


def _point(part: str, logits: Tensor, labels: Tensor) -> dict[str, float]:
    return {
        f"{part}/loss_step": F.cross_entropy(logits.float(), labels).item(),
        f"{part}/accuracy_step": (logits.argmax(dim=1) == labels).float().mean().item(),
    }
