"""Convolutions without padding: much accuracy from few parameters."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, conv_bn, flat_features
from mnist_cnn.models.batch_norm import BatchNorm2d
from mnist_cnn.models.gradient_directions import DIRECTIONS, GradientDirections
from mnist_cnn.models.moment_normalization import MomentNormalization


class UnpaddedCnn(DigitClassifier):
    """A strided convolution, four more, the mean over the image, one linear layer.

    Without padding the convolutions see no edge that isn't there, and shrink the image themselves.

    ===================================  ===============
    layer                                output
    ===================================  ===============
    conv 5×5, stride 2, BatchNorm, SiLU  (N, 32, 12, 12)
    conv 3×3, BatchNorm, SiLU            (N, 64, 10, 10)
    conv 3×3, BatchNorm, SiLU            (N, 64, 8, 8)
    conv 3×3, BatchNorm, SiLU            (N, 96, 6, 6)
    conv 3×3, BatchNorm, SiLU            (N, 96, 4, 4)
    mean over the image                  (N, 96)
    linear                               (N, 10)
    ===================================  ===============

    196,010 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the convolutions, as many as there are.
        kernel: Side of the first convolution, in pixels; without meaning where that is left out.
        separable: Splits each 3×3 convolution into one of each map by itself and a 1×1 one of all
            maps (Chollet 2017, "Xception"): from 32 maps to 32, 1,312 weights in place of 9,216.
        shared: Shares weights across layers: 3×3 convolutions that agree in both their numbers of
            maps, inputs and outputs, have the same ones, each with a batch normalisation of its
            own (Liang and Hu 2015, "Recurrent convolutional neural network for object
            recognition"). The same parameters make a deeper and wider network.
        moments: Centres, straightens and scales the digits first, see `MomentNormalization`:
            a small network need not learn that. A larger one learns more from augmentation.
        gradients: In place of the first convolution the gradient in eight directions, without
            parameters; `channels` are those of the 3×3 convolutions then.
        setup: What training needs, see `DigitClassifier`.

    Raises:
        ValueError: The images are too small, or `channels` are no whole numbers above 0.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (32, 64, 64, 96, 96),
        kernel: int = 5,
        separable: bool = False,
        shared: bool = False,
        moments: bool = False,
        gradients: bool = False,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        if not channels or any(not isinstance(n, int) or n < 1 for n in channels):
            raise ValueError(
                f"channels is {list(channels)}, must be whole numbers above 0; try [20, 32, 32]"
            )
        first: tuple[nn.Module, ...]
        if gradients:
            first, widths = (GradientDirections(),), [DIRECTIONS * input_shape[0], *channels]
        else:
            first = conv_bn(input_shape[0], channels[0], kernel, stride=2, activation=nn.SiLU)
            widths = [*channels]
        features = nn.Sequential(
            *([MomentNormalization()] if moments else []),
            *first,
            *_blocks(widths, separable=separable, shared=shared),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.layers = nn.Sequential(
            *features, nn.Linear(flat_features(features, input_shape), num_classes)
        )


def _blocks(widths: Sequence[int], *, separable: bool, shared: bool) -> Iterator[nn.Module]:
    convs: dict[tuple[int, int], list[nn.Module]] = {}
    for ends in pairwise(widths):
        if not shared or ends not in convs:
            convs[ends] = _convs(*ends, separable=separable)
        yield from (*convs[ends], BatchNorm2d(ends[1]), nn.SiLU())


def _convs(inputs: int, outputs: int, *, separable: bool) -> list[nn.Module]:
    # Without bias, as in `conv_bn`.
    if not separable:
        return [nn.Conv2d(inputs, outputs, 3, bias=False)]
    by_map = nn.Conv2d(inputs, inputs, 3, groups=inputs, bias=False)
    return [by_map, nn.Conv2d(inputs, outputs, 1, bias=False)]
