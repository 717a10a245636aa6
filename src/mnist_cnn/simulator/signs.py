"""What is written beside digits and is none: signs of sums, prices and dates, and words."""

from collections.abc import Callable

import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats, choose, draw
from mnist_cnn.simulator.letters import FONTS, draw_letter
from mnist_cnn.simulator.shapes import SHAPES, Lines, arc, draw_lines, line

# None that by itself may be meant for a number, as "so", "B" or "Il" may.
WORDS = (
    "No", "Nr", "Tel", "Fax", "Total", "Sum", "Date", "Name", "Room", "EUR", "USD", "kg", "cm",
    "km", "mm", "Age", "Class", "Score", "Year", "Time", "Code", "from", "to", "and", "am", "pm",
    "th", "nd", "rd", "Test", "Answer", "Item", "Page", "Week", "Max", "Min", "Kaffee", "Rest",
    "Box", "Gas", "Level", "Quiz", "Job", "Haus", "View", "by", "kWh", "Left", "Vol", "MHz",
)  # fmt: skip
CAP_HEIGHTS = 13.0, 17.0  # in MNIST pixels: digits are 20 high


def draw_sign(rng: np.random.Generator) -> Bytes:
    """A glyph of one of SIGNS, (28, 28), uint8, light on 0."""
    return draw_lines(SIGNS[choose(rng, tuple(SIGNS))](rng), rng.uniform(1.5, 2.2))


def draw_word(rng: np.random.Generator) -> list[Bytes]:
    """The glyphs of one of WORDS, each (SIDE, SIDE), uint8, light on 0."""
    font, cap_height = choose(rng, FONTS), draw(rng, CAP_HEIGHTS)
    return [draw_letter(letter, font, cap_height) for letter in choose(rng, WORDS)]


def _dot(y: float) -> Floats:
    """As a hand makes it: a short dash."""
    return line((0, y), (0.06, y + 0.15))


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
