"""What is drawn or printed around digits: boxes, cells, circles, borders, lines under them."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from mnist_cnn.simulator.common import Floats, choose, smooth_noise
from mnist_cnn.simulator.conditions import BLACKS, BLUES, REDS
from mnist_cnn.simulator.layout import Placed, bounds

Lines = Sequence[Sequence[Placed]]
Sides = tuple[float, float, float, float]  # left, top, right, bottom, in pixels

PRINTED = ((170, 170, 170), (120, 120, 120), (200, 150, 110))


def choose_frames(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """One kind of frame for what is written.

    Args:
        rng: For the kind and its distances.
        lines: The glyphs of each line, on the page.
        height: Of a digit, in pixels.

    Returns:
        Strokes, each (N, 2), in pixels of the page.
    """
    kind = choose(rng, (_box, _cells, _circle, _border, _underlines))
    return kind(rng, lines, height)


def draw_frames(
    rng: np.random.Generator,
    page: Floats,
    strokes: Sequence[Floats],
    to_frame: Floats,
    height: float,
) -> None:
    """Prints or draws strokes, in place.

    Args:
        rng: For colour and width.
        page: (H, W, 3), of a light colour.
        strokes: Each (N, 2), in pixels of the page.
        to_frame: (3, 3), from the page's pixels to the photo's.
        height: Of a digit, in pixels.
    """
    mask = np.zeros(page.shape[:2], np.uint8)
    seen = [cv2.perspectiveTransform(stroke[None], to_frame)[0] for stroke in strokes]
    points = [np.round(16 * stroke).astype(np.int32) for stroke in seen]
    thickness = max(1, round(height * rng.uniform(0.01, 0.08)))
    cv2.polylines(mask, points, False, 255, thickness, cv2.LINE_AA, 4)
    colour = np.array(choose(rng, (*BLACKS, *BLUES, *REDS, *PRINTED)), np.float32)
    page *= 1 - mask[..., None] * np.float32(rng.uniform(0.6, 1.0) / 255) * (1 - colour / 255)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Floats:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return np.array(corners, np.float32)


def _around(rng: np.random.Generator, sides: Sides, low: float, high: float) -> Sides:
    """Sides moved outwards, each by another distance."""
    left, top, right, bottom = rng.uniform(low, high, 4)
    return sides[0] - left, sides[1] - top, sides[2] + right, sides[3] + bottom


def _all_ink(lines: Lines) -> Sides:
    return bounds([glyph for line in lines for glyph in line])


def _box(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """A box of a form around all that is written."""
    return [_rectangle(*_around(rng, _all_ink(lines), 0.08 * height, 0.4 * height))]


def _cells(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """A cell for each digit, the walls halfway between neighbours."""
    strokes = []
    for line in lines:
        sides = _around(rng, bounds(line), 0.06 * height, 0.25 * height)
        strokes.append(_rectangle(*sides))
        for glyph, following in pairwise(line):
            x = (glyph.ink[2] + following.ink[0]) / 2
            strokes.append(np.array([(x, sides[1]), (x, sides[3])], np.float32))
    return strokes


def _circle(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """A ring that somebody drew around a result; its ends may not meet."""
    left, top, right, bottom = _all_ink(lines)
    reach = rng.uniform(0.72, 0.8) * np.array([right - left, bottom - top])  # 0.71: the corners
    angles = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.05), 80)[:, None] + rng.uniform(0, 6)
    ways = np.hstack([np.cos(angles), np.sin(angles)])
    bends = 0.03 * height * smooth_noise(rng, (80, 2), 8)
    middle = np.array([left + right, top + bottom]) / 2
    return [np.asarray(middle + ways * (reach + 0.15 * height) + bends, np.float32)]


def _border(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """The border of a picture, far from what is written."""
    return [_rectangle(*_around(rng, _all_ink(lines), 0.4 * height, 0.6 * height))]


def _underlines(rng: np.random.Generator, lines: Lines, height: float) -> list[Floats]:
    """A line under each line of digits."""
    strokes = []
    for line in lines:
        left, _, right, bottom = _around(rng, bounds(line), 0.05 * height, 0.25 * height)
        tilt = height * rng.normal(0, 0.03)
        strokes.append(np.array([(left, bottom), (right, bottom + tilt)], np.float32))
    return strokes
