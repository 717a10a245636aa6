"""Depthwise separable convolutions on normalised digits: the most from few parameters."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, output_shape
from mnist_cnn.models.moment_normalization import MomentNormalization


class SeparableCnn(DigitClassifier):
    """Digits of one size, a strided convolution, four separable ones, a weighted mean, one layer.

    A separable convolution (Chollet 2017, "Xception") is a 3×3 one of each map by itself and a 1×1
    one of all maps: 1,312 weights from 32 maps to 32, where an ordinary one has 9,216. The mean at
    the end weighs the rows and columns of each map, which tells a 6 from a 9 where the plain mean
    forgets the place (after the global depthwise convolution of MobileFaceNets, Chen et al. 2018,
    here of rank 1).

    ===========================================  ===============
    layer                                        output
    ===========================================  ===============
    moment normalisation                         (N, 1, 28, 28)
    conv 5×5, stride 2, BatchNorm, SiLU          (N, 20, 12, 12)
    separable conv 3×3, BatchNorm, SiLU          (N, 32, 10, 10)
    separable conv 3×3, BatchNorm, SiLU          (N, 32, 8, 8)
    separable conv 3×3, BatchNorm, SiLU          (N, 48, 6, 6)
    separable conv 3×3, BatchNorm, SiLU          (N, 40, 4, 4)
    depthwise conv of a column, of a row         (N, 40, 1, 1)
    linear                                       (N, 10)
    ===========================================  ===============

    7,882 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the first convolution and of the separable ones, as many as there are.
        kernel: Side of the first convolution, in pixels.
        setup: What training needs, see `DigitClassifier`.

    Raises:
        ValueError: The images are too small.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (20, 32, 32, 48, 40),
        kernel: int = 5,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first = channels[0]
        features = nn.Sequential(
            MomentNormalization(),
            nn.Conv2d(input_shape[0], first, kernel, stride=2, bias=False),
            nn.BatchNorm2d(first),
            nn.SiLU(),
            *(layer for ends in pairwise(channels) for layer in _separable_conv(*ends)),
        )
        last, height, width = output_shape(features, input_shape)
        self.layers = nn.Sequential(
            *features,
            nn.Conv2d(last, last, (height, 1), groups=last, bias=False),
            nn.Conv2d(last, last, (1, width), groups=last, bias=False),
            nn.Flatten(),
            nn.Linear(last, num_classes),
        )


def _separable_conv(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, inputs, 3, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(),
    )
