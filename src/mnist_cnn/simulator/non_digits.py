"""Pictures without any digit: what a reader of digits must not read.

Letters, shapes and scribbles are glyphs as MNIST's digits are, and become scenes by the same way.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats, choose, smooth_noise
from mnist_cnn.simulator.conditions import CONDITIONS, PENS
from mnist_cnn.simulator.development import Drawing, develop
from mnist_cnn.simulator.letters import FONTS, draw_letter
from mnist_cnn.simulator.scenes import simulate
from mnist_cnn.simulator.shapes import SHAPES, draw_lines

# Letters that nobody takes for a digit. By hand, O o D d Q a U n are like 0; I i l L J j r like
# 1; Z z like 2; A H Y y h u like 4; S s like 5; G b C c like 6; T t f F like 7; B like 8; g q P p e
# like 9.
LETTERS = "EKMNRVWXkmvwx"
CAP_HEIGHT = 18.0  # in MNIST pixels: no letter is wider than 28
MARGIN = 8  # pixels around the 28×28 in the middle of a letter's glyph

# All but those in which a letter or a shape could lose what tells it from a digit.
WRITTEN = (
    "clean", "light_on_dark", "light_gradient", "shadow", "pencil", "ballpoint", "marker", "ruled",
    "specks", "perspective", "clutter", "mixed",
)  # fmt: skip


def simulate_non_digit(rng: np.random.Generator, kind: str) -> Bytes:
    """A picture that contains no digit.

    Args:
        rng: For everything that is random.
        kind: One of NON_DIGITS.

    Returns:
        (H, W, 3), uint8; blue, green, red.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} does not exist; choose one of {', '.join(NON_DIGITS)}")
    return KINDS[kind](rng)


def _blank(rng: np.random.Generator) -> Bytes:
    """Nothing but paper, light and what lies about."""
    height, width = _size(rng)
    free = int(0.3 * width), int(0.3 * height), int(0.4 * width), int(0.4 * height)
    nothing = Drawing(
        np.zeros((height, width), np.float32),
        free,
        0.4 * height,
        np.eye(3, dtype=np.float32),
        height / 2,
    )
    return develop(rng, nothing, CONDITIONS[choose(rng, WRITTEN)], PENS["ink"])


def _noise(rng: np.random.Generator) -> Bytes:
    """Random pixels, fine or coarse, grey or coloured."""
    size = _size(rng)
    channels = choose(rng, (1, 3))
    knots = choose(rng, (max(size), max(size) // 2, max(size) // 4))
    clouds = smooth_noise(rng, size, knots, channels=3)[..., :channels]
    return _bytes(rng.uniform(60, 200) + rng.uniform(15, 80) * clouds)


def _letters(rng: np.random.Generator) -> Bytes:
    """One to three letters."""
    return _write(rng, [_letter(rng) for _ in range(rng.integers(1, 4))])


def _letter(rng: np.random.Generator) -> Bytes:
    """A glyph of a letter, (28, 28): capitals are 18 high, small letters down to 12."""
    glyph = draw_letter(choose(rng, LETTERS), choose(rng, FONTS), CAP_HEIGHT)
    return glyph[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _scribbles(rng: np.random.Generator) -> Bytes:
    """What a hand does to try a pen or to cross something out."""
    # More turns than these would flow together: a blot, which a thin pen draws as a bar.
    if rng.random() < 0.5:  # loops side by side
        turns = int(rng.integers(4, 8))
        t = np.linspace(0, turns, 30 * turns, dtype=np.float32)[:, None]
        angles = 2 * np.pi * t + rng.uniform(0, 6)
        points = np.hstack([2.2 * t / turns - 1.1 + 0.3 * np.cos(angles), 0.7 * np.sin(angles)])
    else:  # to and fro
        turns = int(rng.integers(6, 9))
        ways = np.hstack([np.linspace(-1, 1, turns)[:, None], np.resize([-1, 1], (turns, 1))])
        ways = ways * rng.uniform(0.7, 1.2, 2) + rng.normal(0, 0.12, (turns, 2))
        points = cv2.resize(ways, (2, 12 * turns), interpolation=cv2.INTER_CUBIC)
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return _write(rng, [draw_lines([(points @ turn).astype(np.float32)], 0.8)])


def _shapes(rng: np.random.Generator) -> Bytes:
    """A symbol or a small drawing."""
    lines = SHAPES[choose(rng, tuple(SHAPES))](rng)
    return _write(rng, [draw_lines(lines, rng.uniform(1.3, 2.2))])


def _write(rng: np.random.Generator, glyphs: Sequence[Bytes]) -> Bytes:
    """Writes glyphs as if they were digits."""
    labels = np.full(len(glyphs), 8)  # a digit that has no variants
    condition = choose(rng, WRITTEN)
    return simulate(rng, np.stack(glyphs), labels, condition, (len(glyphs),)).image


def _textures(rng: np.random.Generator) -> Bytes:
    """Wood, cloth, tiles or stripes."""
    rows, columns = _size(rng)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(6, 60)
    along = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / pitch
    across = (y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / pitch
    bends = smooth_noise(rng, (rows, columns), 5)
    pattern: Floats = choose(
        rng,
        (
            np.sin(along / 3 + 2.5 * bends) + 0.3 * np.sin(3 * along),
            np.sin(along) * np.sin(across),
            np.sign(np.sin(along) * np.sin(across)),
            np.sign(np.sin(along)),
            bends + smooth_noise(rng, (rows, columns), 40),
        ),
    )
    high = rng.uniform(60, 240) + rng.normal(0, 18, 3)
    low = high * rng.uniform(0.3, 0.85)
    share = np.clip(0.5 + 0.4 * pattern, 0, 1)[..., None]
    return _bytes(low + share * (high - low) + rng.normal(0, 3, (rows, columns, 1)))


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a frame."""
    height, width = np.exp(rng.uniform(np.log(60), np.log(500), 1)) * rng.uniform(0.75, 1.35, 2)
    return int(height), int(width)


def _bytes(page: Floats) -> Bytes:
    """Rounds and clips a page of one or three channels to an image of three."""
    image = np.broadcast_to(np.clip(page + 0.5, 0, 255), (*page.shape[:2], 3))
    return np.asarray(image, np.uint8)


KINDS: dict[str, Callable[[np.random.Generator], Bytes]] = {
    "blank": _blank,
    "noise": _noise,
    "letters": _letters,
    "textures": _textures,
    "scribbles": _scribbles,
    "shapes": _shapes,
}
NON_DIGITS = tuple(KINDS)
