"""Three convolutions, a pooling after each: the Keras network."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, flat_features


class PooledCnn(DigitClassifier):
    """Conv–pool–ReLU three times, then two small hidden layers.

    ====================  ===============
    layer                 output
    ====================  ===============
    conv 3×3              (N, 64, 26, 26)
    max pool 2×2, ReLU    (N, 64, 13, 13)
    conv 3×3              (N, 64, 11, 11)
    max pool 2×2, ReLU    (N, 64, 5, 5)
    conv 3×3              (N, 64, 3, 3)
    max pool 2×2, ReLU    (N, 64, 1, 1)
    linear, ReLU          (N, 64)
    linear, ReLU          (N, 32)
    linear                (N, 10)
    ====================  ===============

    81,066 parameters with the defaults on (1, 28, 28) images of 10 classes. Takes images of
    22×22 pixels and more. The weights start as Keras' do.

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
        channels: Sequence[int] = (64, 64, 64),
        hidden: Sequence[int] = (64, 32),
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second, third = channels
        wide, narrow = hidden
        # The text has ReLU before pooling: the same values, from four times as many.
        features = nn.Sequential(
            nn.Conv2d(input_shape[0], first, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(second, third, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat_features(features, input_shape), wide),
            nn.ReLU(),
            nn.Linear(wide, narrow),
            nn.ReLU(),
            nn.Linear(narrow, num_classes),
        )
        self.layers = nn.Sequential(*features, *head)
        self.layers.apply(_initialize_as_keras)


def _initialize_as_keras(layer: nn.Module) -> None:
    # Glorot & Bengio 2010, uniform, with zero biases: the defaults of Keras' Conv2D and Dense.
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
