"""The mean of a network over its last epochs."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class LastEpochsAverage(WeightAveraging):
    """The mean of the weights at the ends of the last epochs, with equal shares.

    Stochastic weight averaging (Izmailov et al. 2018, "Averaging weights leads to wider optima and
    better generalization") on top of any schedule; the statistics of batch normalisation are
    averaged, too, not computed anew. The average is validated, saved and tested in place of the
    weights. Before the last epochs it is the weights themselves.

    Args:
        epochs: How many, counted from `trainer.max_epochs`.

    Raises:
        ValueError: `epochs` is no whole number above 0.
    """

    def __init__(self, epochs: int) -> None:
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(
                f"averaging epochs is {epochs!r}, must be a whole number above 0; try 3"
            )
        super().__init__()
        self.epochs = epochs
        self._first = 0  # epoch that counts, from 0
        self._due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes which epochs count.

        Raises:
            ValueError: The training has no last epoch.
        """
        if trainer.max_epochs is None or trainer.max_epochs < 0:
            raise ValueError(
                f"averaging over the last epochs needs an end, but max_epochs is "
                f"{trainer.max_epochs}; set trainer.max_epochs"
            )
        self._first = trainer.max_epochs - self.epochs

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """After the last step of an epoch that counts, and every step before; never in between."""
        return step_idx is not None and self._due

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Updates the average, or sets it to the weights while the last epochs are to come."""
        early = trainer.current_epoch < self._first
        # At the end of an epoch Lightning steps whatever is accumulated; max_steps may cut it.
        ends = trainer.is_last_batch or trainer.global_step == trainer.max_steps
        self._due = early or ends
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if early and self._average_model is not None:
            self._average_model.n_averaged.zero_()  # the next update copies the weights
