"""Learning from other networks: an ensemble's knowledge in one small network."""

import math
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_cnn.checkpoints import check_distinct, load_checkpoint
from mnist_cnn.data import MnistDataModule


class Distillation:
    """Mixes a network's loss with its distance from what teachers say of the same images.

    Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network". The teachers see
    the images as they are augmented for the network itself: a "consistent" teacher (Beyer et al.
    2022, "Knowledge distillation: a good teacher is patient and consistent").

    Args:
        teachers: Networks from normalised images (N, C, H, W) to logits (N, K), in evaluation mode.
        weight: Share of the teachers in the loss, from 0 to 1; the rest is the labels'.
        temperature: Above 0; what all logits are divided by, so that more than one class counts.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(self, teachers: Sequence[nn.Module], weight: float, temperature: float) -> None:
        if not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise ValueError(f"distillation weight is {weight}, must be from 0 to 1; try 0.9")
        if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
            raise ValueError(f"distillation temperature is {temperature}, must be above 0; try 2")
        self.teachers, self.weight, self.temperature = tuple(teachers), weight, temperature

    def __call__(self, loss: Tensor, logits: Tensor, images: Tensor) -> Tensor:
        """The mixed loss of a batch.

        Args:
            loss: That of the labels, a scalar.
            logits: The network's, (N, K).
            images: What it saw, (N, C, H, W).

        Returns:
            A scalar. The teachers' part is the Kullback-Leibler divergence from their mean
            probabilities, times the square of the temperature, which leaves gradients of one size.
        """
        divergence = F.kl_div(
            F.log_softmax(logits.float() / self.temperature, dim=1),
            self.probabilities(images),
            reduction="batchmean",
        )
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * divergence

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Mean of the teachers' probabilities at the temperature: (N, K), float32."""
        logits = torch.stack([teacher.to(images)(images) for teacher in self.teachers])
        return (logits.float() / self.temperature).softmax(dim=2).mean(dim=0)


def find_teachers(teachers: Sequence[str]) -> list[str]:
    """The files that names and patterns such as `outputs/sweeps/TIME/*/checkpoints/last.ckpt` mean.

    Raises:
        FileNotFoundError: A name is no file, and no file matches it.
        ValueError: `teachers` is no list of texts, or a file is there twice.
    """
    if isinstance(teachers, str):
        raise ValueError(f"distillation teachers is {teachers}, must be a list; put it in brackets")
    for name in teachers:
        if not isinstance(name, str):
            raise ValueError(
                f"distillation teacher {name} is {type(name).__name__}, must be the name of a file"
            )
    files: list[str] = []
    for name in teachers:
        # Path.glob takes no absolute patterns; a file whose name looks like a pattern is itself.
        matches = [name] if Path(name).exists() else sorted(glob(name, recursive=True))  # noqa: PTH207
        if not matches:
            raise FileNotFoundError(
                f"distillation teacher {name} is no file, and no file matches it as a pattern; "
                "check the path"
            )
        files += matches
    check_distinct([Path(file) for file in files], "distillation teacher")
    return files


def build_distillation(settings: dict[str, Any], data: MnistDataModule) -> Distillation | None:
    """What `distillation` in a configuration stands for; None without teachers.

    Args:
        settings: `teachers`, the files of their checkpoints, `weight` and `temperature`.
        data: Of the training, ready to use.

    Raises:
        FileNotFoundError: A teacher's file is missing.
        ValueError: A file is no checkpoint of this project, or a teacher takes other images, tells
            other classes apart, or a number is out of its range.
    """
    teachers = []
    for path in settings["teachers"]:
        checkpoint = load_checkpoint(path)
        network = checkpoint.model.hparams
        theirs = (tuple(network["input_shape"]), network["num_classes"], checkpoint.normalization)
        own = (tuple(data.image_shape), data.num_classes, data.hparams["normalization"])
        for what, one, other in zip(
            ("images of shape", "number of classes", "data/normalization"), theirs, own, strict=True
        ):
            if one != other:
                raise ValueError(
                    f"teacher {path} was trained with {what} {one}, this run has {other}, must be "
                    "the same; choose another teacher or other data"
                )
        teachers.append(checkpoint.model)
    # Numbers are checked in any case: they are there to be used later.
    distillation = Distillation(teachers, settings["weight"], settings["temperature"])
    return distillation if teachers else None
