"""How good is a network? Figures and pictures from its predictions on the test images."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from mnist_cnn import figures
from mnist_cnn.checkpoints import Checkpoint
from mnist_cnn.data import MnistDataModule

Z_95 = 1.959964  # the normal distribution's two-sided 95 % quantile


@dataclass(frozen=True)
class Predictions:
    """Predictions for labelled images, and what can be said about them.

    Attributes:
        images: (N, C, H, W), uint8.
        labels: (N,), int64.
        logits: (N, K), float32.
    """

    images: Tensor
    labels: Tensor
    logits: Tensor

    @cached_property
    def probabilities(self) -> Tensor:
        """(N, K)."""
        return self.logits.softmax(dim=1)

    @cached_property
    def predicted(self) -> Tensor:
        """The most probable class of each image: (N,)."""
        return self.logits.argmax(dim=1)

    @cached_property
    def loss(self) -> float:
        """Mean cross-entropy, in nats."""
        return F.cross_entropy(self.logits, self.labels).item()

    @cached_property
    def accuracy(self) -> float:
        """Share of images whose predicted class is right."""
        return (self.predicted == self.labels).double().mean().item()

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

    def worst_mistakes(self, count: int) -> Tensor:
        """Indices of wrongly read images, least probable truth first: (≤ count,)."""
        wrong = (self.predicted != self.labels).nonzero().flatten()
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

    def mistakes_figure(self, count: int = 40) -> Figure:
        """The worst mistakes, with the probabilities of truth and prediction."""
        chosen = self.worst_mistakes(count)
        wrong = int((self.predicted != self.labels).sum())
        title = f"{len(chosen)} worst of {wrong} mistakes, with the network's probabilities"
        images, titles = self.images[chosen].numpy(), self.titles(chosen)
        return figures.digits(images, titles, columns=8, title=title)

    def report(self) -> dict[str, Any]:
        """All figures as plain data."""
        low, high = wilson_interval(self.accuracy, len(self.labels))
        return {
            "images": len(self.labels),
            "loss": self.loss,
            "accuracy": self.accuracy,
            "accuracy_interval_95": [low, high],
            # JSON has no NaN, which a class without images has.
            "accuracy_by_class": [
                None if math.isnan(share) else share for share in self.accuracy_by_class
            ],
            "confusion_matrix": self.confusion.tolist(),
        }


def evaluate(checkpoint: Checkpoint, data_dir: str | None = None) -> Predictions:
    """Predicts the test images, normalised as in the checkpoint's training.

    Args:
        checkpoint: What to evaluate.
        data_dir: Folder of the data; None for the one of the training, if it is here, or `data`.

    Raises:
        ValueError: A data file is altered.
        FileNotFoundError: The data is missing and no source has it.
    """
    recorded = checkpoint.data["data_dir"]
    # A checkpoint from elsewhere must not choose a folder to be made and filled here.
    here = recorded if Path(recorded, "MNIST", "raw").is_dir() else "data"
    data = MnistDataModule(**checkpoint.data | {"data_dir": data_dir or here})
    data.prepare_data()
    data.setup()
    images, labels = data.part("test")
    with torch.inference_mode():
        logits = torch.cat([checkpoint.model(batch) for batch, _ in data.test_dataloader()])
    return Predictions(images, labels, logits.clone())  # clone: usable outside inference mode


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share that was measured on `count` cases (Wilson 1927).

    Unlike the textbook's normal interval it stays within [0, 1] and holds near 1.

    Args:
        share: In [0, 1].
        count: At least 1.
    """
    centre = share + Z_95**2 / (2 * count)
    spread = Z_95 * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    scale = 1 + Z_95**2 / count
    # Rounding may lead out of [0, 1] by a hair.
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def format_report(predictions: Predictions) -> str:
    """The report as text for the screen."""
    low, high = wilson_interval(predictions.accuracy, len(predictions.labels))
    classes = range(predictions.logits.shape[1])
    lines = [
        f"images    {len(predictions.labels)}",
        f"loss      {predictions.loss:.4f}",
        f"accuracy  {predictions.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})",
        "",
        "digit     " + " ".join(f"{digit:>7}" for digit in classes),
        "accuracy  " + " ".join(f"{share:>7.2%}" for share in predictions.accuracy_by_class),
        "",
        "confusion matrix (rows: true, columns: predicted)",
        "          " + " ".join(f"{digit:>7}" for digit in classes),
    ]
    for digit, row in zip(classes, predictions.confusion.tolist(), strict=True):
        lines.append(f"{digit:>9} " + " ".join(f"{count:>7}" for count in row))
    return "\n".join(lines)


def write_report(predictions: Predictions, folder: Path) -> None:
    """Writes `report.json`, `confusion_matrix.png` and `worst_mistakes.png`.

    Raises:
        OSError: The folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(predictions.report(), indent=2) + "\n")
    predictions.confusion_figure().savefig(folder / "confusion_matrix.png", dpi=120)
    predictions.mistakes_figure().savefig(folder / "worst_mistakes.png", dpi=120)
