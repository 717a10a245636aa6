"""Six small convolutions with batch normalisation and no hidden layer."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, conv_bn


class CompactCnn(DigitClassifier):
    """Conv–BatchNorm–ReLU six times, the mean over the image, one linear layer.

    Strides take the place of pooling and the mean that of a wide hidden layer: few parameters and
    little work for its depth.

    ===================================  ===============
    layer                                output
    ===================================  ===============
    conv 3×3, BatchNorm, ReLU            (N, 32, 28, 28)
    conv 3×3, stride 2, BatchNorm, ReLU  (N, 32, 14, 14)
    conv 3×3, BatchNorm, ReLU            (N, 64, 14, 14)
    conv 3×3, stride 2, BatchNorm, ReLU  (N, 64, 7, 7)
    conv 3×3, BatchNorm, ReLU            (N, 128, 7, 7)
    conv 3×3, BatchNorm, ReLU            (N, 128, 7, 7)
    mean over the image, dropout         (N, 128)
    linear                               (N, 10)
    ===================================  ===============

    288,170 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the convolutions in pairs, by size of their output.
        dropout: Probability that a mean is dropped in training.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (32, 64, 128),
        dropout: float = 0.2,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        large, middle, small = channels
        self.layers = nn.Sequential(
            *conv_bn(input_shape[0], large, 3, padding=1),
            *conv_bn(large, large, 3, stride=2, padding=1),
            *conv_bn(large, middle, 3, padding=1),
            *conv_bn(middle, middle, 3, stride=2, padding=1),
            *conv_bn(middle, small, 3, padding=1),
            *conv_bn(small, small, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(small, num_classes),
        )
