"""What the simulator writes beside digits."""

import cv2
import numpy as np
import pytest

from fake_mnist import draw_digit
from mnist_cnn.simulator import OTHERS, Scene, signs, simulate
from mnist_cnn.simulator.common import Bytes
from mnist_cnn.simulator.letters import BASE, FONTS, draw_letter
from mnist_cnn.simulator.non_digits import CAP_HEIGHT, LETTERS, MARGIN
from mnist_cnn.simulator.shapes import draw_lines
from mnist_cnn.simulator.signs import CAP_HEIGHTS, SIGNS, WORDS, draw_word
from mnist_cnn.simulator.strokes import SIDE, pen_field, trace

DIGITS = np.stack([draw_digit(label, np.random.default_rng(label)) for label in range(10)])


def write(condition: str, seed: int) -> Scene:
    return simulate(np.random.default_rng(seed), DIGITS, np.arange(10), condition, (3, 2))


@pytest.mark.parametrize("name", SIGNS)
def test_every_pen_draws_every_sign(name: str) -> None:
    rng = np.random.default_rng(0)
    for width in (1.5, 2.2):
        strokes = trace(rng, draw_lines(SIGNS[name](rng), width), 5.0, 1.0, wobble=0.35)
        for radius, even in ((0.35, True), (1.0, False), (2.2, False)):
            assert (pen_field(strokes, radius, even) > 0).any()


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("cap_height", [*CAP_HEIGHTS, 20.0])
def test_letters_fit_their_glyphs_and_stand_on_a_line(cap_height: float, font: str) -> None:
    for letter in sorted({letter for word in WORDS for letter in word}):
        glyph = draw_letter(letter, font, cap_height)
        assert glyph.shape == (SIDE, SIDE)
        assert glyph.max() > 200
        assert not np.concatenate([glyph[[0, -1]].ravel(), glyph[:, [0, -1]].ravel()]).any()
        _, top, _, height = cv2.boundingRect((glyph > 60).astype(np.uint8))
        if letter in "EHKMNRTWX":
            assert height == pytest.approx(cap_height, abs=1.5), letter
        if letter not in "JQYfgpqyjz":
            assert top + height == pytest.approx(BASE, abs=1), letter


@pytest.mark.parametrize("font", FONTS)
def test_letters_that_stand_for_digits_fit_the_image_of_one(font: str) -> None:
    for letter in LETTERS:
        glyph = draw_letter(letter, font, CAP_HEIGHT)
        inner = glyph[MARGIN:-MARGIN, MARGIN:-MARGIN]
        assert inner.shape == (28, 28)
        assert inner.sum() == glyph.sum(), letter


def test_a_letter_has_its_holes() -> None:
    _, parts = cv2.connectedComponents((draw_letter("A", "cmr10", 20.0) < 60).astype(np.uint8))
    assert parts.max() == 2, "around it and in it"


def test_a_word_is_written_in_one_font_and_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str, float]] = []

    def record(letter: str, font: str, cap_height: float) -> Bytes:
        calls.append((letter, font, cap_height))
        return draw_letter(letter, font, cap_height)

    monkeypatch.setattr(signs, "draw_letter", record)
    styles = set()
    for seed in range(20):
        calls.clear()
        glyphs = draw_word(np.random.default_rng(seed))
        letters, fonts, heights = zip(*calls, strict=True)
        assert "".join(letters) in WORDS
        assert len(glyphs) == len(letters)
        assert len(set(fonts)) == len(set(heights)) == 1
        assert CAP_HEIGHTS[0] <= heights[0] <= CAP_HEIGHTS[1]
        styles.add((fonts[0], heights[0]))
    assert len(styles) == 20
    assert len({font for font, _ in styles}) > 5


@pytest.mark.parametrize("condition", ["signs", "words"])
@pytest.mark.parametrize("seed", range(5))
class TestScenes:
    def test_only_digits_are_in_the_truth(self, condition: str, seed: int) -> None:
        scene = write(condition, seed)
        assert [len(line) for line in scene.lines] == [3, 2]
        assert len(scene.boxes) == 5
        assert np.unique(scene.owners).tolist() == [0, 1, 2, 3, 4, 5, OTHERS]

    def test_there_is_more_ink_than_the_digits(self, condition: str, seed: int) -> None:
        scene = write(condition, seed)
        grey = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY)
        mask = grey < cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)[0]
        owned = cv2.dilate((scene.owners % OTHERS > 0).astype(np.uint8), np.ones((7, 7), np.uint8))
        assert (mask & (owned == 0)).sum() > 20
        assert (mask & (scene.owners == OTHERS)).any()
