"""Random changes of training images: whole batches at a time, each image by numbers of its own."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Augmentation = Callable[[Tensor], Tensor]  # of uint8 images; the result may be float, in 0 to 255
UNCHANGED = nn.Identity()

BEND_KNOTS = 4  # a bend is random at so many points a side and smooth between them


class Warp:
    """Turns, shears, zooms, shifts and bends images, in one interpolation.

    Bends are the elastic distortions of Simard, Steinkraus and Platt (2003, "Best practices for
    convolutional neural networks"), with a coarse grid of random numbers in place of smoothed ones.
    Each number below is the most that happens, one way or the other, and drawn evenly up to there;
    `bend` is a standard deviation. Random numbers are torch's own on the images' device.

    Args:
        rotate: Degrees.
        shear: Degrees that upright lines slant.
        zoom: 0.1 makes an image up to a tenth larger or smaller.
        shift: Share of the width and of the height.
        bend: Pixels.

    Raises:
        ValueError: A number is negative or too large to leave a digit.
    """

    def __init__(
        self,
        rotate: float = 0.0,
        shear: float = 0.0,
        zoom: float = 0.0,
        shift: float = 0.0,
        bend: float = 0.0,
    ) -> None:
        limits = {"rotate": 180, "shear": 60, "zoom": 0.9, "shift": 1, "bend": 10}
        values = {"rotate": rotate, "shear": shear, "zoom": zoom, "shift": shift, "bend": bend}
        for name, most in limits.items():
            if not 0 <= values[name] <= most:
                raise ValueError(
                    f"augment {name} is {values[name]}, must be from 0 to {most}; 0 leaves it out"
                )
        self.rotate, self.shear = math.radians(rotate), math.tan(math.radians(shear))
        self.zoom, self.shift, self.bend = zoom, shift, bend

    def __call__(self, images: Tensor) -> Tensor:
        """Warps a batch.

        Args:
            images: (N, C, H, W), uint8 or float; what comes in from beyond the edge repeats it.

        Returns:
            (N, C, H, W), float32, in the range of `images`.
        """
        count, _, height, width = images.shape
        device = images.device
        x = torch.arange(width, device=device) - (width - 1) / 2
        y = torch.arange(height, device=device) - (height - 1) / 2
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(1, -1, 2)
        size = torch.tensor([width, height], device=device)
        # Where each pixel of the result comes from, in pixels from the centre.
        sources = points @ self._matrices(count, device)
        sources += self._even(self.shift, count, 1, 2, device=device) * size
        if self.bend:
            knots = torch.randn(count, 2, BEND_KNOTS, BEND_KNOTS, device=device) * self.bend
            bends = F.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
            sources += bends.flatten(2).transpose(1, 2)
        grid = (sources / (size / 2)).view(count, height, width, 2)
        return F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)

    def _matrices(self, count: int, device: torch.device) -> Tensor:
        """Shear, rotation and zoom of each image, (N, 2, 2), for points as rows."""
        angle = self._even(self.rotate, count, device=device)
        shear = self._even(self.shear, count, device=device)
        zoom = torch.exp(self._even(math.log1p(self.zoom), count, device=device))
        cos, sin = torch.cos(angle), torch.sin(angle)
        rows = torch.stack([cos, sin, shear * cos - sin, shear * sin + cos], dim=-1)
        return (rows / zoom[:, None]).view(count, 2, 2)

    def _even(self, most: float, *shape: int, device: torch.device) -> Tensor:
        return most * (2 * torch.rand(shape, device=device) - 1)
