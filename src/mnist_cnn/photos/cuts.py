"""Where could a piece be cut, if it is several digits that touch?

A cut is a path from top to bottom that crosses as little ink as it can. Too many are proposed on
purpose: the classifier decides which parts are digits (see `mnist_cnn.prediction`).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.ink import Floats
from mnist_cnn.photos.pieces import Piece, crop

CUT_HEIGHT = 48  # pixels; cuts are looked for at this size
LONGEST = 12.0  # a piece longer than this many of its own heights is a line, no digits
BEND = 0.05  # price of a step aside, in pixels of ink


@dataclass(frozen=True)
class Cutting:
    """Where cuts are tried. Pixels are those of a digit of CUT_HEIGHT.

    Attributes:
        narrow: A piece narrower than this many heights is one digit.
        step: Pixels between the places where a cut is tried.
        reach: Pixels that a cut may move to either side of its place.
        most_ink: In stroke widths: a cut through more is not tried.
        apart: Pixels between two cuts of one slant, in the mean of the rows.
        slants: Of the writing, in columns to the right for a row up.
        most_added: A page that would have more than so many further pieces isn't cut: there are
            some ten candidates to each, and so many are hardly digits.
    """

    narrow: float
    step: int
    reach: int
    most_ink: float
    apart: float
    slants: tuple[float, ...]
    most_added: int


# Strokes are crossed where that takes least ink: few cuts, and nearly all that are needed.
ACROSS = Cutting(
    narrow=0.7, step=4, reach=9, most_ink=1.7, apart=5.0, slants=(0.0,), most_added=2000
)
# Digits that lie against each other are parted along their strokes, upright or slanted by 15°.
ALONG = Cutting(
    narrow=0.3, step=2, reach=4, most_ink=3.0, apart=2.5, slants=(0.0, 0.27), most_added=100
)


def cut(piece: Piece, height: float, cutting: Cutting) -> list[Piece]:
    """The parts of a piece between all cuts worth trying, from left to right.

    Args:
        piece: One component, or several that were joined.
        height: Of the line's digits, in pixels.
        cutting: ACROSS or ALONG.

    Returns:
        At least one piece; together they hold all its ink.
    """
    if piece.width < cutting.narrow * height or piece.width > LONGEST * piece.height:
        return [piece]
    scale = CUT_HEIGHT / max(piece.height, height)
    size = (max(1, round(piece.width * scale)), max(2, round(piece.height * scale)))
    small = (cv2.resize(piece.mask, size, interpolation=cv2.INTER_AREA) > 96).astype(np.float32)
    stroke = max(2.0, piece.stroke_width * scale)
    paths = []
    for slant in cutting.slants:
        for path in _find_paths(small, stroke, slant, cutting):
            full = cv2.resize(path[:, None], (1, piece.height), interpolation=cv2.INTER_LINEAR)
            paths.append(np.asarray(full[:, 0] / scale, np.float32))
    return _parts(piece, paths)


def _find_paths(small: Floats, stroke: float, slant: float, cutting: Cutting) -> list[Floats]:
    """The cuts of one slant, in no order: a column of `small` for each row, maybe beside it."""
    height, width = small.shape
    aside = (slant * (np.arange(height) - (height - 1) / 2)).astype(np.float32)  # how far rows move
    pad = math.ceil(abs(slant) * height / 2)
    shear = np.array([[1, slant, pad + aside[0]], [0, 1, 0]], np.float32)
    upright = cv2.warpAffine(small, shear, (width + 2 * pad, height), flags=cv2.INTER_NEAREST)
    places = np.arange(cutting.step, upright.shape[1] - cutting.step, cutting.step)
    prices, paths = _cheapest_paths(np.asarray(upright, np.float32), places, cutting.reach)
    affordable = (prices <= cutting.most_ink * stroke).sum()
    kept = paths[:0]
    for path in paths[np.argsort(prices, kind="stable")[:affordable]]:
        if (np.abs(kept - path).mean(1) >= cutting.apart).all():
            kept = np.vstack((kept, path))
    return list(kept - pad - aside)


def _cheapest_paths(
    ink: Floats, places: npt.NDArray[np.int64], reach: int
) -> tuple[Floats, Floats]:
    """The way from top to bottom through the least ink near each place, all at once.

    Dynamic programming over the rows, as in seam carving (Avidan & Shamir 2007).

    Args:
        ink: (H, W), float32, 1 where there is ink.
        places: (P,), columns.
        reach: Columns that a path may leave its place by.

    Returns:
        The ink that each path crosses, (P,), and its column in every row, (P, H).
    """
    rows = ink.shape[0]
    shifts = np.arange(-reach, reach + 1)
    # Beside the image a path would cross nothing: that is no cut.
    padded = np.pad(ink, ((0, 0), (reach, reach)), constant_values=rows)
    windows = padded[:, places[:, None] + shifts + reach]  # (H, P, 2 · reach + 1)
    # Far from its place a path costs a little: among equals the straight one wins.
    away = BEND / 4 * np.abs(shifts)
    costs = windows[0] + away
    came = np.zeros(windows.shape, np.int64)
    ways = np.full((3, *costs.shape), np.inf)  # to stay, to come from the left, from the right
    for row in range(1, rows):
        ways[0] = costs
        ways[1, :, 1:] = costs[:, :-1] + BEND
        ways[2, :, :-1] = costs[:, 1:] + BEND
        came[row] = ways.argmin(0)
        costs = ways.min(0) + windows[row] + away
    return _trace_back(windows, came, costs.argmin(1), places - reach)


def _trace_back(
    windows: Floats,
    came: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
) -> tuple[Floats, Floats]:
    every, column = np.arange(len(firsts)), ends
    paths = np.empty((len(firsts), len(windows)), np.float32)
    prices = np.zeros(len(firsts), np.float32)
    for row in range(len(windows) - 1, -1, -1):
        paths[:, row] = firsts + column + 0.5
        prices += windows[row, every, column]
        column = column + np.array((0, -1, 1))[came[row, every, column]]
    return prices, paths


def _parts(piece: Piece, paths: list[Floats]) -> list[Piece]:
    # Where paths cross, each row has them in order: parts are between the first, the second …
    columns = np.arange(piece.width)[None, :] + 0.5
    owner = np.zeros((piece.height, piece.width), np.int64)
    for path in paths:
        owner += columns > path[:, None]
    return [
        part
        for index in range(len(paths) + 1)
        for part in crop(piece.x, piece.y, np.where(owner == index, piece.mask, 0).astype(np.uint8))
    ]
