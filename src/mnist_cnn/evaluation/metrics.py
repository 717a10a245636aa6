"""Figures of a classifier that torchmetrics doesn't have."""

import math

import torch
from torch import Tensor

Z_95 = 1.959964  # the normal distribution's two-sided 95 % quantile


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


def coverage(confidences: Tensor, correct: Tensor, accuracy: float) -> float:
    """The largest share of cases that a classifier may decide alone to be so accurate on them.

    It decides those from a threshold of confidence on and leaves the rest to a person: selective
    classification (Geifman and El-Yaniv 2017). Equal confidences are decided or left together.

    Args:
        confidences: (N,), the probability of each case's predicted class; N is at least 1.
        correct: (N,), bool: whether that class is the true one.
        accuracy: Share of the decided cases that must be right, in [0, 1].

    Returns:
        In [0, 1]; 0 where no threshold reaches the accuracy.
    """
    order = confidences.argsort(descending=True)
    _, ties = torch.unique_consecutive(confidences[order], return_counts=True)
    decided = ties.cumsum(dim=0)  # cases from each threshold on
    right = correct[order].cumsum(dim=0)[decided - 1]
    # double, as `accuracy` is: 999 of 1000 are exactly 0.999.
    reached = right.double() / decided >= accuracy
    return int((decided * reached).max()) / len(confidences)
