"""What all parts of the simulator share: array types, ranges, smooth noise."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Range = tuple[float, float]
T = TypeVar("T")
Box = tuple[int, int, int, int]  # x, y, width, height


def draw(rng: np.random.Generator, limits: Range) -> float:
    """A number from a range, all alike."""
    return float(rng.uniform(*limits))


def draw_size(rng: np.random.Generator, limits: Range) -> float:
    """A number from a range of sizes: as many from 50 to 100 as from 100 to 200."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def choose(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, all alike."""
    return options[int(rng.integers(len(options)))]


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], knots: int, channels: int = 1
) -> Floats:
    """Clouds: a coarse grid of normal numbers, interpolated.

    Args:
        rng: For the numbers.
        shape: Height and width.
        knots: Grid points along the longer side.
        channels: 1 gives (H, W), more give (H, W, C).

    Returns:
        float32, about standard normal at the knots.
    """
    rows, columns = (max(2, round(knots * side / max(shape))) for side in shape)
    grid = rng.standard_normal((rows, columns, channels), np.float32)
    clouds = cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(clouds, np.float32)
