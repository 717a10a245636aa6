"""Handwritten digits on synthetic paper, with a camera's faults, from MNIST's images.

Independent of whatever reads the photos: it knows paper, pens and cameras, and no reader.
"""

from mnist_cnn.simulator.conditions import CONDITIONS, Condition
from mnist_cnn.simulator.development import OTHERS
from mnist_cnn.simulator.non_digits import NON_DIGITS, simulate_non_digit
from mnist_cnn.simulator.scenes import Scene, simulate

__all__ = [
    "CONDITIONS",
    "NON_DIGITS",
    "OTHERS",
    "Condition",
    "Scene",
    "simulate",
    "simulate_non_digit",
]
