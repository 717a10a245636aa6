"""Which way the edges of a digit run: what a network's first layer need not learn."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIRECTIONS = 8


class GradientDirections(nn.Module):
    """The parts of the grey values' gradient in eight directions, at half the size. No parameters.

    The feature of classical digit readers (Liu et al. 2003, "Handwritten digit recognition:
    benchmarking of state-of-the-art techniques"): Sobel's gradient, its positive part in each
    direction, the mean of 2×2 pixels. Beyond the edge the image repeats its last values.
    """

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
        smooth, slope = torch.tensor([1.0, 2.0, 1.0]) / 4, torch.tensor([-1.0, 0.0, 1.0])
        x, y = torch.outer(smooth, slope), torch.outer(slope, smooth)
        filters = angles.cos()[:, None, None] * x + angles.sin()[:, None, None] * y
        self.register_buffer("filters", filters[:, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Finds the directions in a batch.

        Args:
            images: (N, C, H, W), float32 or as autocast takes it.

        Returns:
            (N, 8·C, H // 2, W // 2), from 0; direction k points
            k · 45° from the right towards the bottom, where it gets brighter.
        """
        channels = images.shape[1]
        padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
        edges = F.conv2d(padded, self.filters.repeat(channels, 1, 1, 1), groups=channels)
        return F.avg_pool2d(F.relu(edges), 2)
