"""How good is a network? Figures and pictures from its predictions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import rotate

from mnist_cnn import figures
from mnist_cnn.checkpoints import Checkpoint
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.data.mnist import EVAL_BATCH_SIZE
from mnist_cnn.data.sources import MNIST_SHA256
from mnist_cnn.evaluation.metrics import coverage, wilson_interval

TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
# MNIST's test images, counted from 0, whose label is in doubt: at most two of five people confirmed
# it. They were shown the 100 that confident learning had flagged: cleanlab/label-errors,
# mturk/mnist_mturk.json, by Northcutt et al. 2021, "Pervasive label errors in test sets destabilize
# machine learning benchmarks".
MNIST_DOUBTFUL = (
    947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729,
)  # fmt: skip
COVERAGE_ACCURACIES = (0.999, 1.0)


@dataclass(frozen=True)
class Member:
    """One network of an ensemble, on its own.

    Attributes:
        checkpoint: Its file.
        accuracy: In [0, 1].
        loss: Mean negative log-likelihood, in nats.
        accuracy_beyond_doubt: Without the images whose label is in doubt or, of validation images,
            that all members misread; None where there are none.
        loss_beyond_doubt: The same of the loss.
    """

    checkpoint: str
    accuracy: float
    loss: float
    accuracy_beyond_doubt: float | None
    loss_beyond_doubt: float | None


@dataclass(frozen=True)
class Predictions:
    """Predictions for labelled images, and what can be said about them.

    Attributes:
        images: (N, C, H, W), uint8.
        labels: (N,), int64.
        logits: (N, K), float.
        doubtful: Indices of images whose label is in doubt.
        members: The networks of an ensemble; none where it is a single network.
        turn: Degrees by which the images were seen turned, too, see `predict`.
        misread_by_all: Indices of validation images that all members misread.
    """

    images: Tensor
    labels: Tensor
    logits: Tensor
    doubtful: tuple[int, ...] = ()
    members: tuple[Member, ...] = ()
    turn: float = 0.0
    misread_by_all: tuple[int, ...] = ()

    @cached_property
    def probabilities(self) -> Tensor:
        """(N, K), float64: in float32 many of the surest would be alike, namely 1."""
        return self.logits.softmax(dim=1, dtype=torch.float64)

    @cached_property
    def predicted(self) -> Tensor:
        """The most probable class of each image: (N,)."""
        return self.logits.argmax(dim=1)

    @cached_property
    def correct(self) -> Tensor:
        """Whether the predicted class is the label: (N,), bool."""
        return self.predicted == self.labels

    @cached_property
    def loss(self) -> float:
        """Mean negative log-likelihood (cross-entropy), in nats."""
        return F.cross_entropy(self.logits, self.labels).item()

    @cached_property
    def accuracy(self) -> float:
        """Share of images whose predicted class is right."""
        return self.correct.double().mean().item()

    @cached_property
    def accuracy_interval(self) -> tuple[float, float]:
        """The accuracy's 95 % interval."""
        return wilson_interval(self.accuracy, len(self.labels))

    @cached_property
    def calibration_error(self) -> float:
        """Expected calibration error, in [0, 1].

        The mean distance (l1) of probability and accuracy over 15 equal bins of the highest
        probability; one that is 1 in float32 has a bin of its own. Guo et al. 2017, "On
        calibration of modern neural networks".
        """
        classes = self.logits.shape[1]
        return multiclass_calibration_error(
            self.probabilities, self.labels, classes, n_bins=15, norm="l1"
        ).item()

    @cached_property
    def coverages(self) -> dict[float, float]:
        """For each accuracy, the share of images that the network can read alone to reach it.

        The others, its least sure ones by the highest probability, go to a person; see `coverage`.
        The threshold is chosen in hindsight, by these images: an upper bound for others.
        """
        confidences = self.probabilities.amax(dim=1)
        return {
            accuracy: coverage(confidences, self.correct, accuracy)
            for accuracy in COVERAGE_ACCURACIES
        }

    @cached_property
    def confusion(self) -> Tensor:
        """Counts by true and predicted class: (K, K), int64."""
        classes = self.logits.shape[1]
        pairs = self.labels * classes + self.predicted
        return torch.bincount(pairs, minlength=classes**2).view(classes, classes)

    @cached_property
    def accuracy_by_class(self) -> list[float]:
        """Share of the images of each class that were recognised; NaN for a class without any."""
        return (self.confusion.diag() / self.confusion.sum(dim=1)).tolist()

    def beyond_doubt(self) -> "Predictions":
        """Those of the images whose label is not in doubt."""
        kept = torch.ones(len(self.labels), dtype=torch.bool)
        kept[list(self.doubtful)] = False
        return Predictions(self.images[kept], self.labels[kept], self.logits[kept])

    def worst_mistakes(self, count: int) -> Tensor:
        """Indices of wrongly read images, least probable truth first: (≤ count,)."""
        wrong = (~self.correct).nonzero().flatten()
        losses = F.cross_entropy(self.logits[wrong], self.labels[wrong], reduction="none")
        return wrong[losses.argsort(descending=True, stable=True)[:count]]

    def titles(self, chosen: Tensor) -> list[str]:
        """A short text for each chosen image: truth and prediction with their probabilities."""
        return [
            f"true {self.labels[i]}: {self.probabilities[i, self.labels[i]]:.1%}\n"
            f"read {self.predicted[i]}: {self.probabilities[i].max():.1%}"
            for i in chosen.tolist()
        ]

    def confusion_figure(self) -> Figure:
        """The confusion matrix."""
        title = f"{len(self.labels):,} images, accuracy {self.accuracy:.2%}"
        return figures.confusion_matrix(self.confusion.numpy(), title)

    def mistakes_figure(self) -> Figure:
        """The worst mistakes, with the probabilities of truth and prediction."""
        chosen = self.worst_mistakes(40)
        wrong = int((~self.correct).sum())
        title = f"{len(chosen)} worst of {wrong} mistakes, with their probabilities"
        images, titles = self.images[chosen].numpy(), self.titles(chosen)
        return figures.digits(images, titles, columns=8, title=title)


