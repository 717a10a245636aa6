"""Connected strokes: the pieces that digits are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.ink import Bytes

# A piece whose longer side is below this share of the writing's height is a speck.
SPECK = 0.16
BRIDGED = 1.5  # gap within a broken stroke, in stroke widths
# Components beyond this number are noise; the largest are kept.
MOST_COMPONENTS = 1000
# Writing that is lower than this, in pixels at working size, can't be told from noise.
LOWEST = 8
# Share of full ink that is gained within a stroke's width at its edges, at least. Tuning digits of
# all conditions have 0.68 or more, two fifths of what was read on blank paper less than 0.5.
SOFTEST = 0.5


@dataclass(frozen=True)
class Piece:
    """A piece of ink and where it is.

    Attributes:
        x: Left edge in the image, in pixels.
        y: Top edge in the image, in pixels.
        mask: (height, width), uint8: 255 where there is ink of this piece, else 0.
    """

    x: int
    y: int
    mask: Bytes

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.mask.shape[0])

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    @cached_property
    def area(self) -> int:
        """Inked pixels."""
        return cv2.countNonZero(self.mask)

    @cached_property
    def stroke_width(self) -> float:
        """In pixels: four times the mean distance to the edge, which is exact for a long bar."""
        padded = cv2.copyMakeBorder(self.mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
        # Half a pixel: distances count from the centre of a pixel to that of the first empty one.
        return max(1.0, 4 * (float(distance.sum()) / max(self.area, 1) - 0.5))


def merge(pieces: Sequence[Piece]) -> Piece:
    """Several pieces as one."""
    if len(pieces) == 1:
        return pieces[0]
    x, y = min(piece.x for piece in pieces), min(piece.y for piece in pieces)
    right, bottom = max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)
    mask = np.zeros((bottom - y, right - x), np.uint8)
    for piece in pieces:
        rows = slice(piece.y - y, piece.bottom - y)
        mask[rows, piece.x - x : piece.right - x] |= piece.mask
    return Piece(x, y, mask)


def find_pieces(mask: Bytes) -> list[Piece]:
    """The connected components of a mask without specks; narrow gaps don't part them.

    Args:
        mask: (H, W), uint8, 255 where there is ink.
    """
    mask = _without_specks(mask)
    inked = crop(0, 0, mask)
    if not inked:
        return []
    (whole,) = inked
    reach = BRIDGED / 2 * whole.stroke_width
    # Most of a picture is mere paper. OpenCV's distances are up to a twentieth too short.
    margin = math.ceil(1.05 * reach) + 1
    top, left = max(whole.y - margin, 0), max(whole.x - margin, 0)
    mask = mask[top : whole.bottom + margin, left : whole.right + margin]
    near = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3) <= reach
    _, labels, stats, _ = cv2.connectedComponentsWithStats(near.astype(np.uint8), connectivity=8)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_COMPONENTS]
    pieces = []
    for label in order:
        x, y, width, height, _ = (int(value) for value in stats[label])
        own = labels[y : y + height, x : x + width] == label
        part = np.where(own, mask[y : y + height, x : x + width], 0).astype(np.uint8)
        pieces += crop(left + x, top + y, part)
    return pieces


def has_edges(piece: Piece, share: Bytes) -> bool:
    """Whether ink begins at the edges of a piece, or is just darker there by and by, as light is.

    Args:
        piece: Of a picture.
        share: (H, W), uint8, share of full ink of the picture's pixels, all is 255.
    """
    frame = 2  # pixels around it, which edges reach into
    top, left = max(piece.y - frame, 0), max(piece.x - frame, 0)
    part = share[top : piece.bottom + frame, left : piece.right + frame]
    mask = np.zeros_like(part)
    y, x = piece.y - top, piece.x - left
    mask[y : y + piece.height, x : x + piece.width] = piece.mask
    edges = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    if not edges.any():  # it is all of the picture
        return False
    across, down = (cv2.Sobel(part, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    steepness = float(np.median(cv2.magnitude(across, down)[edges])) / 255
    return steepness * piece.stroke_width >= SOFTEST


def crop(x: int, y: int, mask: Bytes) -> list[Piece]:
    """The piece of a mask's ink, without the empty margins; none where there is no ink.

    Args:
        x: Of the mask's left edge in the image.
        y: Of its top edge.
        mask: (height, width), uint8.
    """
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return []
    return [Piece(x + left, y + top, mask[top : top + height, left : left + width])]


def _without_specks(mask: Bytes) -> Bytes:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats = stats[1:]
    if not len(stats):
        return mask
    heights, areas = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    sides = np.maximum(heights, stats[:, cv2.CC_STAT_WIDTH])
    tall = heights >= LOWEST  # pepper may outweigh all writing, and so may a thick line below it
    if not tall.any():
        return np.zeros_like(mask)
    kept = np.r_[False, sides >= SPECK * writing_height(heights[tall], areas[tall])]
    if kept[1:].all():
        return mask
    return np.where(kept[labels], mask, 0).astype(np.uint8)


def writing_height(heights: npt.ArrayLike, areas: npt.ArrayLike) -> float:
    """The height that the middle one of all inked pixels belongs to: no speck can move it.

    Args:
        heights: Of the components, in pixels; at least one.
        areas: Their inked pixels.
    """
    return weighted_median(np.asarray(heights), np.asarray(areas))


def weighted_median(values: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    """The value, one of those given, at which half of all weight is reached, from the smallest on.

    Args:
        values: (N,), N above 0.
        weights: (N,), above 0.
    """
    order = np.argsort(values)
    shares = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(shares, shares[-1] / 2)])
