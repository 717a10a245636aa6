"""Four convolutions with batch normalisation that shrink the image at once: little work."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, conv_bn, flat_features


class StridedCnn(DigitClassifier):
    """Conv–BatchNorm–ReLU four times, without padding or pooling, and one linear layer.

    The first two convolutions take every second position: most of the work is left out before it
    is done. The network of experiment=fast.

    ===================================  ===============
    layer                                output
    ===================================  ===============
    conv 4×4, stride 2, BatchNorm, ReLU  (N, 16, 13, 13)
    conv 3×3, stride 2, BatchNorm, ReLU  (N, 32, 6, 6)
    conv 3×3, BatchNorm, ReLU            (N, 64, 4, 4)
    conv 3×3, BatchNorm, ReLU            (N, 64, 2, 2)
    flatten                              (N, 256)
    linear                               (N, 10)
    ===================================  ===============

    63,082 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the four convolutions.
        setup: What training needs, see `DigitClassifier`.

    Raises:
        ValueError: The images are too small.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (16, 32, 64, 64),
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        first, second, third, fourth = channels
        features = nn.Sequential(
            *conv_bn(input_shape[0], first, 4, stride=2),
            *conv_bn(first, second, 3, stride=2),
            *conv_bn(second, third, 3),
            *conv_bn(third, fourth, 3),
            nn.Flatten(),
        )
        self.layers = nn.Sequential(
            *features, nn.Linear(flat_features(features, input_shape), num_classes)
        )
