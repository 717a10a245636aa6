"""The centre lines of strokes, and how far everything is from them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mnist_cnn.simulator.common import Bytes, Floats

SIGMA = 1.0  # pixels
SLACK = 0.05  # pixels²: what is left of the stairs breaks no line of a quarter of a pixel
SMOOTHINGS = 12  # spreads over about two pixels: the stairs of a line are one high

# Neighbours are numbered clockwise from north, as Zhang and Suen do.
NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


def _thinning_tables() -> tuple[Bytes, Bytes]:
    """For both half steps of Zhang & Suen (1984): 0 where such a neighbourhood is peeled off."""
    tables = np.ones((2, 256), np.uint8)
    for code in range(256):
        ring = [code >> bit & 1 for bit in range(8)]
        rises = sum(a < b for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        if not (2 <= sum(ring) <= 6 and rises == 1):
            continue
        north, east, south, west = ring[0], ring[2], ring[4], ring[6]
        tables[0, code] = bool(north and east and south) or bool(east and south and west)
        tables[1, code] = bool(north and east and west) or bool(north and south and west)
    return tables[0], tables[1]


THINNING = _thinning_tables()


def thin(ink: Bytes) -> Bytes:
    """The centre lines, one pixel wide, of a mask of 0 and 1, by Zhang and Suen's method."""
    line, count = ink, -1
    while count != (count := int(cv2.countNonZero(line))):
        for table in THINNING:
            codes = cv2.filter2D(line, -1, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
            line = line * np.asarray(cv2.LUT(codes, table), np.uint8)
    return line | _middles_of_dots(ink, line)


def _middles_of_dots(ink: Bytes, line: Bytes) -> Bytes:
    """A pixel of each part of the ink that has none of the line: squares are peeled off whole."""
    count, parts = cv2.connectedComponents(ink)
    middles = np.zeros_like(ink)
    for part in np.setdiff1d(np.arange(1, count), parts[line > 0]):
        depth = cv2.distanceTransform((parts == part).astype(np.uint8), cv2.DIST_L2, 5)
        middles[np.unravel_index(depth.argmax(), depth.shape)] = 1
    return middles


def squared_distances(line: Bytes) -> Floats:
    """How far, squared, each pixel is from the centre lines, which are smoothed for it.

    Squares because they have no crease along the line, so they can be interpolated.

    Args:
        line: (H, W), of 0 and 1, as `thin` gives it; holds at least one 1.

    Returns:
        (H, W), in pixels², without the stairs of `line`. May be a little below 0 on a line.
    """
    pixels = np.argwhere(line)
    neighbours = _neighbours(pixels, line.shape)
    points = _smooth(pixels, neighbours)
    ways = _directions(points, neighbours)
    _, labels = cv2.distanceTransformWithLabels(
        1 - line, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(len(pixels) + 1, np.intp)  # of each label: the index of its pixel
    nearest[labels[pixels[:, 0], pixels[:, 1]]] = np.arange(len(pixels))
    chosen = nearest[labels]
    rows = np.arange(line.shape[0], dtype=np.float32)[:, None] - points[chosen, 0]
    columns = np.arange(line.shape[1], dtype=np.float32) - points[chosen, 1]
    way = ways[chosen]
    along = np.clip(rows * way[..., 0] + columns * way[..., 1], -1.3, 1.3)
    squares = (rows - along * way[..., 0]) ** 2 + (columns - along * way[..., 1]) ** 2
    # Evens out where one piece of the line takes over from the next; it adds σ² everywhere.
    return np.asarray(cv2.GaussianBlur(squares, (0, 0), SIGMA) - SIGMA**2 - SLACK, np.float32)


def _neighbours(pixels: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """(N, 8): indices of the pixels beside each of N pixels; its own where there is none."""
    index = np.full((shape[0] + 2, shape[1] + 2), -1)
    own = np.arange(len(pixels))
    index[pixels[:, 0] + 1, pixels[:, 1] + 1] = own
    steps = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    found = np.stack([index[pixels[:, 0] + row, pixels[:, 1] + column] for row, column in steps], 1)
    return np.where(found < 0, own[:, None], found)


def _smooth(pixels: NDArray[np.intp], neighbours: NDArray[np.intp]) -> Floats:
    """Moves each point towards the middle of its neighbours, several times; ends stay."""
    points = pixels.astype(np.float32)
    count = (neighbours != np.arange(len(pixels))[:, None]).sum(axis=1)[:, None]
    inner = count[:, 0] > 1
    for _ in range(SMOOTHINGS):
        middle = (points[neighbours].sum(axis=1) - (8 - count) * points) / np.maximum(count, 1)
        points[inner] = (0.5 * points + 0.5 * middle)[inner]
    return points


def _directions(points: Floats, neighbours: NDArray[np.intp]) -> Floats:
    """(N, 2): unit vectors along the line at each of N points."""
    offsets = points[neighbours] - points[:, None]
    row, column = offsets[..., 0], offsets[..., 1]
    angle = 0.5 * np.arctan2(
        2 * (row * column).sum(axis=1), (row**2).sum(axis=1) - (column**2).sum(axis=1)
    )
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
