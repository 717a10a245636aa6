"""Reads digits from photos: a classifier, the reading, and what predict.py makes of it."""

from mnist_cnn.prediction.classifiers import (
    Classifier,
    bundled_classifier,
    checkpoint_classifier,
)
from mnist_cnn.prediction.reading import ReadDigit, Reading, read_digits

__all__ = [
    "Classifier",
    "ReadDigit",
    "Reading",
    "bundled_classifier",
    "checkpoint_classifier",
    "read_digits",
]
