"""Where the glyphs of a scene stand, and how large the frame around them is."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mnist_cnn.simulator.common import Floats, draw, draw_size
from mnist_cnn.simulator.conditions import Condition
from mnist_cnn.simulator.strokes import SIDE, ZOOM, ink_box

DIGIT = 20.0  # height of a digit in MNIST pixels
LONGEST_LINE = 1300  # pixels, without signs and words; longer ones are written smaller
NOWHERE = -1e6  # in pixels: the ink's edge in a row without ink
ROWS = 120  # in which the outlines of neighbours are compared


@dataclass(frozen=True)
class Glyph:
    """A digit, a sign or a letter, as a pen draws it.

    Args:
        field: (SIDE·ZOOM, SIDE·ZOOM), of its ink.
        digit: What it is; empty for a sign or a letter.
        space: More room before it than between digits, in heights.
    """

    field: Floats
    digit: str = ""
    space: float = 0.0


@dataclass(frozen=True)
class Placed:
    """A glyph on the page.

    Args:
        glyph: A digit, a sign or a letter.
        scale: Pixels for an MNIST pixel.
        x: Of the field's left edge, in pixels.
        y: Of the field's upper edge, in pixels.
    """

    glyph: Glyph
    scale: float
    x: float
    y: float

    @property
    def ink(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the ink, in pixels."""
        left, top, right, bottom = (self.scale * side for side in ink_box(self.glyph.field))
        return self.x + left, self.y + top, self.x + right, self.y + bottom

    def to_page(self) -> Floats:
        """(3, 3): from the field's pixels to the page's."""
        step = self.scale / ZOOM
        corner = 0.5 * step - 0.5  # pixels are counted at their centres
        return np.array(
            [[step, 0, self.x + corner], [0, step, self.y + corner], [0, 0, 1]], np.float32
        )

    def moved(self, x: float, y: float) -> "Placed":
        """The same, further right and down."""
        return Placed(self.glyph, self.scale, self.x + x, self.y + y)


def choose_height(rng: np.random.Generator, condition: Condition, lengths: Sequence[int]) -> float:
    """Height of a digit in pixels."""
    if tuple(lengths) == (1,):
        height = draw_size(rng, condition.height)
        return min(height, 0.95 * condition.frame[1]) if condition.frame else height
    return min(draw_size(rng, condition.string_height), LONGEST_LINE / (0.95 * max(lengths)))


def set_line(
    rng: np.random.Generator, glyphs: Sequence[Glyph], height: float, condition: Condition
) -> list[Placed]:
    """Puts glyphs side by side, their base lines about y = 0.

    Args:
        rng: For gaps, sizes and the way the line wanders.
        glyphs: From left to right.
        height: Of a digit, in pixels.
        condition: Gives the ranges.
    """
    slope = rng.normal(0, 0.02)
    middle = draw(rng, condition.gap)  # of this writer; the gaps are about as wide
    placed: list[Placed] = []
    right = np.full(ROWS, NOWHERE, np.float32)
    for glyph in glyphs:
        scale = height / DIGIT * float(np.clip(rng.normal(1, condition.size_spread), 0.65, 1.4))
        drift = height * rng.uniform(-1, 1) * condition.wander
        gap = height * float(np.clip(middle + rng.normal(0, 0.05), *condition.gap))
        there = Placed(glyph, scale, 0.0, drift - scale * (SIDE + DIGIT) / 2)
        x = _beside(there, placed, right, gap + height * glyph.space, height)
        there = there.moved(x, slope * x)
        right = np.maximum(right, _profile(there, height, right=True))
        placed.append(there)
    return placed


def _profile(placed: Placed, height: float, right: bool) -> Floats:
    """Where a glyph's ink ends on one side, (ROWS,) in pixels."""
    y = np.linspace(-1.8 * height, 0.8 * height, ROWS)
    rows = np.round((y - placed.y) / placed.scale * ZOOM).astype(int)
    ink = (placed.glyph.field > 0)[np.clip(rows, 0, SIDE * ZOOM - 1)]
    edge = ink.shape[1] - ink[:, ::-1].argmax(axis=1) if right else -ink.argmax(axis=1)
    edges = np.where(ink.any(axis=1), edge / ZOOM * placed.scale, NOWHERE).astype(np.float32)
    # Ink a little higher or lower is a neighbour as well.
    reach = cv2.dilate(edges[:, None], np.ones((7, 1), np.uint8))[:, 0]
    return np.asarray(placed.x + (reach if right else -reach), np.float32)


def _beside(
    placed: Placed, line: Sequence[Placed], right: Floats, gap: float, height: float
) -> float:
    """How far right a glyph goes, so that its ink is `gap` from that of the line so far."""
    if not line:
        return 0.0
    by_outline = float(np.max(right - _profile(placed, height, right=False)))
    by_box = line[-1].ink[2] - placed.ink[0]
    return max(by_outline, by_box - 0.3 * height) + gap


def stack(
    rng: np.random.Generator, lines: Sequence[list[Placed]], height: float
) -> list[list[Placed]]:
    """Puts lines below one another, with a gap between their ink."""
    stacked: list[list[Placed]] = []
    floor = 0.0
    for line in lines:
        indent = height * rng.exponential(0.3) if len(lines) > 1 else 0.0
        top = min(glyph.ink[1] for glyph in line)
        moved = [glyph.moved(indent, floor - top) for glyph in line]
        floor = max(glyph.ink[3] for glyph in moved) + height * draw(rng, (0.3, 0.9))
        stacked.append(moved)
    return stacked


def bounds(glyphs: Sequence[Placed]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of all ink, in pixels."""
    sides = np.array([glyph.ink for glyph in glyphs])
    left, top = sides[:, :2].min(axis=0)
    right, bottom = sides[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def frame(
    rng: np.random.Generator, lines: Sequence[list[Placed]], height: float, condition: Condition
) -> tuple[list[list[Placed]], tuple[int, int]]:
    """Moves the lines into a frame with margins.

    Returns:
        The lines and the frame's (height, width).
    """
    left, top, right, bottom = bounds([glyph for line in lines for glyph in line])
    ink = np.array([right - left, bottom - top])
    before, after = height * draw(rng, condition.margin) * rng.uniform(0.6, 1.4, (2, 2))
    size = ink + before + after
    if condition.frame and len(lines) == len(lines[0]) == 1:
        size = np.clip(size, *condition.frame)
        size[0] = max(size[0], rng.uniform(0.7, 1.1) * size[1])  # no narrow frame around a 1
        if condition.hard and rng.random() < 0.3:
            size = np.array([28.0, 28.0])  # as programs have it in which one draws for MNIST
        size = np.maximum(size, ink)
    width, rows = (int(side) for side in np.ceil(size))
    x, y = (np.array([width, rows]) - ink) * before / (before + after + 1e-6)
    moved = [[glyph.moved(x - left, y - top) for glyph in line] for line in lines]
    return moved, (rows, width)