def evaluate(
    checkpoint: Checkpoint, data_dir: str | None = None, turn: float = 0.0, part: str = "test"
) -> Predictions:
    """Predicts images that the network was not trained on, normalised as in its training.

    Args:
        checkpoint: What to evaluate.
        data_dir: Folder of the data; None for the one of the training, if it is here, or `data`.
        turn: As for `predict`.
        part: "test", or "val" for those that its training put aside for validation.

    Raises:
        ValueError: A data file is altered, nothing was put aside, or the data is not of the
            network's kind.
        FileNotFoundError: The data is missing and no source has it.
    """
    recorded = checkpoint.data["data_dir"]
    # A checkpoint from elsewhere must not choose a folder to be made and filled here.
    here = recorded if Path(recorded, "MNIST", "raw").is_dir() else "data"
    data = MnistDataModule(**checkpoint.data | {"data_dir": data_dir or here})
    data.prepare_data()
    data.setup()
    network = checkpoint.model.hparams
    shape, classes = tuple(network["input_shape"]), network["num_classes"]
    if shape != data.image_shape or classes < data.num_classes:
        raise ValueError(
            f"checkpoint {checkpoint.path} is for {classes} classes of images {shape}, but "
            f"{data.folder} holds {data.num_classes} of {data.image_shape}; name the folder of its "
            "own data with --data DIR"
        )
    images, labels = data.part(part)
    if not len(labels):
        raise ValueError(
            f"checkpoint {checkpoint.path} was trained with data.val_size={data.val_size}, must be "
            "above 0 to have validation images; evaluate it on the test images"
        )
    official = all(data.digests.get(name) == MNIST_SHA256[name] for name in TEST_FILES)
    doubtful = MNIST_DOUBTFUL if official and part == "test" else ()
    return Predictions(images, labels, predict(checkpoint, images, turn), doubtful, turn=turn)


def predict(checkpoint: Checkpoint, images: Tensor, turn: float = 0.0) -> Tensor:
    """The logits of images, normalised as in the network's training.

    Args:
        checkpoint: Of the network.
        images: (N, C, H, W), uint8, without ink where they are 0.
        turn: Degrees, from 0. Above 0 each image is also seen turned by so much to the left and to
            the right, and the mean of the three probabilities counts: test-time augmentation.

    Returns:
        (N, K), float32; float64 with a turn, see `mean_logits`.
    """
    if not turn:
        return _predict_turned(checkpoint, images, 0)
    return mean_logits([_predict_turned(checkpoint, images, angle) for angle in (0, turn, -turn)])


def mean_logits(logits: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of probabilities (Lakshminarayanan et al. 2017).

    Args:
        logits: Of each network, or of each view of the images, (N, K), float.

    Returns:
        (N, K), float64; its softmax is that mean. Finite where the logits are: no probability is
        computed that could be rounded to 0.
    """
    logs = torch.stack([single.log_softmax(dim=1, dtype=torch.float64) for single in logits])
    return logs.logsumexp(dim=0) - math.log(len(logits))


def _predict_turned(checkpoint: Checkpoint, images: Tensor, angle: float) -> Tensor:
    normalize = build_normalization(checkpoint.normalization)
    network = checkpoint.model.to(memory_format=torch.channels_last)  # as in training
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(normalize(rotate(batch, angle, InterpolationMode.BILINEAR)))
                for batch in torch.split(images, EVAL_BATCH_SIZE)
            ]
        )
    return logits.clone()  # usable outside inference mode
