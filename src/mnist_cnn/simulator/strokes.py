"""From a glyph to strokes of any size and width.

A glyph becomes a *field*: the signed distance to the edge of its ink, in MNIST pixels, positive in
the ink. Fields are smooth, so they scale without stairs, and another level of the same field is
another width of the pen.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mnist_cnn.simulator.centre_lines import squared_distances, thin
from mnist_cnn.simulator.common import Bytes, Floats, smooth_noise

SIDE = 44  # of a field, in MNIST pixels: a digit of 20 with room for slant and thick pens
ZOOM = 5  # pixels of a field for one of MNIST
OUTSIDE = -9.0  # of a field, far from any ink
SEAM = 4 * ZOOM  # pixels around the ink in which distances are known
BLUR = 0.45  # in MNIST pixels: hides MNIST's own pixel grid
LEVEL = 0.4  # of the darkest: where ink begins after that blur


@dataclass(frozen=True)
class Trace:
    """What is known of a glyph's strokes; fields are (SIDE·ZOOM, SIDE·ZOOM), in MNIST pixels.

    Args:
        edge: Signed distance to the edge of the ink, positive in it.
        squares: Squared distance to the centre line of the strokes.
        radius: Half the mean width of the strokes.
        blot: Radius of the widest place: a loop may be filled there.
        hole: Radius of the smallest loop; infinite without one.
    """

    edge: Floats
    squares: Floats
    radius: float
    blot: float
    hole: float


def trace(
    rng: np.random.Generator, glyph: Bytes, slant: float, aspect: float, wobble: float
) -> Trace:
    """Redraws a glyph, slanted, stretched and a little bent, and measures its strokes.

    Args:
        rng: For the bends.
        glyph: (S, S), uint8, light ink on 0; an image of MNIST's is (28, 28).
        slant: Degrees; the top leans right where positive.
        aspect: Factor of the width.
        wobble: Size of the bends, in MNIST pixels.
    """
    middle = (glyph.shape[0] - 1) / 2
    grid = ((np.arange(SIDE * ZOOM) + 0.5) / ZOOM - SIDE / 2).astype(np.float32)
    bends = smooth_noise(rng, (SIDE * ZOOM, SIDE * ZOOM), 4, channels=2) * np.float32(wobble)
    shear = np.tan(np.radians(slant))
    columns = (grid[None] + shear * grid[:, None]) / aspect + middle + bends[..., 0]
    rows = grid[:, None] + middle + bends[..., 1]
    grey = cv2.remap(
        glyph.astype(np.float32),
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_CUBIC,
    )
    grey = cv2.GaussianBlur(grey, (0, 0), BLUR * ZOOM)
    return _measure((grey > LEVEL * grey.max()).astype(np.uint8))


def _distance(mask: Bytes) -> Floats:
    """How far each pixel of a mask of 0 and 1 is from its zeros."""
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32)


def _measure(ink: Bytes) -> Trace:
    """Measures the strokes of a mask of 0 and 1."""
    x, y, width, height = cv2.boundingRect(ink)
    top, left = max(y - SEAM, 0), max(x - SEAM, 0)
    part = ink[top : y + height + SEAM, left : x + width + SEAM]  # the rest would only cost time
    outside = _distance(1 - part)
    inside = _distance(part)
    edge = cv2.GaussianBlur(inside - outside, (0, 0), 2.0) / ZOOM
    line = thin(part)
    fields = []
    for field, beyond in ((edge, OUTSIDE), (squared_distances(line) / ZOOM**2, OUTSIDE**2)):
        whole = np.full(ink.shape, beyond, np.float32)
        whole[top : y + height + SEAM, left : x + width + SEAM] = field
        fields.append(whole)
    length = 1.1 * max(int(line.sum()), 1)  # 1.1: a diagonal has fewer pixels
    radius = min(float(ink.sum()) / length / 2, float(inside.max())) / ZOOM  # a dot has no length
    hole = _smallest_hole(part, outside) / ZOOM
    return Trace(fields[0], fields[1], radius, float(edge.max()), hole)


def _smallest_hole(ink: Bytes, outside: Floats) -> float:
    """Radius in pixels of the smallest loop that is one; infinite without any."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(1 - ink, connectivity=4)
    radii = [
        float(outside[parts == part].max())
        for part in range(1, count)
        if stats[part, cv2.CC_STAT_AREA] > ZOOM**2 and stats[part, cv2.CC_STAT_LEFT] > 0
    ]
    return min(radii, default=float("inf"))


def pen_field(strokes: Trace, radius: float, even: bool) -> Floats:
    """The field of the same strokes by another pen.

    Loops are kept open: a pen that would fill one is made thinner.

    Args:
        strokes: Of the glyph.
        radius: Half the width of the pen, in MNIST pixels.
        even: The same width everywhere; otherwise the writer's pressure stays.
    """
    radius = min(radius, strokes.radius + 0.6 * strokes.hole)
    if even:
        return _round_pen(strokes.squares, radius)
    pressed = strokes.edge + (radius - strokes.radius)
    return np.asarray(np.maximum(pressed, _round_pen(strokes.squares, 0.65 * radius)), np.float32)


def _round_pen(squares: Floats, radius: float) -> Floats:
    """The field of a pen that is equally wide everywhere.

    At its edge it is as steep as a distance, but it has no crease along the centre, which would
    break a thin line between the pixels of the field.
    """
    return np.asarray(np.maximum((radius**2 - squares) / (2 * radius), OUTSIDE), np.float32)


def interrupt(rng: np.random.Generator, field: Floats, squares: Floats, gap: float) -> Floats:
    """Cuts one to three gaps across the strokes of a field.

    Args:
        rng: For their places.
        field: Of the strokes.
        squares: Squared distance to their centre lines.
        gap: Width of a gap in MNIST pixels.
    """
    line = np.argwhere((squares < 0.1) & (field > 0)).astype(np.float32) / ZOOM
    grid = np.arange(SIDE * ZOOM, dtype=np.float32) / ZOOM
    wanted = rng.integers(1, 4)
    for centre in rng.permutation(line)[:24]:
        near = line[np.linalg.norm(line - centre, axis=1) < 2.5] - centre
        spread, axes = np.linalg.eigh(near.T @ near)
        # Ends and branches of strokes would not become gaps.
        straight = spread[0] < 0.12 * spread[1] and np.linalg.norm(near.mean(axis=0)) < 0.5
        if straight and wanted > 0:
            rows, columns = grid[:, None] - centre[0], grid[None] - centre[1]
            along = np.abs(rows * axes[0, 1] + columns * axes[1, 1])
            across = np.abs(rows * axes[0, 0] + columns * axes[1, 0])
            outside = np.maximum(along - gap / 2, across - 4.0)
            field = np.minimum(field, outside)
            wanted -= 1
    return field


def ink_box(field: Floats) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a field's ink, in MNIST pixels."""
    ink = field > 0
    columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
    return columns[0] / ZOOM, rows[0] / ZOOM, (columns[-1] + 1) / ZOOM, (rows[-1] + 1) / ZOOM
