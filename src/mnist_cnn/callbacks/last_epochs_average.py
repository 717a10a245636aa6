"""The mean of a network over its last epochs."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class LastEpochsAverage(WeightAveraging):
    """The mean of the weights at the ends of the last epochs, with equal shares.

    Stochastic weight averaging (Izmailov et al. 2018, "Averaging weights leads to wider optima and
    better generalization") on top of any schedule. It is validated, saved and tested in place of
    the weights; before the last epochs begin it is the weights themselves.

    Args:
        epochs: How many.

    Raises:
        ValueError: `epochs` is no whole number above 0, or the training has no end.
    """

    def __init__(self, epochs: int) -> None:
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(
                f"averaging epochs is {epochs!r}, must be a whole number above 0; try 3"
            )
        super().__init__()
        self.epochs = epochs
        self._steps = 0  # of an epoch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes where the epochs end."""
        if trainer.max_epochs is None or trainer.max_epochs < 0:
            raise ValueError(
                f"averaging over the last epochs needs an end, but max_epochs is "
                f"{trainer.max_epochs}; set trainer.max_epochs"
            )
        self._steps = int(trainer.num_training_batches)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """After the last step of each epoch, which is before its validation."""
        return step_idx is not None and (step_idx + 1) % self._steps == 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Updates the average, or sets it to the weights while the last epochs are to come."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        assert self._average_model is not None  # for the types: set up by now
        assert trainer.max_epochs is not None
        if trainer.current_epoch < trainer.max_epochs - self.epochs:
            self._average_model.n_averaged.zero_()  # the next update starts the average anew
