"""What is written beside digits and is none: signs of sums, prices and dates, and words."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats, choose
from mnist_cnn.simulator.shapes import SHAPES, Lines, arc, draw_lines, line

# Outlines in OpenCV 5, single strokes before it; a pen redraws their centre lines anyway.
FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)
# None in which all letters are like digits, as in "so" or "B".
WORDS = (
    "No", "Nr", "Tel", "Fax", "Total", "Sum", "Date", "Name", "Room", "EUR", "USD", "kg", "cm",
    "km", "mm", "Age", "Class", "Score", "Year", "Time", "Code", "from", "to", "and", "am", "pm",
    "th", "nd", "rd", "Test", "Answer", "Item", "Page", "Week", "Max", "Min", "Kaffee", "Rest",
)  # fmt: skip
CAPITALS = 13.0  # their height in MNIST pixels: digits are 20 high
BASE = 22.5  # row on which letters stand: digits end at 24, and some letters reach below
PEN = 1.5  # width of single strokes, in MNIST pixels


def draw_sign(rng: np.random.Generator) -> Bytes:
    """A glyph of one of SIGNS, (28, 28), uint8, light on 0."""
    return draw_lines(SIGNS[choose(rng, tuple(SIGNS))](rng), rng.uniform(1.5, 2.2))


def draw_word(rng: np.random.Generator) -> list[Bytes]:
    """The glyphs of one of WORDS, each (28, 28), uint8, light on 0."""
    face = choose(rng, FACES)
    return [draw_letter(letter, face) for letter in choose(rng, WORDS)]


def draw_letter(letter: str, face: int) -> Bytes:
    """The glyph of a letter in one of FACES, (28, 28), uint8, light on 0."""
    canvas = np.zeros((224, 224), np.uint8)  # eight times as large: OpenCV's widths are integers
    scale, thickness = 8 * CAPITALS / _height_of_capitals(face), round(8 * PEN)
    (width, _), _ = cv2.getTextSize(letter, face, scale, thickness)
    corner = ((224 - width) // 2, round(8 * BASE))
    cv2.putText(canvas, letter, corner, face, scale, 255, thickness, cv2.LINE_AA)
    return np.asarray(cv2.resize(canvas, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _height_of_capitals(face: int) -> float:
    """Of scale 1, in pixels; `cv2.getTextSize` knows that of the line only."""
    canvas = np.zeros((400, 400), np.uint8)
    cv2.putText(canvas, "H", (20, 380), face, 10.0, 255, 1)
    return cv2.boundingRect(canvas)[3] / 10


def _dot(y: float) -> Floats:
    return line((0, y), (0.06, y + 0.15))  # not round: what is has no centre line


def _slash(rng: np.random.Generator) -> Lines:
    lean = rng.uniform(0.6, 0.95)  # more than most 1s, and longer
    return [line((lean, -1.2), (-lean, 1.2))]


def _bracket(rng: np.random.Generator) -> Lines:
    bend, side = rng.uniform(0.3, 0.45), rng.choice((-1, 1))
    y = np.linspace(-1.15, 1.15, 20)
    return [np.stack([side * bend * (0.5 - (y / 1.15) ** 2), y], axis=1).astype(np.float32)]


def _percent(rng: np.random.Generator) -> Lines:
    rings = [arc(side * 0.6, side * 0.6, rng.uniform(0.22, 0.32)) for side in (-1, 1)]
    return [line((0.6, -0.9), (-0.6, 0.9)), *rings]


def _euro(rng: np.random.Generator) -> Lines:
    bars = [line((-0.95, y), (0.25, y)) for y in (-0.18, 0.18)]
    return [arc(0.1, 0, 0.85, 45, 315), *bars]


def _dollar(rng: np.random.Generator) -> Lines:
    return [arc(0, -0.4, 0.42, 90, 330), arc(0, 0.42, 0.42, -90, 150), line((0, -1.1), (0, 1.1))]


# x and y from -1 to 1 are the 20 pixels that a digit is high.
SIGNS: dict[str, Callable[[np.random.Generator], Lines]] = {
    **{name: SHAPES[name] for name in ("arrow", "tick", "hash")},
    "plus": lambda rng: [line((-0.6, 0.1), (0.6, 0.1)), line((0, -0.5), (0, 0.7))],
    "minus": lambda rng: [line((-0.5, 0.1), (0.5, 0.1))],
    "equals": lambda rng: [line((-0.6, y), (0.6, y)) for y in (-0.2, 0.3)],
    "times": lambda rng: [line((-0.4, -0.3), (0.4, 0.5)), line((0.4, -0.3), (-0.4, 0.5))],
    "divided": lambda rng: [
        line((-0.6, 0.1), (0.6, 0.1)), _dot(-0.4), _dot(0.5)
    ],
    "slash": _slash,
    "bracket": _bracket,
    "percent": _percent,
    "euro": _euro,
    "dollar": _dollar,
    "degree": lambda rng: [arc(0, -0.8, rng.uniform(0.2, 0.28))],
    "point": lambda rng: [_dot(0.9)],
    "comma": lambda rng: [line((0.08, 0.85), (-0.1, 1.25))],
    "colon": lambda rng: [_dot(-0.2), _dot(0.8)],
}  # fmt: skip
