"""Straight lines that begin and end in the picture: of boxes and cells, under or beside digits."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from mnist_cnn.photos.clutter import is_bar
from mnist_cnn.photos.ink import Bytes, Ink, components_with
from mnist_cnn.photos.pieces import LOWEST, Piece, writing_height
from mnist_cnn.photos.rules import SIDE, SLOPES, shrink_mask, strokes_across

MOST_LINED = 10  # of the largest components, which are looked at
SMALLEST = 16  # pixels; in what is shorter no line can be told from a stroke
# Shares of the component.
WIDER = 1.5  # width by height of what a line across may be part of: a 7 is narrower than this
ACROSS = 0.65  # its width, that such a line is as long as
ALONG = 0.85  # its height, that the wall of a box or cell is as long as
THIN = 0.12  # its shorter side, that the lines of a box are at most as thick as: an 8's are thicker
# Of what a line is that no stroke touches.
LEVEL = 2.0  # times as wide as high, at least
UNDERLINE = 2.0  # heights of the writing that it is long, at least: the bars of 5s and 7s have one
SLIGHT = 0.35  # of that height that it is thick, at most: digits that touch are thicker in the mean


def find_underlines(mask: Bytes) -> Bytes:
    """Bars that no stroke touches, more level than upright, and too long for digits.

    Only the MOST_LINED widest components are looked at.

    Args:
        mask: (H, W), uint8, 255 where there is ink.

    Returns:
        (H, W), uint8, 255 where they are.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats[0] = 0  # what is no ink
    widths, heights = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    level = widths > LEVEL * heights
    others = ~level & (heights >= LOWEST)
    lines = np.zeros_like(mask)
    if not others.any():
        return lines
    usual = writing_height(heights[others], stats[others, cv2.CC_STAT_AREA])
    widest = np.argsort(-widths, kind="stable")[:MOST_LINED]
    for label in widest[level[widest] & (widths[widest] >= UNDERLINE * usual)]:
        x, y, width, height, area = stats[label].tolist()
        own = labels[y : y + height, x : x + width] == label
        slight = area <= SLIGHT * usual * np.hypot(width, height)
        if slight and is_bar(own, UNDERLINE * usual):
            lines[y : y + height, x : x + width][own] = 255
    return lines


def find_drawn_lines(ink: Ink, *, boxes: bool = False) -> Bytes:
    """Straight lines across most of a component, and the walls between them.

    Strokes that touch or cross them are none of their ink. The bar of a wide 7 is a line, too:
    whoever takes lines out keeps the ink with them, for comparison.

    Only the MOST_LINED largest components are looked at.

    Args:
        ink: Of the page, at working size (H, W).
        boxes: Only of components that have walls, too, and thin lines, however narrow they are.

    Returns:
        (H, W), uint8, 255 where there are lines.
    """
    lines = np.zeros_like(ink.mask)
    for part, rows, columns in _components(ink, 0.0 if boxes else WIDER):
        across = _straight_runs(part.mask, ACROSS)
        if not across.any():
            continue
        along = np.zeros_like(across)
        if len(across) >= SMALLEST and _at_both_ends(across):  # else a 1 on a line were a wall
            along = _straight_runs(np.ascontiguousarray(part.mask.T), ALONG).T
        if boxes and not along.any():
            continue
        rest = part.mask & ~(across | along)
        thickness = round(Piece(0, 0, across).stroke_width)
        if boxes and thickness > THIN * min(part.mask.shape):
            continue
        strokes = strokes_across(part, rest, across > 0, thickness, upright=True)
        strokes |= strokes_across(part, rest, along > 0, thickness, upright=False)
        left = rest | strokes
        if along.any():
            left &= ~_outer(part.mask, left, 2 * thickness)
        lines[rows, columns][(part.mask > 0) & (left == 0)] = 255
    return lines


def _at_both_ends(across: Bytes) -> bool:
    end = len(across) // 4
    return bool(across[:end].any() and across[-end:].any())


def _outer(box: Bytes, left: Bytes, depth: int) -> Bytes:
    """What is left of a box near its outline and nowhere else: parts of lines that bend."""
    padded = cv2.copyMakeBorder(box, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outlines, _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(padded, outlines, -1, 255, cv2.FILLED)
    inner = cv2.erode(filled, np.ones((2 * depth + 1, 2 * depth + 1), np.uint8))[1:-1, 1:-1]
    return left & ~components_with(left, inner > 0)


def _components(ink: Ink, wider: float) -> Iterator[tuple[Ink, slice, slice]]:
    """The largest wide ones, each alone, with the rows and columns where it is."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.mask, connectivity=8)
    bounds = stats[1:, : cv2.CC_STAT_AREA]
    for index in np.argsort(-bounds[:, 2:].prod(1), kind="stable")[:MOST_LINED]:
        x, y, width, height = bounds[index].tolist()
        if width >= max(SMALLEST, wider * height):
            rows, columns = slice(y, y + height), slice(x, x + width)
            own = np.where(labels[rows, columns] == 1 + index, 255, 0).astype(np.uint8)
            yield replace(ink, contrast=ink.contrast[rows, columns], mask=own), rows, columns


def _straight_runs(mask: Bytes, share: float) -> Bytes:
    """Pixels of nearly horizontal straight lines that are as long as a share of the width."""
    small = shrink_mask(mask)
    height, width = small.shape
    kernel = np.ones((1, round(share * width)), np.uint8)
    found = np.zeros_like(small)
    for slope in SLOPES:
        rise = abs(slope) * width / 2
        shear = np.array([[1, 0, 0], [-slope, 1, slope * width / 2 + rise]], np.float32)
        size = (width, height + round(2 * rise) + 1)
        level = np.asarray(cv2.warpAffine(small, shear, size, flags=cv2.INTER_NEAREST), np.uint8)
        runs = _opened(level, kernel)
        if max(mask.shape) > SIDE:
            # A slope may be wrong by half a step: then what shrank to one row changes rows.
            rows = np.pad(level, ((1, 1), (0, 0)))
            thin = level & ~(rows[:-2] | rows[2:])
            thicker = np.asarray(cv2.dilate(thin, np.ones((3, 1), np.uint8)), np.uint8)
            runs |= thin & _opened(level | thicker, kernel)
        back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        there = cv2.warpAffine(runs, shear, (width, height), flags=back)
        found = np.maximum(found, np.asarray(there, np.uint8))
    # A line is a little wider than what is left of it when the mask shrinks.
    side = max(3, round(2.5 * max(mask.shape) / SIDE)) | 1
    full = cv2.resize(found, mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    wide = cv2.dilate(full, np.ones((side, side), np.uint8))
    return np.asarray(cv2.bitwise_and(wide, mask), np.uint8)


def _opened(mask: Bytes, kernel: Bytes) -> Bytes:
    # Nothing is beyond the edge; by default a run that touches it would go on there.
    opened = cv2.morphologyEx(
        mask, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(opened, np.uint8)
