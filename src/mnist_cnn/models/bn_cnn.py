"""Two convolutions with batch normalisation."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, flat_features
from mnist_cnn.models.batch_norm import BatchNorm2d


class BnCnn(DigitClassifier):
    """Conv–BatchNorm–pool–ReLU twice, then a wide hidden layer with dropout.

    ============================  ==============
    layer                         output
    ============================  ==============
    conv 3×3, BatchNorm           (N, 8, 28, 28)
    max pool 2×2, ReLU            (N, 8, 14, 14)
    conv 5×5, BatchNorm           (N, 32, 14, 14)
    max pool 2×2, ReLU            (N, 32, 7, 7)
    linear, ReLU, dropout         (N, 600)
    linear                        (N, 10)
    ============================  ==============

    954,002 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the two convolutions.
        hidden: Size of the hidden layer.
        dropout: Probability that a hidden value is dropped in training.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (8, 32),
        hidden: int = 600,
        dropout: float = 0.5,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second = channels
        # The text has ReLU before pooling: the same values, from four times as many.
        features = nn.Sequential(
            nn.Conv2d(input_shape[0], first, 3, padding=1),
            BatchNorm2d(first),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(first, second, 5, padding=2),
            BatchNorm2d(second),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(flat_features(features, input_shape), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        self.layers = nn.Sequential(*features, *head)
