"""What is on the picture and is no writing: fingers, pens, the edge of the table; or a shadow."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.ink import SOFT_EDGE, Bytes, Ints
from mnist_cnn.photos.pieces import weighted_median, writing_height

Doubles = npt.NDArray[np.float64]

STROKE = 0.06  # the widest stroke, a share of the picture's longer side
THICK = 2.5  # what enters from the frame, in strokes of the writing
THICK_ALONE = 0.1  # the same, where nothing else was found: a share of the image's shorter side
# What a pen is that enters from the frame, however thin. Of tuning digits that touch the frame none
# that is as slim and solid is longer than 1.42.
SLIM = 0.3  # shorter by longer side, at most
SOLID = 0.45  # of its rectangle, at least: a wedge is half of it
LONG = 1.6  # in heights of the writing, at least
RIM = 0.015  # of the longer side: soft edges of what is cut out
# Distance from the paper in a shadow, by that in the light, at most: the mean of the nearer half of
# its blank pixels, for there may be a table in it, too.
EVEN = 2.0
ROUNDED = 0.5  # grey levels: a distance up to this is due to rounding


def find_clutter(mask: Bytes) -> Bytes:
    """What enters from the frame and is thicker than the strokes of the writing, or a long bar.

    Args:
        mask: (H, W), uint8, 255 where something stands out from the paper.

    Returns:
        (H, W), uint8, 255 where it is clutter.
    """
    if not any(edge.any() for edge in _edges(mask)):
        return np.zeros_like(mask)
    labels, boxes, areas, strokes = _components(mask)
    at_frame = np.zeros(len(areas), bool)
    for edge in _edges(labels):
        at_frame[np.unique(edge)] = True
    at_frame[0] = False
    inside = ~at_frame
    inside[0] = False
    if not inside.any():
        clutter = at_frame & (strokes > THICK_ALONE * min(mask.shape))
    else:
        # The middle one by area: specks of dirt don't count.
        clutter = at_frame & (strokes > THICK * weighted_median(strokes[inside], areas[inside]))
        length = LONG * writing_height(boxes[inside, 3], areas[inside])
        for label in np.flatnonzero(at_frame & (np.hypot(*boxes[:, 2:].T) >= length)):
            x, y, width, height = boxes[label]
            own = labels[y : y + height, x : x + width] == label
            clutter[label] |= is_bar(own, length)
    return with_rim(np.where(clutter[labels], 255, 0).astype(np.uint8), RIM)


def is_bar(own: npt.NDArray[np.bool_], length: float) -> bool:
    """Whether a component is slim, solid and at least so long, whatever its direction.

    Args:
        own: (H, W), True where it is.
        length: In pixels.
    """
    sides = 1 + np.array(cv2.minAreaRect(cv2.findNonZero(own.astype(np.uint8)))[1])
    slim = sides.max() >= length and sides.min() <= SLIM * sides.max()
    return bool(slim and own.sum() >= SOLID * sides.prod())


def find_objects(mask: Bytes) -> Bytes:
    """Objects anywhere in the picture, such as a phone: thicker than THICK strokes of the writing.

    Strokes that touch an object are no part of it.

    Args:
        mask: (H, W), uint8, 255 where something stands out from the paper.

    Returns:
        (H, W), uint8, 255 where there is an object; nowhere if nothing else is in the picture.
    """
    labels, _, areas, strokes = _components(mask)
    if len(areas) < 3:  # of one object alone nobody can tell
        return np.zeros_like(mask)
    # The middle one by length: a large object is short beside what is written.
    widest = THICK * weighted_median(strokes[1:], areas[1:] / strokes[1:])
    thick = strokes > widest
    thick[0] = False
    if not thick.any():
        return np.zeros_like(mask)
    objects = np.where(thick[labels], 255, 0).astype(np.uint8)
    side = int(widest) - 1 | 1  # odd, and no wider than what is thick
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return with_rim(np.asarray(cv2.morphologyEx(objects, cv2.MORPH_OPEN, disk), np.uint8), RIM)


def _edges(picture: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    return picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]


def _components(mask: Bytes) -> tuple[npt.NDArray[np.int32], Ints, Doubles, Doubles]:
    """Labels (H, W), boxes (N, 4), areas and stroke widths (N,); the first one is the paper.

    Boxes are x, y, width and height; a stroke width is that of `Piece.stroke_width`.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    areas = np.maximum(stats[:, cv2.CC_STAT_AREA], 1).astype(np.float64)
    means = np.bincount(labels.ravel(), distance.ravel(), count) / areas
    boxes = np.asarray(stats[:, : cv2.CC_STAT_AREA], np.int_)
    return np.asarray(labels, np.int32), boxes, areas, np.maximum(4 * means - 2, 1.0)


def with_rim(mask: Bytes, share: float) -> Bytes:
    """What is to be cut out, and its soft edges.

    Args:
        mask: (H, W), uint8, 255 where something is cut out.
        share: Width of two rims, one on each side, as a share of the longer side; a pixel at least.

    Returns:
        (H, W), uint8.
    """
    side = max(3, round(share * max(mask.shape))) | 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.uint8)


def widest_stroke(shape: tuple[int, ...]) -> int:
    """Of the writing in a picture of this height and width, in pixels, odd."""
    return round(STROKE * max(shape)) | 1


def find_wide(mask: Bytes) -> Bytes:
    """What is wider than strokes, wherever it is: shadows, things.

    Args:
        mask: (H, W), uint8, 255 where something stands out from the paper.

    Returns:
        (H, W), uint8, 255 where it is wide, and half a widest stroke beyond: soft edges.
    """
    side = widest_stroke(mask.shape)
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), kernel), np.uint8)


def is_shadow(grey: Bytes, paper: Bytes, ink: Bytes, dark: Bytes, rim: int) -> bool:
    """Whether a dark part of the picture is a shadow with writing in it.

    A shadow is nearly as even as the paper beside it, a finger or a table is not.

    Args:
        grey: (H, W), uint8.
        paper: (H, W), uint8, of `close_strokes`.
        ink: (H, W), uint8, not 0 where there is ink on that paper.
        dark: (H, W), uint8, not 0 in that part; neither nowhere nor everywhere.
        rim: How far inside its edge ink doesn't count, in pixels: there `paper` is not
            exact.
    """
    inside = cv2.erode(dark, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) > 0
    if not ink[inside].any():
        return False
    away, blank = cv2.absdiff(grey, paper), cv2.dilate(ink, SOFT_EDGE) == 0
    shaded, lit = (np.sort(away[blank & part]) for part in (dark > 0, dark == 0))
    if not (shaded.size and lit.size):
        return False
    in_shadow, in_light = (float(part[: (part.size + 1) // 2].mean()) for part in (shaded, lit))
    return in_shadow <= EVEN * max(in_light, ROUNDED)
