"""Scenes: digits of MNIST, written, lit and photographed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mnist_cnn.simulator.camera import keep_inside, view
from mnist_cnn.simulator.common import Box, Bytes, Floats, choose, draw
from mnist_cnn.simulator.conditions import CONDITIONS, PENS, Condition, Pen
from mnist_cnn.simulator.development import OTHERS, Drawing, develop, ink_bounds, print_ink
from mnist_cnn.simulator.frames import choose_frames
from mnist_cnn.simulator.layout import DIGIT, Glyph, choose_height, frame, set_line, stack
from mnist_cnn.simulator.signs import draw_sign, draw_word
from mnist_cnn.simulator.strokes import Trace, interrupt, pen_field, trace
from mnist_cnn.simulator.variants import vary

BLOT = 2.2  # in MNIST pixels: a glyph with a place that wide is drawn by no thin pen
THIN = 0.8  # in MNIST pixels: half the width of a thin pen
SPACE = 0.25, 0.9  # between a word and the digits, in heights, beside the gap of letters
STEEPEST = 38.0  # degrees that a digit may slant, if it didn't before


@dataclass(frozen=True)
class Scene:
    """A photo and what is written on it.

    Args:
        image: (H, W, 3), uint8; blue, green, red.
        lines: What is written, top to bottom, digits left to right.
        boxes: x, y, width, height in pixels of each digit's ink, in reading order.
        owners: (H, W), uint8: 1 where there is ink of the first digit, and so on; OTHERS where
            there is that of signs and letters, 0 where there is none.
    """

    image: NDArray[np.uint8]
    lines: tuple[str, ...]
    boxes: tuple[Box, ...]
    owners: NDArray[np.uint8]


def simulate(
    rng: np.random.Generator,
    digits: NDArray[np.uint8],
    labels: NDArray[np.integer],
    condition: str,
    lengths: Sequence[int] = (1,),
) -> Scene:
    """Writes digits drawn at random and photographs them.

    Args:
        rng: For everything that is random.
        digits: (N, 28, 28), uint8, light ink on 0, as MNIST's are.
        labels: (N,), from 0 to 9.
        condition: One of CONDITIONS.
        lengths: Digits in each line, from top to bottom: (1,) is a single digit.

    Raises:
        ValueError: There is no such condition, the arrays or lengths have wrong shapes, or a digit
            that was drawn is blank. To look at all of them would take longer than to draw some.
    """
    _check(digits, labels, condition, lengths)
    ranges = CONDITIONS[condition]
    height = choose_height(rng, ranges, lengths)
    pen = PENS[choose(rng, ranges.pens)]
    writer = _Writer(rng, ranges, pen, height)
    lines = [
        set_line(rng, writer.write(digits, labels, length), height, ranges) for length in lengths
    ]
    texts = tuple("".join(placed.glyph.digit for placed in line) for line in lines)
    lines, size = frame(rng, stack(rng, lines, height), height, ranges)
    frames = choose_frames(rng, lines, height) if ranges.framed else []
    glyphs = [placed for line in lines for placed in line]
    corners = np.array([placed.ink for placed in glyphs], np.float32).reshape(-1, 2)
    matrix = keep_inside(view(rng, size, ranges.turn, ranges.perspective), corners, size)
    ink, owners, boxes = print_ink(glyphs, matrix, size, ranges.hard)
    base = max(placed.ink[3] for placed in lines[0])
    image = develop(rng, Drawing(ink, ink_bounds(ink), height, matrix, base, frames), ranges, pen)
    return Scene(image, texts, tuple(boxes), owners)


def _check(
    digits: NDArray[np.uint8],
    labels: NDArray[np.integer],
    condition: str,
    lengths: Sequence[int],
) -> None:
    """Refuses what `simulate` cannot draw."""
    if condition not in CONDITIONS:
        raise ValueError(
            f"condition {condition!r} does not exist; choose one of {', '.join(CONDITIONS)}"
        )
    if digits.dtype != np.uint8 or digits.ndim != 3 or digits.shape[1:] != (28, 28):
        raise ValueError(
            f"digits are {digits.dtype} of shape {digits.shape}, must be uint8 of (N, 28, 28); "
            "pass MNIST's images"
        )
    if len(digits) == 0 or labels.shape != digits.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape} for {len(digits)} digits, must be one for each of "
            "at least one digit; pass both of the same part of MNIST"
        )
    if not lengths or min(lengths) < 1 or sum(lengths) >= OTHERS:
        raise ValueError(
            f"lengths are {tuple(lengths)}, must be at least one line of at least one digit, and "
            f"{OTHERS - 1} digits at most; pass (1,) for a single digit"
        )


class _Writer:
    """One hand with one pen."""

    def __init__(
        self, rng: np.random.Generator, condition: Condition, pen: Pen, height: float
    ) -> None:
        self.rng, self.condition, self.pen = rng, condition, pen
        self.pixel = DIGIT / height  # in MNIST pixels
        self.slant = rng.uniform(-condition.slant, condition.slant)
        self.aspect = rng.uniform(0.7, 1.2)
        self.radius = max(draw(rng, pen.radius), rng.uniform(0.5, 0.9) * self.pixel)

    def write(
        self, digits: NDArray[np.uint8], labels: NDArray[np.integer], length: int
    ) -> list[Glyph]:
        """A line of digits, with what is written beside them."""
        line = [self._digit(digits, labels) for _ in range(length)]
        if self.condition.signs:
            line = self._add_signs(line)
        return self._add_word(line) if self.condition.words else line

    def _digit(self, digits: NDArray[np.uint8], labels: NDArray[np.integer]) -> Glyph:
        for _ in range(6):  # a thin pen would draw the outline of a blot
            chosen = int(self.rng.integers(len(digits)))
            if not digits[chosen].any():
                raise ValueError(f"digit {chosen} is blank, must have ink; leave it out")
            strokes = self._trace(self._vary(digits[chosen], int(labels[chosen])))
            if self.radius > THIN or strokes.blot < BLOT:
                break
        return Glyph(self._draw(strokes), str(labels[chosen]))

    def _add_signs(self, line: list[Glyph]) -> list[Glyph]:
        """One sign or more, each at a place of its own."""
        count = int(self.rng.integers(1, 2 + len(line) // 2))
        places = self.rng.permutation(len(line) + 1)[:count]
        for place in sorted(places, reverse=True):
            sign = Glyph(self._draw(self._trace(draw_sign(self.rng))))
            line = [*line[:place], sign, *line[place:]]
        return line

    def _add_word(self, line: list[Glyph]) -> list[Glyph]:
        """A word before the digits or, more rarely, behind them."""
        space = float(self.rng.uniform(*SPACE))
        word = [Glyph(self._draw(self._trace(letter))) for letter in draw_word(self.rng)]
        if self.rng.random() < 0.3:
            return [*line, replace(word[0], space=space), *word[1:]]
        return [*word, replace(line[0], space=space), *line[1:]]

    def _vary(self, glyph: Bytes, label: int) -> Bytes:
        chance = self.condition.variants
        return vary(self.rng, glyph, label) if self.rng.random() < chance else glyph

    def _trace(self, glyph: Bytes) -> Trace:
        """Redraws a glyph in this hand."""
        moments = cv2.moments(glyph)
        own = float(np.degrees(np.arctan2(-moments["mu11"], moments["mu02"])))
        wanted = own + self.slant + self.rng.normal(0, 2.5)
        slant = float(np.clip(wanted, min(-STEEPEST, own), max(STEEPEST, own))) - own
        aspect = self.aspect * self.rng.uniform(0.95, 1.05)
        return trace(self.rng, glyph, slant, aspect, wobble=0.35)

    def _draw(self, strokes: Trace) -> Floats:
        """The field of one glyph."""
        field = pen_field(strokes, self.radius, self.pen.even)
        if self.rng.random() < self.condition.broken:
            gap = max(self.rng.uniform(1.0, 2.2), 2.0 * self.pixel)
            field = interrupt(self.rng, field, strokes.squares, gap)
        return field
