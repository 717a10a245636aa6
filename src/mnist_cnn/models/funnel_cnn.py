"""Three convolutions that narrow, one pooling, no activation in the head."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, flat_features


class FunnelCnn(DigitClassifier):
    """Conv–ReLU three times with ever fewer channels, one pooling, three linear layers.

    ====================  ===============
    layer                 output
    ====================  ===============
    conv 3×3, ReLU        (N, 32, 26, 26)
    conv 3×3, ReLU        (N, 16, 24, 24)
    conv 3×3, ReLU        (N, 8, 22, 22)
    max pool 2×2          (N, 8, 11, 11)
    linear                (N, 512)
    linear                (N, 128)
    linear                (N, 10)
    ====================  ===============

    569,186 parameters with the defaults on (1, 28, 28) images of 10 classes. Takes images of
    8×8 pixels and more. The head has no activations, as in its text: it is one linear map in
    three factors.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the three convolutions.
        hidden: Sizes of the two hidden layers.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (32, 16, 8),
        hidden: Sequence[int] = (512, 128),
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second, third = channels
        wide, narrow = hidden
        features = nn.Sequential(
            nn.Conv2d(input_shape[0], first, 3),
            nn.ReLU(),
            nn.Conv2d(first, second, 3),
            nn.ReLU(),
            nn.Conv2d(second, third, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat_features(features, input_shape), wide),
            nn.Linear(wide, narrow),
            nn.Linear(narrow, num_classes),
        )
        self.layers = nn.Sequential(*features, *head)
