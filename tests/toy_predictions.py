"""Predictions to evaluate, made without a network, and their probabilities by plain Python."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mnist_cnn.evaluation import Predictions

CLASSES = 10


def make_predictions(labels: Sequence[int], predicted: Sequence[int]) -> Predictions:
    """Images 0, 1, 2, … with logits that make each prediction clearer than the one before."""
    logits = torch.zeros(len(labels), CLASSES)
    for index, choice in enumerate(predicted):
        logits[index, choice] = 1 + index
    images = torch.arange(len(labels)).byte().view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    return Predictions(images, torch.tensor(labels).long(), logits)


def make_noisy() -> Predictions:
    """300 images of all classes, about half of them read right."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % CLASSES
    logits = torch.randn(300, CLASSES, generator=generator)
    logits[torch.arange(300), labels] += 1.5
    images = torch.randint(0, 256, (300, 1, 28, 28), generator=generator).byte()
    return Predictions(images, labels, logits)


def naive_probabilities(logits: Tensor) -> list[list[float]]:
    """Rows of probabilities."""
    rows = []
    for row in logits.tolist():
        powers = [math.exp(value) for value in row]
        rows.append([power / sum(powers) for power in powers])
    return rows
