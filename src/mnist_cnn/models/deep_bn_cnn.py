"""Four convolutions with batch normalisation behind the activation."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, flat_features
from mnist_cnn.models.batch_norm import BatchNorm2d


class DeepBnCnn(DigitClassifier):
    """Four convolutions, poolings after the second and fourth, two hidden layers.

    ==================================  ===============
    layer                               output
    ==================================  ===============
    conv 3×3, ReLU                      (N, 5, 28, 28)
    conv 3×3, max pool, ReLU, BatchNorm (N, 10, 14, 14)
    conv 3×3, ReLU, BatchNorm           (N, 20, 14, 14)
    conv 3×3, max pool, ReLU, BatchNorm (N, 40, 7, 7)
    linear, ReLU, dropout               (N, 200)
    linear, ReLU                        (N, 500)
    linear                              (N, 10)
    ==================================  ===============

    507,420 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the four convolutions.
        hidden: Sizes of the two hidden layers.
        dropout: Probability that a value of the first hidden layer is dropped in training.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (5, 10, 20, 40),
        hidden: Sequence[int] = (200, 500),
        dropout: float = 0.5,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second, third, fourth = channels
        wide, narrow = hidden
        features = nn.Sequential(
            nn.Conv2d(input_shape[0], first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            BatchNorm2d(second),
            nn.Conv2d(second, third, 3, padding=1),
            nn.ReLU(),
            BatchNorm2d(third),
            nn.Conv2d(third, fourth, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            BatchNorm2d(fourth),
        )
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat_features(features, input_shape), wide),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(wide, narrow),
            nn.ReLU(),
            nn.Linear(narrow, num_classes),
        )
        self.layers = nn.Sequential(*features, *head)
