"""What all networks share: steps, loss, metrics, optimizer.

Letters for shapes, here and in every network: N images in a batch, C channels, H × W pixels,
K classes.
"""

from collections.abc import Callable, Iterator
from typing import TypedDict

import torch
import torch.nn.functional as F
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from mnist_cnn.models.batch_norm import BatchNorm2d
from mnist_cnn.schedulers import SchedulerFactory

Shape = tuple[int, int, int]
Batch = tuple[Tensor, Tensor]
OptimizerFactory = Callable[[Iterator[nn.Parameter]], Optimizer]
Teaching = Callable[[Tensor, Tensor, Tensor], Tensor]  # see `mnist_cnn.distillation.Distillation`


class TrainingSetup(TypedDict, total=False):
    """What a network needs to be trained, and not to be used: no part of its checkpoint."""

    optimizer: OptimizerFactory
    scheduler: SchedulerFactory
    label_smoothing: float
    distillation: Teaching | None


class DigitClassifier(LightningModule):
    """Base of all networks. A variant is a constructor that sets `layers`, and nothing else.

    Every argument of a variant but those of TrainingSetup is a plain number or a tuple of them:
    that is what its checkpoints store, and all that rebuilding it takes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        optimizer: Makes the optimizer from the parameters; only training needs it.
        scheduler: Makes the schedule, see `mnist_cnn.schedulers`; only training needs it.
        label_smoothing: Share of a label that is spread over all classes in training (Szegedy et
            al. 2016, "Rethinking the Inception architecture"); logged losses are without it.
        distillation: Mixes the training loss with what other networks say; logged losses are
            without it. None: no other networks.

    Raises:
        ValueError: `label_smoothing` is not from 0 to below 1.
    """

    layers: nn.Module

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        optimizer: OptimizerFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        label_smoothing: float = 0.0,
        distillation: Teaching | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing is {label_smoothing}, must be from 0 to below 1; try 0.1"
            )
        self.save_hyperparameters(ignore=list(TrainingSetup.__annotations__), logger=False)
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self._label_smoothing = label_smoothing
        self._distillation = distillation
        self.train_metrics = _metrics(num_classes, "train/")
        self.val_metrics = _metrics(num_classes, "val/")
        self.test_metrics = _metrics(num_classes, "test/")

    @property  # type: ignore[misc]  # Lightning: one may set it; nobody does
    def example_input_array(self) -> Tensor:
        """An empty image for the shapes in the summary, (1, C, H, W), of the weights' type."""
        dtype = next(self.parameters()).dtype
        return torch.zeros(1, *self.hparams["input_shape"], dtype=dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Scores the classes.

        Args:
            images: (N, C, H, W), float, normalised as in training.

        Returns:
            Logits, (N, K).
        """
        logits: Tensor = self.layers(images)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """One step on images (N, C, H, W) and labels (N,); returns `loss` and `logits` (N, K)."""
        return self._step(batch, self.train_metrics)

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """As `training_step`, with the validation metrics."""
        return self._step(batch, self.val_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """As `training_step`, with the test metrics; never in a mixed precision."""
        # evaluate.py, which knows no precision, shall give the same figures.
        with torch.autocast(self.device.type, enabled=False):
            return self._step(batch, self.test_metrics)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The probabilities (N, K) of the classes for the images of a batch."""
        images, _ = batch
        logits: Tensor = self(images)
        return logits.softmax(dim=1)

    def on_train_epoch_end(self) -> None:
        """Logs the epoch's training metrics."""
        self._log_epoch(self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        """Logs the epoch's validation metrics."""
        self._log_epoch(self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Logs the test metrics."""
        self._log_epoch(self.test_metrics)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The injected optimizer and schedule.

        Raises:
            ValueError: The network was built without them.
        """
        if self._make_optimizer is None or self._make_scheduler is None:
            raise ValueError(
                f"{type(self).__name__} was built with optimizer={self._make_optimizer} and "
                f"scheduler={self._make_scheduler}, training needs both; pass both factories"
            )
        optimizer = self._make_optimizer(self.parameters())
        schedule = self._make_scheduler(optimizer, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _step(self, batch: Batch, metrics: MetricCollection) -> dict[str, Tensor]:
        images, labels = batch
        logits = self(images)
        losses = F.cross_entropy(logits, labels, reduction="none")
        # Not self.log: its bookkeeping on every step costs more than these updates do.
        metrics["loss"].update(losses.detach())
        metrics["accuracy"].update(logits.detach(), labels)
        loss = losses.mean()
        if self.training and self._label_smoothing:
            # What is logged stays without it, to be compared with the loss of the validation.
            loss = F.cross_entropy(logits, labels, label_smoothing=self._label_smoothing)
        if self.training and self._distillation:
            loss = self._distillation(loss, logits, images)
        return {"loss": loss, "logits": logits.detach()}

    def _log_epoch(self, metrics: MetricCollection) -> None:
        self.log_dict(metrics.compute(), prog_bar=True)
        metrics.reset()


def conv_bn(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    activation: type[nn.Module] = nn.ReLU,
) -> tuple[nn.Module, ...]:
    """A convolution of kernel × kernel pixels, its batch normalisation, an activation."""
    # No bias: the normalisation behind it would take it out again.
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
    return conv, BatchNorm2d(outputs), activation()


def flat_features(features: nn.Module, input_shape: Shape) -> int:
    """Number of values that `features` makes of one image.

    Args:
        features: Layers from images (N, C, H, W) to feature maps.
        input_shape: (C, H, W).

    Raises:
        ValueError: The images are too small for the layers.
    """
    training = features.training
    try:
        with torch.no_grad():
            # In evaluation mode: no batch statistics, no random numbers are touched.
            maps: Tensor = features.eval()(torch.zeros(1, *input_shape))
        return maps.numel()
    except RuntimeError as error:
        _, height, width = input_shape
        reason = " ".join(str(error).split())
        raise ValueError(
            f"images of {height}×{width} pixels are too small for this network, or a number of it "
            f"is no size ({reason}); use larger images, other numbers or another model"
        ) from error
    finally:
        features.train(training)


def _metrics(num_classes: int, prefix: str) -> MetricCollection:
    return MetricCollection(
        {
            # disable: a NaN shall show; the default would drop it, after a device round trip. It
            # also ignores weights (torchmetrics 1.9), so the metric gets the loss of each image.
            "loss": MeanMetric(nan_strategy="disable"),
            # micro: correct / all. torchmetrics' default averages over the classes.
            "accuracy": MulticlassAccuracy(num_classes, average="micro", validate_args=False),
        },
        prefix=prefix,
        compute_groups=False,  # nothing to share; the search for it would cost the first step
    )
