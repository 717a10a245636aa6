"""The baseline without convolutions."""

import math
from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup


class Mlp(DigitClassifier):
    """A feed-forward network on the flattened image: what does convolution buy?

    ====================  ===========
    layer                 output
    ====================  ===========
    flatten               (N, 784)
    linear, ReLU          (N, 512)
    linear, ReLU          (N, 256)
    linear, ReLU          (N, 128)
    linear                (N, 10)
    ====================  ===========

    567,434 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        hidden: Sizes of the three hidden layers.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        hidden: Sequence[int] = (512, 256, 128),
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second, third = hidden
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(input_shape), first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Linear(second, third),
            nn.ReLU(),
            nn.Linear(third, num_classes),
        )
