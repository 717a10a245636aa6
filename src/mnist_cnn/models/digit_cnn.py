"""Two plain convolutions."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, flat_features


class DigitCnn(DigitClassifier):
    """Conv–pool–ReLU twice, then one small hidden layer.

    ====================  ===============
    layer                 output
    ====================  ===============
    conv 3×3              (N, 32, 26, 26)
    max pool 2×2, ReLU    (N, 32, 13, 13)
    conv 3×3              (N, 64, 11, 11)
    max pool 2×2, ReLU    (N, 64, 5, 5)
    linear, ReLU          (N, 64)
    linear                (N, 10)
    ====================  ===============

    121,930 parameters with the defaults on (1, 28, 28) images of 10 classes. Takes images of
    10×10 pixels and more.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the two convolutions.
        hidden: Size of the hidden layer.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (32, 64),
        hidden: int = 64,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second = channels
        # The text has ReLU before pooling: the same values, from four times as many.
        features = nn.Sequential(
            nn.Conv2d(input_shape[0], first, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat_features(features, input_shape), hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )
        self.layers = nn.Sequential(*features, *head)
