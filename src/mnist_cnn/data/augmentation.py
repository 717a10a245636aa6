"""Random changes of training images: whole batches at a time, each image by numbers of its own."""

import math
from collections.abc import Callable, Mapping
from functools import cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

# From uint8 images (N, C, H, W) and a generator on their device, to such images, uint8 or float.
Augmentation = Callable[[Tensor, Generator], Tensor]

BEND_KNOTS = 4  # a bend is random at so many points a side and smooth between them


def unchanged(images: Tensor, generator: Generator) -> Tensor:
    """No augmentation."""
    return images


class Warp:
    """Turns, shears, zooms, shifts and bends images, in one interpolation.

    Bends are the elastic distortions of Simard, Steinkraus and Platt (2003, "Best practices for
    convolutional neural networks"), with a coarse grid of random numbers in place of smoothed ones.
    The other numbers are the most that happens, one way or the other.

    Args:
        rotate: Degrees, drawn evenly.
        shear: Degrees that upright lines slant; the tangent is drawn evenly.
        zoom: 0.1 makes an image up to 1.1 times as large, or as small; drawn evenly in logarithms.
        shift: Share of the width and of the height, drawn evenly.
        bend: Pixels, the standard deviation at the knots of the grid; four fifths of it between.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        rotate: float = 0.0,
        shear: float = 0.0,
        zoom: float = 0.0,
        shift: float = 0.0,
        bend: float = 0.0,
    ) -> None:
        limits = {"rotate": 180, "shear": 60, "zoom": 0.9, "shift": 0.5, "bend": 10}
        values = {"rotate": rotate, "shear": shear, "zoom": zoom, "shift": shift, "bend": bend}
        for name, most in limits.items():
            if not isinstance(values[name], int | float) or not 0 <= values[name] <= most:
                raise ValueError(
                    f"augment {name} is {values[name]!r}, must be from 0 to {most}; 0 leaves it out"
                )
        self.rotate, self.shear = math.radians(rotate), math.tan(math.radians(shear))
        self.zoom, self.shift, self.bend = zoom, shift, bend

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Warps a batch.

        Args:
            images: (N, C, H, W), uint8 or float; what comes in from beyond the edge repeats it.
            generator: Of the random numbers, on the images' device.

        Returns:
            (N, C, H, W), float32, in the range of `images`.
        """
        count, _, height, width = images.shape
        device = images.device
        size = _size(height, width, device)
        # Where a pixel of the result comes from, in pixels from the centre, is a sum of fixed
        # fields, of each as much as the image's numbers say.
        amounts = [self._matrices(count, generator)]
        amounts += [_even(self.shift, (count, 1, 2), generator) * size]
        if self.bend:
            knots = torch.randn((count, 2, BEND_KNOTS**2), generator=generator, device=device)
            amounts += [self.bend * knots.transpose(1, 2)]
        numbers = (torch.cat(amounts, dim=1) / (size / 2)).transpose(1, 2)
        fields = _fields(height, width, device)[: numbers.shape[2]]
        # One product for the whole batch: many small ones take longer than all the rest.
        sources = numbers.flatten(0, 1) @ fields
        grid = sources.view(count, 2, height, width).permute(0, 2, 3, 1)
        return F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)

    def _matrices(self, count: int, generator: Generator) -> Tensor:
        """Shear, rotation and zoom of each image, (N, 2, 2), for points as rows."""
        angle = _even(self.rotate, (count,), generator)
        shear = _even(self.shear, (count,), generator)
        zoom = torch.exp(_even(math.log1p(self.zoom), (count,), generator))
        cos, sin = torch.cos(angle), torch.sin(angle)
        rows = torch.stack([cos, sin, shear * cos - sin, shear * sin + cos], dim=-1)
        return (rows / zoom[:, None]).view(count, 2, 2)


class Cutout:
    """Empties a square at a random place of each image (DeVries and Taylor 2017).

    "Improved regularization of convolutional neural networks with Cutout": the network can't rely
    on any one part of a digit. Near the edge the square is cut.

    Args:
        side: Of the square, in pixels.

    Raises:
        ValueError: It is no whole number above 0.
    """

    def __init__(self, side: int) -> None:
        if not isinstance(side, int) or side < 1:
            raise ValueError(
                f"augment side is {side!r}, must be a whole number of pixels above 0; try 8"
            )
        self.side = side

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Empties a square of each image of a batch.

        Args:
            images: (N, C, H, W), uint8 or float.
            generator: Of the random numbers, on the images' device.

        Returns:
            (N, C, H, W), of the type of `images`; 0 in the squares.
        """
        height, width = images.shape[2:]
        rows = self._inside(len(images), height, generator)[:, None, :, None]
        columns = self._inside(len(images), width, generator)[:, None, None, :]
        return images.masked_fill(rows & columns, 0)

    def _inside(self, count: int, length: int, generator: Generator) -> Tensor:
        """Which of so many positions lie in the square, for each image: (N, length), bool."""
        device = generator.device
        centres = torch.randint(length, (count, 1), generator=generator, device=device)
        offsets = torch.arange(length, device=device) - centres + self.side // 2
        return (offsets >= 0) & (offsets < self.side)


class Chain:
    """Augmentations one after the other.

    Args:
        steps: The augmentations by names that a configuration can change them by.
    """

    def __init__(self, steps: Mapping[str, Augmentation]) -> None:
        self.steps = steps

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Changes a batch (N, C, H, W) by every step."""
        for step in self.steps.values():
            images = step(images, generator)
        return images


@cache
def _size(height: int, width: int, device: torch.device) -> Tensor:
    """Width and height, copied to the device once: (2,)."""
    return torch.tensor([width, height], device=device)


@cache
def _fields(height: int, width: int, device: torch.device) -> Tensor:
    """Of each pixel x, y, 1 and the share of every knot of a bend: (3 + BEND_KNOTS², H · W)."""
    x = torch.arange(width, device=device) - (width - 1) / 2
    y = torch.arange(height, device=device) - (height - 1) / 2
    y, x = torch.meshgrid(y, x, indexing="ij")
    knots = torch.eye(BEND_KNOTS**2, device=device).view(1, -1, BEND_KNOTS, BEND_KNOTS)
    shares = F.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
    return torch.cat([torch.stack([x, y, torch.ones_like(x)]), shares[0]]).flatten(1)


def _even(most: float, shape: tuple[int, ...], generator: Generator) -> Tensor:
    return most * (2 * torch.rand(shape, generator=generator, device=generator.device) - 1)
