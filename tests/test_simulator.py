from collections.abc import Callable, Sequence
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fake_mnist import draw_digit
from mnist_cnn.simulator import (
    CONDITIONS,
    NON_DIGITS,
    Scene,
    simulate,
    simulate_non_digit,
    variants,
)
from mnist_cnn.simulator.centre_lines import thin
from mnist_cnn.simulator.strokes import ZOOM, pen_field, trace
from mnist_cnn.simulator.variants import vary

GENERATOR = np.random.default_rng(0)
LABELS = np.arange(40) % 10
DIGITS = np.stack([draw_digit(int(label), GENERATOR) for label in LABELS])
LENGTHS: tuple[tuple[int, ...], ...] = ((1,), (1,), (4,), (2, 3))

WRONG = [  # (what is wrong, digits, labels, condition, lengths, what the error says)
    ("condition", DIGITS, LABELS, "foggy", (1,), "condition 'foggy' does not exist; choose one"),
    ("dtype", DIGITS / 255, LABELS, "clean", (1,), r"digits are float64 .* pass MNIST's images"),
    ("shape", DIGITS[:, :20], LABELS, "clean", (1,), r"\(40, 20, 28\), must be .* pass MNIST's"),
    ("labels", DIGITS, LABELS[:5], "clean", (1,), r"shape \(5,\) for 40 digits, must .* pass both"),
    ("no digits", DIGITS[:0], LABELS[:0], "clean", (1,), "for 0 digits, must .* pass both"),
    ("no lines", DIGITS, LABELS, "clean", (), r"lengths are \(\), must .* pass \(1,\)"),
    ("empty line", DIGITS, LABELS, "clean", (3, 0), r"lengths are \(3, 0\), must .* pass \(1,\)"),
    ("long", DIGITS, LABELS, "clean", (250, 5), r"\(250, 5\), must .* 254 digits at most"),
    ("blank", 0 * DIGITS[:1], LABELS[:1], "clean", (1,), "digit 0 is blank, must have .* leave it"),
]


@cache
def scenes(condition: str) -> list[Scene]:
    rng = np.random.default_rng(1)
    return [simulate(rng, DIGITS, LABELS, condition, lengths) for lengths in LENGTHS]


def ring(image: NDArray[np.uint8], box: Sequence[int]) -> NDArray[np.bool_]:
    """The pixels around a box, a fifth of its size wide."""
    x, y, width, height = box
    reach = 2 + max(width, height) // 5
    mask = np.zeros(image.shape[:2], bool)
    mask[max(y - reach, 0) : y + height + reach, max(x - reach, 0) : x + width + reach] = True
    mask[y : y + height, x : x + width] = False
    return mask


@pytest.mark.parametrize("condition", CONDITIONS)
class TestConditions:
    def test_same_seed_same_scene(self, condition: str) -> None:
        rng = np.random.default_rng(1)
        first, second = scenes(condition)[0], simulate(rng, DIGITS, LABELS, condition)
        assert np.array_equal(first.image, second.image)
        assert (first.lines, first.boxes) == (second.lines, second.boxes)

    def test_other_seed_other_scene(self, condition: str) -> None:
        first, second = scenes(condition)[:2]
        assert first.image.shape != second.image.shape or (first.image != second.image).any()

    def test_images_are_colour_bytes(self, condition: str) -> None:
        for scene in scenes(condition):
            assert scene.image.dtype == np.uint8
            assert scene.image.ndim == 3
            assert scene.image.shape[2] == 3
            assert min(scene.image.shape[:2]) >= 14

    def test_lines_have_the_lengths_asked_for(self, condition: str) -> None:
        for scene, lengths in zip(scenes(condition), LENGTHS, strict=True):
            assert tuple(map(len, scene.lines)) == lengths
            assert "".join(scene.lines).isdigit()
            assert len(scene.boxes) == sum(lengths)

    def test_boxes_are_inside_in_reading_order(self, condition: str) -> None:
        for scene, lengths in zip(scenes(condition), LENGTHS, strict=True):
            boxes = np.array(scene.boxes)
            assert (boxes >= 0).all()
            assert (boxes[:, 2:] > 0).all()
            assert (boxes[:, :2] + boxes[:, 2:] <= scene.image.shape[1::-1]).all()
            middles = boxes[:, :2] + boxes[:, 2:] / 2
            lines = np.split(middles, np.cumsum(lengths)[:-1])
            assert all((np.diff(line[:, 0]) > 0).all() for line in lines)
            assert (np.diff([line[:, 1].mean() for line in lines]) > 0).all()

    def test_boxes_hold_ink(self, condition: str) -> None:
        for scene in scenes(condition)[:2]:
            x, y, width, height = scene.boxes[0]
            grey = scene.image.mean(axis=2)
            around = ring(scene.image, scene.boxes[0])
            paper = np.median(grey[around]) if around.any() else np.median(grey)
            inside = grey[y : y + height, x : x + width]
            contrast = np.percentile(np.abs(inside - paper), 99)  # a hairline is 2 %
            assert contrast > 20, "ink is too faint to be read"


