"""Letters of matplotlib's own fonts, which are the same on every machine."""

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from mnist_cnn.simulator.common import Bytes, Floats
from mnist_cnn.simulator.shapes import FINE
from mnist_cnn.simulator.strokes import SIDE

FONTS = (
    "DejaVuSans", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic",
    "STIXGeneral", "STIXGeneralItalic", "cmr10", "cmss10", "cmti10",
)  # fmt: skip
BASE = 32  # row of a glyph on which letters stand: where digits do that are 20 high
PEN = 0.6  # MNIST pixels that strokes become wider: the thinnest would be lost


def draw_letter(letter: str, font: str, cap_height: float) -> Bytes:
    """The glyph of a letter, (SIDE, SIDE), uint8, light on 0.

    Args:
        letter: One of the Latin ones.
        font: One of FONTS.
        cap_height: Of its capitals, in MNIST pixels, up to 20: a digit's.
    """
    canvas = np.zeros((FINE * SIDE, FINE * SIDE), np.uint8)
    origin = np.array([SIDE / 2, BASE - PEN / 2])
    shift = 4  # bits of a pixel's fraction
    outlines = [
        np.round(2**shift * FINE * (origin + (cap_height - PEN) * outline)).astype(np.int32)
        for outline in _outlines(letter, font)
    ]
    cv2.fillPoly(canvas, outlines, 255, cv2.LINE_AA, shift)
    cv2.polylines(canvas, outlines, True, 255, round(FINE * PEN), cv2.LINE_AA, shift)
    return np.asarray(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _outlines(letter: str, font: str) -> list[Floats]:
    """Each (N, 2), x and y in cap heights, from the middle of the base line."""
    file = Path(matplotlib.get_data_path(), "fonts/ttf", f"{font}.ttf")
    face = FontProperties(fname=file, size=10)  # or the user's settings would decide
    height = TextPath((0, 0), "H", prop=face).get_extents().height
    path = TextPath((0, 0), letter, prop=face)
    origin = np.array([path.get_extents().intervalx.mean(), 0])
    return [
        ((np.asarray(points) - origin) / [height, -height]).astype(np.float32)
        for points in path.to_polygons()
    ]
