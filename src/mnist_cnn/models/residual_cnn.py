"""A small residual network."""

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor, nn

from mnist_cnn.models.base import DigitClassifier, Shape, TrainingSetup, conv_bn
from mnist_cnn.models.batch_norm import BatchNorm2d


class ResidualCnn(DigitClassifier):
    """Residual blocks on three sizes of image (He et al. 2016), the mean, one linear layer.

    Each size begins with a conv–BatchNorm–ReLU, which halves the image but for the first; then come
    its blocks, of two convolutions each, whose input is added to their output.

    ===================================  ===============
    layer                                output
    ===================================  ===============
    conv 3×3, BatchNorm, ReLU            (N, 32, 28, 28)
    1 residual block                     (N, 32, 28, 28)
    conv 3×3, stride 2, BatchNorm, ReLU  (N, 64, 14, 14)
    2 residual blocks                    (N, 64, 14, 14)
    conv 3×3, stride 2, BatchNorm, ReLU  (N, 128, 7, 7)
    2 residual blocks                    (N, 128, 7, 7)
    mean over the image, dropout         (N, 128)
    linear                               (N, 10)
    ===================================  ===============

    851,562 parameters with the defaults on (1, 28, 28) images of 10 classes.

    Args:
        input_shape: (C, H, W) of the images.
        num_classes: K.
        channels: Of the convolutions, by size of the image.
        blocks: How many residual blocks, by size of the image.
        dropout: Probability that a mean is dropped in training.
        setup: What training needs, see `DigitClassifier`.
    """

    def __init__(
        self,
        input_shape: Shape,
        num_classes: int,
        channels: Sequence[int] = (32, 64, 128),
        blocks: Sequence[int] = (1, 2, 2),
        dropout: float = 0.2,
        **setup: Unpack[TrainingSetup],
    ) -> None:
        super().__init__(input_shape, num_classes, **setup)
        layers: list[nn.Module] = []
        inputs, stride = input_shape[0], 1
        for outputs, count in zip(channels, blocks, strict=True):
            layers += conv_bn(inputs, outputs, 3, stride=stride, padding=1)
            layers += [ResidualBlock(outputs) for _ in range(count)]
            inputs, stride = outputs, 2
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, *head, nn.Linear(inputs, num_classes))


class ResidualBlock(nn.Module):
    """Conv–BatchNorm–ReLU, conv–BatchNorm, plus the input, ReLU; keeps the shape (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *conv_bn(channels, channels, 3, padding=1),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            BatchNorm2d(channels),
        )
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        result: Tensor = self.relu(maps + self.change(maps))
        return result