def test_a_box_fits_its_ink() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        scene = simulate(rng, DIGITS, LABELS, "hairline")
        grey = scene.image.astype(int).sum(axis=2)
        ink = np.argwhere(np.abs(grey - grey[0, 0]) > 150)
        top, left = ink.min(axis=0)
        bottom, right = ink.max(axis=0) + 1
        x, y, width, height = scene.boxes[0]
        assert (
            np.abs(np.array([x, y, x + width, y + height]) - [left, top, right, bottom]).max() < 3
        )


def test_the_label_is_of_the_digit() -> None:
    for label in range(10):
        scene = simulate(np.random.default_rng(3), DIGITS, np.full(40, label), "clean", (3,))
        assert scene.lines == (str(label) * 3,)


def test_neighbours_touch_only_where_they_should() -> None:
    def gaps(condition: str) -> list[int]:
        """Empty columns between two bars; they may lean, so that boxes overlap a little."""
        bar = np.zeros((1, 28, 28), np.uint8)
        bar[0, 4:24, 12:16] = 255
        rng = np.random.default_rng(4)
        pairs = [simulate(rng, bar, np.ones(1, int), condition, (2,)).boxes for _ in range(12)]
        return [right[0] - left[0] - left[2] for left, right in pairs]

    assert np.median(gaps("touching")) <= 0 < 4 < np.median(gaps("clean"))


