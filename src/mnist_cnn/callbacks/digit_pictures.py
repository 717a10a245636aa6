"""Pictures for TensorBoard: what goes in, what comes out, where it fails."""

from typing import Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import Tensor

from mnist_cnn import figures
from mnist_cnn.data import MnistDataModule, TensorBatches
from mnist_cnn.evaluation import Predictions

FIRST_DIGITS = 40
RANDOM_DIGITS = 5


class DigitPictures(Callback):
    """Shows the first training digits, and after the test five of its digits and the mistakes.

    Args:
        seed: Chooses the random test digits and augments the training digits.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._logits: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the first digits of the training part, and what augmentation makes of them."""
        if not _boards(trainer):
            return
        data = cast(MnistDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        images, labels = data.part("train", FIRST_DIGITS)
        titles = [str(int(label)) for label in labels]
        _show(trainer, "digits/first training digits", figures.digits(images.numpy(), titles))
        changed = data.augment(images, torch.Generator().manual_seed(self.seed)).byte()
        if not torch.equal(changed, images):
            picture = figures.digits(changed.numpy(), titles)
            _show(trainer, "digits/first training digits, augmented", picture)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401  # what `DigitClassifier` returns from its steps
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collects the logits."""
        if not _boards(trainer):
            return
        self._logits.append(outputs["logits"].float().cpu())

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows random digits with their predictions, the confusion matrix, the worst mistakes."""
        if not self._logits:
            return
        logits, self._logits = torch.cat(self._logits), []
        images, labels = trainer.datamodule.part("test")  # type: ignore[attr-defined]
        # The test may be cut short (trainer.limit_test_batches) or shared by several processes.
        seen = cast(TensorBatches, trainer.test_dataloaders).sampler.indices()[: len(logits)]
        predictions = Predictions(images[seen], labels[seen], logits)
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(seen), generator=generator)[:RANDOM_DIGITS]
        random_digits = figures.digits(
            predictions.images[chosen].numpy(), predictions.titles(chosen), columns=RANDOM_DIGITS
        )
        _show(trainer, "digits/random test digits", random_digits)
        _show(trainer, "test/confusion matrix", predictions.confusion_figure())
        _show(trainer, "test/worst mistakes", predictions.mistakes_figure())


def _show(trainer: Trainer, tag: str, figure: Figure) -> None:
    for logger in _boards(trainer):
        logger.experiment.add_figure(tag, figure, trainer.global_step)


def _boards(trainer: Trainer) -> list[TensorBoardLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
