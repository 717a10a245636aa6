"""Ways to write a digit that MNIST's writers, who were American, rarely used."""

from collections.abc import Callable

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats
from mnist_cnn.simulator.shapes import arc, curve, draw_lines, line

OPEN = 60  # pixels within its ring: a smaller 0 would be filled by a slash
FLAG = (0.15, 0.55)  # length of a 1's flag, as a share of the height
# Degrees from upright, of the shortest and the longest flag: a long one that lies is a 7's bar.
FLATTEST = (80.0, 60.0)
ROUND = 0.4  # share of the flagged ones whose flag bends into the stem
FEET = 0.5  # share of the others that stand on a line
SIDE = 28  # of an MNIST image


def vary(rng: np.random.Generator, glyph: Bytes, label: int) -> Bytes:
    """A slashed 0, a 1 with a flag and perhaps a foot, a crossed 7, or a 4 or 9 drawn anew.

    So is a 1 whose flag bends into its stem. Other digits stay as they are, and a 0 that has no
    room for a slash.

    Args:
        rng: For the size and the place of what is drawn.
        glyph: (28, 28), uint8, light ink on 0.
        label: The digit.

    Returns:
        (28, 28), uint8.
    """
    if label not in VARIANTS or not glyph.any():
        return glyph
    return VARIANTS[label](rng, glyph)


def _crossed_seven(rng: np.random.Generator, glyph: Bytes) -> Bytes:
    """A bar across the stem."""
    _, top, _, height = cv2.boundingRect(glyph)
    row = top + height * rng.uniform(0.42, 0.62)
    middle = _middle(glyph, int(row))
    left, right = rng.uniform(2.5, 5.5, 2)
    tilt = rng.uniform(-0.25, 0.15)
    return _add_line(
        glyph, (middle - left, row - tilt * left), (middle + right, row + tilt * right)
    )


def _slashed_zero(rng: np.random.Generator, glyph: Bytes) -> Bytes:
    """A stroke from the lower left to the upper right, a little beyond the ring or within it."""
    left, top, width, height = cv2.boundingRect(glyph)
    _, parts = cv2.connectedComponents((glyph < 60).astype(np.uint8), connectivity=4)
    if np.count_nonzero(parts > 1) < OPEN:  # 0 is the ring's ink, 1 what is around it
        return glyph
    middle = np.array([left + width / 2, top + height / 2]) + rng.normal(0, 0.6, 2)
    reach = np.array([width, -height]) / 2 * rng.uniform(0.75, 1.15) * rng.uniform(0.8, 1.0, 2)
    start, end = middle - reach, middle + reach
    return _add_line(glyph, (start[0], start[1]), (end[0], end[1]))


def _flagged_one(rng: np.random.Generator, glyph: Bytes) -> Bytes:
    """An upstroke before the stem, as many Europeans write it; at an angle, or bent into it."""
    _, top, _, height = cv2.boundingRect(glyph)
    head, base = top + 1, top + height - 2
    x, foot = (_middle(glyph, row) for row in (head, base))
    lean = np.arctan2(x - foot, height)
    share = rng.uniform(*FLAG)
    angle = np.radians(
        min(rng.uniform(30, 75) + np.degrees(lean), np.interp(share, FLAG, FLATTEST))
    )
    length = share * height
    tip = (x - length * np.sin(angle), head + length * np.cos(angle))
    if rng.random() < ROUND:
        bend = share * rng.uniform(0.4, 1.0)  # of the stem; it begins so far below the head
        neck = (x + bend * (foot - x), head + bend * (base - head))
        stroke = np.concatenate([line((foot, base)), curve(neck, (x, head), (x, head), tip)])
        return _draw(stroke, _stroke_width(glyph))
    flagged = _add_line(glyph, (x, head), tip)
    if rng.random() > FEET:
        return flagged
    left, right = height * rng.uniform(0.15, 0.35, 2)
    return _add_line(flagged, (foot - left, base), (foot + right, base))


def _pointed_four(rng: np.random.Generator, glyph: Bytes) -> Bytes:
    """Long diagonal, low bar, short stem; closed at the top or open."""
    bar, stem, apex = rng.uniform(0.1, 0.65), rng.uniform(0.05, 0.35), rng.uniform(-0.25, 0.4)
    top = (apex, -1.0) if rng.random() < 0.3 else (stem + 0.15, bar - rng.uniform(0.15, 0.9))
    end = stem + rng.uniform(0.2, 0.45)
    corner = (-rng.uniform(0.45, 0.75), bar)
    lines = [line((apex, -1), corner, (end, bar)), line(top, (stem, 1))]
    return draw_lines(lines, _stroke_width(glyph))


def _curled_nine(rng: np.random.Generator, glyph: Bytes) -> Bytes:
    """The tail bends to the left at its foot, or as an S does."""
    radius = rng.uniform(0.35, 0.5)
    foot = (-rng.uniform(0.3, 0.6), rng.uniform(0.7, 1.0))
    bends = [(rng.uniform(-0.3, 0.6), 0.2), (rng.uniform(0.4, 1.1), 1.0)]
    lines = [arc(0, radius - 1, radius), curve((radius, radius - 1), *bends, foot)]
    return draw_lines(lines, _stroke_width(glyph))


def _middle(glyph: Bytes, row: int) -> float:
    """Of the ink in a row; of the image where there is none."""
    inked = np.flatnonzero(glyph[np.clip(row, 0, SIDE - 1)] > 60)
    return float(inked.mean()) if inked.size else (SIDE - 1) / 2


def _stroke_width(glyph: Bytes) -> float:
    """In pixels."""
    distance = cv2.distanceTransform((glyph > 100).astype(np.uint8), cv2.DIST_L2, 3)
    inked = distance[distance > 0]
    # Four times the mean distance to the edge is a bar's width and 2; 1 is for its soft edges.
    return float(np.clip(4 * inked.mean() - 1.0, 1.5, 4.0)) if inked.size else 2.0


def _add_line(glyph: Bytes, start: tuple[float, float], end: tuple[float, float]) -> Bytes:
    """A stroke as wide as the glyph's own, between two places in pixels."""
    return np.maximum(glyph, _draw(line(start, end), _stroke_width(glyph)))


def _draw(stroke: Floats, width: float) -> Bytes:
    """A stroke of its own, through places (N, 2) in pixels."""
    # Pixels as `draw_lines` has them: from the middle, tenths.
    return draw_lines([np.asarray((stroke + 0.5 - SIDE / 2) / 10, np.float32)], width)


VARIANTS: dict[int, Callable[[np.random.Generator, Bytes], Bytes]] = {
    0: _slashed_zero,
    1: _flagged_one,
    4: _pointed_four,
    7: _crossed_seven,
    9: _curled_nine,
}