@pytest.mark.parametrize("lengths", [(1,), (5,), (3, 4)])
def test_a_cropped_picture_ends_where_the_ink_does(lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(7)
    for _ in range(8):
        scene = simulate(rng, DIGITS, LABELS, "cropped", lengths)
        height, width = scene.owners.shape
        x, y, columns, rows = cv2.boundingRect((scene.owners > 0).astype(np.uint8))
        tallest = max(box[3] for box in scene.boxes)
        margins = x, y, width - x - columns, height - y - rows
        assert max(margins) <= 0.05 * tallest + 2


@pytest.mark.parametrize("case", WRONG, ids=[case[0] for case in WRONG])
def test_wrong_arguments_are_named(case: tuple[str, *tuple[object, ...]]) -> None:
    *arguments, message = case[1:]
    call: Callable[..., Scene] = simulate
    with pytest.raises(ValueError, match=str(message)) as error:
        call(np.random.default_rng(0), *arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", NON_DIGITS)
class TestNonDigits:
    def test_images_are_colour_bytes(self, kind: str) -> None:
        rng = np.random.default_rng(5)
        for _ in range(6):
            image = simulate_non_digit(rng, kind)
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
            assert min(image.shape[:2]) >= 20

    def test_same_seed_same_image(self, kind: str) -> None:
        first, second = (simulate_non_digit(np.random.default_rng(6), kind) for _ in range(2))
        assert np.array_equal(first, second)


def test_a_wrong_kind_is_named() -> None:
    with pytest.raises(ValueError, match="kind 'poem' does not exist; choose one of blank"):
        simulate_non_digit(np.random.default_rng(0), "poem")


def ring_of(width: int) -> NDArray[np.uint8]:
    glyph = np.zeros((28, 28), np.uint8)
    cv2.ellipse(glyph, (14, 14), (width // 2, 9), 0, 0, 360, 255, 2)
    return glyph


def stem(lean: int) -> NDArray[np.uint8]:
    glyph = np.zeros((28, 28), np.uint8)
    cv2.line(glyph, (14 + lean, 4), (14 - lean, 23), 255, 2)
    return glyph


@pytest.mark.parametrize("label", [2, 3, 5, 6, 8])
def test_other_digits_have_no_variant(label: int) -> None:
    glyph = DIGITS[label]
    assert np.array_equal(vary(np.random.default_rng(7), glyph, label), glyph)


@pytest.mark.parametrize("seed", range(10))
def test_variants_add_a_stroke(seed: int) -> None:
    for label, glyph in ((0, ring_of(14)), (7, stem(3))):
        varied = vary(np.random.default_rng(seed), glyph, label)
        assert varied.shape == (28, 28)
        assert varied.dtype == np.uint8
        assert (varied >= glyph).all()
        assert 5 < (varied > 100).sum() - (glyph > 100).sum() < 120


@pytest.mark.parametrize("seed", range(10))
def test_a_slash_parts_the_ring(seed: int) -> None:
    varied = vary(np.random.default_rng(seed), ring_of(14), 0)
    background = cv2.connectedComponents((varied < 60).astype(np.uint8), connectivity=4)[0] - 1
    assert background >= 3, "around it and on both sides of the slash"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("lean", "column"), [(-3, 11), (0, 13), (4, 17)])
def test_the_flag_of_a_1_hangs_on_the_left_of_its_head(lean: int, column: int, seed: int) -> None:
    glyph = stem(lean)
    one = vary(np.random.default_rng(seed), glyph, 1)
    assert one.shape == (28, 28)
    assert one.dtype == np.uint8
    varied = one > 100
    assert 5 < varied.sum() - (glyph > 100).sum() < 120
    assert cv2.connectedComponents(varied.astype(np.uint8))[0] == 2, "all of one piece"
    added = np.argwhere(varied[:18] & (glyph[:18] < 30))  # a foot is lower
    assert added[:, 1].mean() < column
    left = added[:, 1].min()
    row = added[added[:, 1] == left, 0].mean()
    length = np.hypot(row - 4, left - 14 - lean)
    assert length < 0.55 * 20 + 3
    assert length < 8 or row > 5.5, "a long flag that lies is the bar of a 7"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("bent", "feet"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_bent_1_is_drawn_anew_and_others_may_have_a_foot(
    monkeypatch: pytest.MonkeyPatch, bent: int, feet: int, seed: int
) -> None:
    monkeypatch.setattr(variants, "ROUND", bent)
    monkeypatch.setattr(variants, "FEET", feet)
    glyph = stem(0)
    varied = vary(np.random.default_rng(seed), glyph, 1)
    has_foot = int((varied[20:25] > 100).any(axis=0).sum()) > 7
    assert has_foot == (feet and not bent)
    assert (varied >= glyph).all() == (not bent)


def test_a_0_without_room_stays_as_it_is() -> None:
    narrow = ring_of(6)
    assert np.array_equal(vary(np.random.default_rng(0), narrow, 0), narrow)


@pytest.mark.parametrize("label", range(10))
def test_an_empty_glyph_has_no_variant(label: int) -> None:
    blank = np.zeros((28, 28), np.uint8)
    assert not vary(np.random.default_rng(0), blank, label).any()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("label", [4, 9])
def test_a_4_and_a_9_are_drawn_anew_by_the_same_pen(label: int, seed: int) -> None:
    inked = []
    for width in (1, 4):
        glyph = np.zeros((28, 28), np.uint8)
        cv2.line(glyph, (14, 4), (14, 23), 255, width)
        drawn = vary(np.random.default_rng(seed), glyph, label)
        _, _, wide, high = cv2.boundingRect((drawn > 60).astype(np.uint8))
        assert drawn.shape == (28, 28)
        assert drawn.dtype == np.uint8
        assert 18 <= high <= 26
        assert 6 <= wide <= high
        assert cv2.connectedComponents((drawn > 60).astype(np.uint8))[0] == 2, "all of one piece"
        inked.append(drawn)
    thin_pen, thick_pen = inked
    assert thick_pen.sum() > 1.1 * thin_pen.sum()
    _, parts = cv2.connectedComponents((thin_pen < 60).astype(np.uint8), connectivity=4)
    foot = float(np.flatnonzero(thin_pen[np.flatnonzero(thin_pen.any(axis=1))[-1]]).mean())
    if label == 9:
        assert parts.max() == 2, "around it and in its ring"
        assert foot < 15, "a tail that bends to the left"
    else:
        assert foot > 13.5, "a stem on the right"
    assert (vary(np.random.default_rng(seed + 100), DIGITS[label], label) != thick_pen).any()


@pytest.mark.parametrize("label", [0, 1, 4, 7, 9])
@pytest.mark.parametrize("place", [(0, 0), (0, 27), (27, 0), (27, 27), (13, 13)])
def test_a_dot_has_a_variant_or_none(label: int, place: tuple[int, int]) -> None:
    glyph = np.zeros((28, 28), np.uint8)
    glyph[place] = 255
    assert vary(np.random.default_rng(0), glyph, label).shape == (28, 28)


@pytest.mark.parametrize("size", range(1, 14))
@pytest.mark.parametrize("middle", [20, 20.5])  # some of both are peeled off whole
def test_a_dot_has_a_centre_line_beside_other_strokes(middle: float, size: int) -> None:
    ink = np.zeros((60, 60), np.uint8)
    cv2.ellipse(ink, ((middle, middle), (size, size), 0), 1, -1)
    ink[50:54, 5:55] = 1
    line = thin(ink)
    assert (line <= ink).all()
    assert line[:40].any()
    assert line[50:54].sum() > 40


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_a_dot_is_as_wide_as_the_pen(radius: int) -> None:
    glyph = np.zeros((28, 28), np.uint8)
    cv2.circle(glyph, (14, 14), radius, 255, -1)
    strokes = trace(np.random.default_rng(0), glyph, 0.0, 1.0, wobble=0.0)
    drawn = pen_field(strokes, 1.5, even=False) > 0
    assert np.sqrt(drawn.sum() / np.pi) / ZOOM == pytest.approx(1.5, abs=0.25)
