"""What is drawn around digits: the boxes of a form, circles, the border of a picture."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.clutter import with_rim
from mnist_cnn.photos.ink import Bytes, Ints
from mnist_cnn.photos.pieces import LOWEST, Piece

LONG = 3.0  # in its own widths: what is shorter is a blot, no stroke
# What a 0 with a slash is.
SLASH = 0.35  # of the slash, shorter by longer side, at most
# A slim stroke's height by the ring's around it, for a 1 in a ring: tuning digits have 0.40 to
# 0.58. A slash is higher, a blot in a digit's hole lower.
IN_RING = 0.35, 0.6
OVAL = 0.9  # of the ring, share of its rectangle, at most; an ellipse has 0.79

# What goes around strokes, though it is open.
MOST_OPEN = 10  # of the largest components, which are looked at
WRITTEN = 0.2  # of its height, at least, is a side of a stroke in it; a speck is smaller
AROUND = 0.85  # share of all directions in which it is seen from the middle of these strokes
DIRECTIONS = 72
PART = 0.5  # of the longer side of all parts of a ring, at least: digits at the frame are smaller

# What goes around the picture.
WIDE = 0.5  # of each side of the picture, at least
HOLLOW = 4.0  # what it goes around, in its own inked pixels, at least
RIM = 0.005  # of the picture's longer side: soft edges

Outline = cv2.typing.MatLike  # (N, 1, 2), int32
PARENT = 3  # column of OpenCV's tree of outlines


def find_enclosures(mask: Bytes) -> Bytes:
    """What goes around other strokes.

    No digit has another stroke in its hole, but a 0 with a slash.

    Args:
        mask: (H, W), uint8, 255 where there is ink.

    Returns:
        (H, W), uint8, 255 where there are enclosures and their soft edges.
    """
    outlines, tree = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return np.zeros_like(mask)
    parents = tree[0, :, PARENT]
    is_hole: list[bool] = []
    for parent in parents.tolist():  # is listed before what is in it
        is_hole.append(parent >= 0 and not is_hole[parent])
    # The component in whose hole a component is.
    around = np.where((parents >= 0) & ~np.array(is_hole), parents[parents], -1)
    inside: dict[int, list[int]] = {}
    for index in np.flatnonzero(around >= 0).tolist():
        if max(cv2.boundingRect(outlines[index])[2:]) >= LOWEST:
            inside.setdefault(int(around[index]), []).append(index)
    if not inside:
        return np.zeros_like(mask)
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    enclosing = np.zeros(count, np.uint8)
    for ring, within in inside.items():
        strokes = [outlines[index] for index in within if _is_stroke(outlines[index], labels)]
        if strokes and not _is_slashed(outlines[ring], strokes):
            x, y = outlines[ring][0, 0]
            enclosing[labels[y, x]] = 255
    return with_rim(enclosing[labels], RIM)


def find_open_rings(mask: Bytes) -> Bytes:
    """What goes around strokes, though its ends don't meet or the frame cuts it.

    A single slim stroke may be the slash of a 0 that was not closed. Only the MOST_OPEN largest
    components are looked at, each by itself, and long ones at the frame together: it may have cut
    a ring into several.

    Args:
        mask: (H, W), uint8, 255 where there is ink.

    Returns:
        (H, W), uint8, 255 where there are rings and their soft edges.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = np.asarray(stats[1:, : cv2.CC_STAT_AREA], np.int_)
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    longer = boxes[:, 2:].max(1, initial=0)
    rings = np.zeros(count, np.uint8)
    largest = np.argsort(-boxes[:, 2:].prod(1), kind="stable")[:MOST_OPEN]
    tried = [*largest[:, None]]
    parts = _cut_by_frame(boxes, largest, mask.shape)
    if len(parts) > 1:
        tried.append(parts)
    for ring in tried:
        start, end = starts[ring].min(0), ends[ring].max(0)
        written = longer >= max(LOWEST, WRITTEN * (end - start)[1])
        within = written & (starts > start).all(1) & (ends < end).all(1)
        strokes = 1 + np.flatnonzero(within)
        slashed = len(strokes) == 1 and _may_be_slash(
            cv2.findNonZero((labels == strokes[0]).astype(np.uint8)), (end - start)[1]
        )
        if len(strokes) and not slashed:
            middle = (starts[within].min(0) + ends[within].max(0)) / 2
            if _goes_around(np.isin(labels, 1 + ring), middle):
                rings[1 + ring] = 255
    return with_rim(rings[labels], RIM) if rings.any() else np.zeros_like(mask)


def _cut_by_frame(boxes: Ints, indices: Ints, shape: tuple[int, ...]) -> Ints:
    """Which components may be parts of one ring: they reach the frame, and are long beside all."""
    starts, ends = boxes[indices, :2], boxes[indices, :2] + boxes[indices, 2:]
    at_frame = (starts == 0).any(1) | (ends == shape[::-1]).any(1)
    if not at_frame.any():
        return indices[:0]
    extent = ends[at_frame].max(0) - starts[at_frame].min(0)
    long = boxes[indices, 2:].max(1) >= PART * extent.max()
    return np.asarray(indices[at_frame & long], np.int_)


def find_borders(mask: Bytes) -> Bytes:
    """What goes around most of the picture, and may hide fainter writing inside of it.

    Args:
        mask: (H, W), uint8, 255 where there is ink.

    Returns:
        (H, W), uint8, 255 where there are borders and their soft edges. A large 0 is one, too.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sides = stats[:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
    borders = np.zeros_like(mask)
    for label in 1 + np.flatnonzero((sides[1:] >= WIDE * np.array(mask.shape)).all(1)):
        own = np.where(labels == label, 255, 0).astype(np.uint8)
        outlines, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if cv2.contourArea(outlines[0]) >= HOLLOW * stats[label, cv2.CC_STAT_AREA]:
            borders |= own
    return with_rim(borders, RIM)


def _is_stroke(outline: Outline, labels: cv2.typing.MatLike) -> bool:
    x, y, width, height = cv2.boundingRect(outline)
    label = labels[outline[0, 0, 1], outline[0, 0, 0]]
    own = np.where(labels[y : y + height, x : x + width] == label, 255, 0).astype(np.uint8)
    return max(width, height) >= LONG * Piece(x, y, own).stroke_width


def _goes_around(ring: npt.NDArray[np.bool_], middle: npt.NDArray[np.float64]) -> bool:
    y, x = np.nonzero(ring)
    angles = np.arctan2(y - middle[1], x - middle[0])
    seen = np.zeros(DIRECTIONS, bool)
    seen[np.round(angles * DIRECTIONS / (2 * np.pi)).astype(int) % DIRECTIONS] = True
    return bool(seen.mean() >= AROUND)


def _may_be_slash(points: Outline, height: float) -> bool:
    """Whether a stroke is slim, and not of the height of a digit in a ring.

    Args:
        points: Its outline or all of its pixels, (N, 1, 2).
        height: Of the ring, in pixels.
    """
    shorter, longer = sorted(cv2.minAreaRect(points)[1])
    share = cv2.boundingRect(points)[3] / height
    return bool(shorter <= SLASH * longer and not IN_RING[0] <= share <= IN_RING[1])


def _is_slashed(ring: Outline, strokes: Sequence[Outline]) -> bool:
    """Whether a ring and what is in it may be a 0 with a slash."""
    _, _, width, height = cv2.boundingRect(ring)
    return bool(
        len(strokes) == 1
        and _may_be_slash(strokes[0], height)
        and width < height
        and cv2.contourArea(ring) <= OVAL * np.prod(cv2.minAreaRect(ring)[1])
    )
