"""Digits of one size, upright and centred: what a network need not learn."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of the ink, in half sides of the image: a little narrower than high, as digits are.
WIDTH, HEIGHT = 0.32, 0.39
# Zoom of the sampling positions, at least and at most: a 1 must not become as wide as a 0.
WIDTH_ZOOM, HEIGHT_ZOOM = (0.5, 1.15), (0.5, 1.3)
LEAN = 2.0  # columns a row, at most: no digit leans more, a dash may


class MomentNormalization(nn.Module):
    """Centres, straightens and scales each image by the moments of its ink. No parameters.

    Casey (1970, "Moment normalization of handprinted characters"); the straightening alone is the
    deslanting of LeCun et al. (1998). Ink is what lies above the lowest value of a channel. Then
    the ink's centre is the image's, its columns don't lean, and its standard deviations are WIDTH
    and HEIGHT, as far as LEAN and the zooms allow. What comes in from beyond the edge has no ink.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Normalises a batch.

        Args:
            images: (N, C, H, W), float, N above 0.

        Returns:
            (N, C, H, W), of the type of `images` and in their range; an image of one value stays.
        """
        # Positions in bfloat16 would be wrong by pixels.
        with torch.autocast(images.device.type, enabled=False):
            ink = images.float()
            paper = ink.amin(dim=(2, 3), keepdim=True)
            ink = ink - paper
            count, _, height, width = images.shape
            positions = _positions(height, width, images.device)
            # One product for the whole batch: affine_grid's many small ones take ten times as long.
            sources = _matrices(ink, positions).flatten(0, 1) @ positions
            grid = sources.view(count, 2, height, width).permute(0, 2, 3, 1)
            moved = F.grid_sample(ink, grid, align_corners=False) + paper
        return moved.to(images.dtype)


def _positions(height: int, width: int, device: torch.device) -> Tensor:
    """Of each pixel x and y in half sides from the centre, and 1: (3, H · W)."""
    # Not torch's default type, which a precision such as 64-true changes.
    x = (2 * torch.arange(width, dtype=torch.float32, device=device) + 1) / width - 1
    y = (2 * torch.arange(height, dtype=torch.float32, device=device) + 1) / height - 1
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)]).flatten(1)


def _matrices(ink: Tensor, positions: Tensor) -> Tensor:
    """From positions of the result to those they are sampled at, of each image: (N, 2, 3)."""
    x_mean, y_mean, x_variance, y_variance, covariance = _moments(ink.sum(dim=1), positions)
    lean = (covariance / y_variance).clamp(-LEAN, LEAN)
    width = (x_variance - lean * covariance).clamp_min(0).sqrt() / WIDTH
    height = y_variance.sqrt() / HEIGHT
    width, height = width.clamp(*WIDTH_ZOOM), height.clamp(*HEIGHT_ZOOM)
    zero = torch.zeros_like(width)
    rows = [width, lean * height, x_mean, zero, height, y_mean]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def _moments(ink: Tensor, positions: Tensor) -> tuple[Tensor, ...]:
    """Means of x and y, their variances, their covariance: in half sides, (N,) each.

    Args:
        ink: (N, H, W), from 0. Without any, all are 0 but y's variance, which is 1e-6 at least.
        positions: Of the pixels, see `_positions`.
    """
    x, y, one = positions
    powers = torch.stack([one, x, y, x * x, y * y, x * y], dim=1)
    mass, *sums = (ink.flatten(1) @ powers).unbind(dim=1)
    x_mean, y_mean, xx, yy, xy = (value / mass.clamp_min(1e-6) for value in sums)
    return x_mean, y_mean, xx - x_mean**2, (yy - y_mean**2).clamp_min(1e-6), xy - x_mean * y_mean
