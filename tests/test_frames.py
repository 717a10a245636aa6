"""Frames of the simulator: around what is written, and never on its ink's account."""

import numpy as np
import pytest

from fake_mnist import draw_digit
from mnist_cnn.simulator import simulate
from mnist_cnn.simulator.frames import choose_frames, draw_frames
from mnist_cnn.simulator.layout import Glyph, Placed
from mnist_cnn.simulator.strokes import OUTSIDE, SIDE, ZOOM

HEIGHT = 40.0
STEP = HEIGHT / 20


def glyph(x: float, y: float) -> Placed:
    """A bar, 20 of MNIST's pixels high, whose ink begins at x, y."""
    field = np.full((SIDE * ZOOM, SIDE * ZOOM), OUTSIDE, np.float32)
    field[12 * ZOOM : 32 * ZOOM, 20 * ZOOM : 24 * ZOOM] = 1.0
    return Placed(Glyph(field, "1"), STEP, x - 20 * STEP, y - 12 * STEP)


LINES = [[glyph(100, 100), glyph(140, 100)], [glyph(110, 160), glyph(150, 160)]]


@pytest.mark.parametrize("seed", range(30))
def test_frames_are_outside_of_the_ink(seed: int) -> None:
    strokes = choose_frames(np.random.default_rng(seed), LINES, HEIGHT)
    assert strokes
    for stroke in strokes:
        assert stroke.ndim == 2
        assert stroke.shape[1] == 2
        steps = np.linspace(0, 1, 50)[:, None, None]
        for x, y in (stroke[:-1] + steps * np.diff(stroke, axis=0)).reshape(-1, 2):
            for one in (glyph for line in LINES for glyph in line):
                left, top, right, bottom = one.ink
                assert not (left < x < right and top < y < bottom)


def test_there_are_several_kinds() -> None:
    counts = {len(choose_frames(np.random.default_rng(seed), LINES, HEIGHT)) for seed in range(30)}
    assert counts == {1, 2, 4}  # around all, a line each, cells of two


def test_strokes_are_darker_than_the_page() -> None:
    page = np.full((60, 80, 3), 240, np.float32)
    stroke = np.array([(10, 30), (70, 30)], np.float32)
    draw_frames(np.random.default_rng(1), page, [stroke], np.eye(3, dtype=np.float32), HEIGHT)
    assert page[30, 12:68].max() < 235
    assert page[:20].min() == page[41:].min() == 240


@pytest.mark.parametrize("seed", range(5))
def test_a_framed_scene_has_ink_that_is_no_digits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(10)
    digits = np.stack([draw_digit(int(label), rng) for label in labels])
    pages = [
        simulate(np.random.default_rng(seed), digits, labels, name, (3,))
        for name in ("framed", "clean")
    ]
    strange = []
    for scene in pages:
        grey = scene.image.mean(2)
        x, y, width, height = np.array(scene.boxes).T
        beside = np.ones(grey.shape, bool)
        margin = max(3, int(height.max()) // 20)
        for left, top, right, bottom in zip(x, y, x + width, y + height, strict=True):
            beside[
                max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin
            ] = False
        strange.append(int((grey[beside] < np.median(grey) - 25).sum()))
    assert strange[0] > 50 > strange[1]
