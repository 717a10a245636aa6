"""Where could a piece be cut, if it is several digits that touch?

A cut is a path from top to bottom that crosses as little ink as it can. Too many are proposed on
purpose: the classifier decides which parts are digits (see `mnist_cnn.prediction`).
"""

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.ink import Floats
from mnist_cnn.photos.pieces import Piece, crop

NARROW = 0.7  # a piece narrower than this many heights is one digit
CUT_HEIGHT = 48  # pixels; cuts are looked for at this size
STEP = 4  # pixels between the places where a cut is tried
MOST_PLACES = 300  # of the longest line of writing
REACH = 9  # pixels that a cut may move to either side of its place
BEND = 0.05  # price of a step aside, in pixels of ink
# A cut through more ink than this, in stroke widths, goes along a stroke, not across.
MOST_INK = 1.7
APART = 5  # pixels between two cuts


def cut(piece: Piece, height: float) -> list[Piece]:
    """The parts of a piece between all cuts worth trying, from left to right.

    Args:
        piece: One component, or several that were joined.
        height: Of the line's digits, in pixels.

    Returns:
        At least one piece; together they hold all its ink.
    """
    if piece.width < NARROW * height:
        return [piece]
    scale = CUT_HEIGHT / max(piece.height, height)
    size = (max(1, round(piece.width * scale)), max(2, round(piece.height * scale)))
    small = (cv2.resize(piece.mask, size, interpolation=cv2.INTER_AREA) > 96).astype(np.float32)
    stroke = max(2.0, piece.stroke_width * scale)
    paths = []
    for path in _find_paths(small, stroke):
        full = cv2.resize(path[:, None], (1, piece.height), interpolation=cv2.INTER_LINEAR)
        paths.append(np.asarray(full[:, 0] / scale, np.float32))
    return _parts(piece, paths)


def _find_paths(small: Floats, stroke: float) -> list[Floats]:
    step = max(STEP, small.shape[1] // MOST_PLACES)
    places = np.arange(STEP, small.shape[1] - STEP, step)
    prices, paths = _cheapest_paths(small, places)
    kept: list[Floats] = []
    for index in np.argsort(prices, kind="stable"):
        path = paths[index]
        if prices[index] <= MOST_INK * stroke and all(
            np.abs(path - other).mean() >= APART for other in kept
        ):
            kept.append(path)
    return sorted(kept, key=lambda path: float(path.mean()))


def _cheapest_paths(ink: Floats, places: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The way from top to bottom through the least ink near each place, all at once.

    Dynamic programming over the rows, as in seam carving (Avidan & Shamir 2007).

    Args:
        ink: (H, W), float32, 1 where there is ink.
        places: (P,), columns.

    Returns:
        The ink that each path crosses, (P,), and its column in every row, (P, H).
    """
    rows = ink.shape[0]
    shifts = np.arange(-REACH, REACH + 1)
    # Beside the image a path would cross nothing: that is no cut.
    padded = np.pad(ink, ((0, 0), (REACH, REACH)), constant_values=rows)
    windows = padded[:, places[:, None] + shifts + REACH]  # (H, P, 2 · REACH + 1)
    # Far from its place a path costs a little: among equals the straight one wins.
    away = BEND / 4 * np.abs(shifts)
    costs = windows[0] + away
    came = np.zeros(windows.shape, np.int64)
    for row in range(1, rows):
        beside = np.pad(costs, ((0, 0), (1, 1)), constant_values=np.inf)
        ways = np.stack((costs, beside[:, :-2] + BEND, beside[:, 2:] + BEND))
        came[row] = ways.argmin(0)
        costs = ways.min(0) + windows[row] + away
    return _trace_back(windows, came, costs.argmin(1), places)


def _trace_back(
    windows: Floats,
    came: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> tuple[Floats, Floats]:
    every, column = np.arange(len(places)), ends
    paths = np.empty((len(places), len(windows)), np.float32)
    prices = np.zeros(len(places), np.float32)
    for row in range(len(windows) - 1, -1, -1):
        paths[:, row] = places + column - REACH + 0.5
        prices += windows[row, every, column]
        column = column + np.array((0, -1, 1))[came[row, every, column]]
    return prices, paths


def _parts(piece: Piece, paths: list[Floats]) -> list[Piece]:
    columns = np.arange(piece.width)[None, :] + 0.5
    owner = np.zeros((piece.height, piece.width), np.int64)
    for path in paths:
        owner += columns > path[:, None]
    return [
        part
        for index in range(len(paths) + 1)
        for part in crop(piece.x, piece.y, np.where(owner == index, piece.mask, 0).astype(np.uint8))
    ]
