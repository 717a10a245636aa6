"""From candidates and a classifier to digits: who decides what, and where it is said to be."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from conftest import fading_light, leaning_bars
from mnist_cnn.photos.cuts import ALONG
from mnist_cnn.photos.page import read_pages, working_grey
from mnist_cnn.prediction import reading
from mnist_cnn.prediction.classifiers import BATCH, Classifier, bundled_classifier
from mnist_cnn.prediction.reading import STRANGE_WORD, ReadDigit, Reading, read_digits
from mnist_cnn.simulator import simulate_non_digit

Pixels = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.float32]

RING, BAR, NONE = 0, 1, 10  # what the fake classifiers tell apart


def paper(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), 230, np.uint8)


def ring(image: Pixels, x: int, y: int, width: int = 36, height: int = 50) -> None:
    """A ring whose ink fills the box exactly, strokes of 6 pixels."""
    centre, axes = (x + width // 2, y + height // 2), (width // 2 - 3, height // 2 - 3)
    cv2.ellipse(image, centre, axes, 0, 0, 360, (30, 30, 30), 6, cv2.LINE_AA)


def bar(image: Pixels, x: int, y: int, height: int = 50) -> None:
    image[y : y + height, x : x + 6] = 30


def by(decide: Callable[[Pixels], int], classes: int = 11) -> Classifier:
    """A classifier that is nearly sure of what a function says of each glyph."""

    def classify(views: Pixels) -> Rows:
        assert views.shape[0] > 0  # the real ones take no empty batch
        assert views.shape[1:] == (2, 28, 28)
        assert views.dtype == np.uint8
        rows = np.full((len(views), classes), 0.01 / (classes - 1), np.float32)
        rows[np.arange(len(views)), [decide(glyph) for glyph in views[:, 0]]] = 0.99
        return rows

    return classify


def holes(glyph: Pixels) -> int:
    padded = cv2.copyMakeBorder(glyph, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.connectedComponents((padded < 100).astype(np.uint8), connectivity=4)[0] - 2


def is_bar(glyph: Pixels) -> bool:
    return cv2.boundingRect((glyph > 60).astype(np.uint8))[2] < 5


def by_shape(glyph: Pixels) -> int:
    """Rings and bars alone are digits; neither parts of rings nor several shapes are."""
    return BAR if is_bar(glyph) else RING if holes(glyph) == 1 else NONE


def by_width(glyph: Pixels) -> int:
    return BAR if is_bar(glyph) else RING


def assert_boxes(reading: Reading, expected: Sequence[Sequence[int]], atol: int) -> None:
    boxes = np.array([digit.box for digit in reading.digits])
    corners = np.column_stack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]))
    wanted = np.array(expected)
    wanted[:, 2:] += wanted[:, :2]
    np.testing.assert_allclose(corners, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("size", [100, 240, 700, 1600, 3000])
def test_boxes_are_in_pixels_of_the_image(size: int) -> None:
    image = paper(size, size)
    width, height = size // 3 & ~1, size // 2 & ~1
    x, y, stroke = size // 3, size // 4, max(size // 20, 5) | 1
    centre = (x + width // 2, y + height // 2)
    axes = (width // 2 - stroke // 2, height // 2 - stroke // 2)
    cv2.ellipse(image, centre, axes, 0, 0, 360, (30, 30, 30), stroke)
    inked = cv2.boundingRect((image[..., 0] < 100).astype(np.uint8))
    reading = read_digits(image, by(by_shape))
    assert_boxes(reading, [inked], atol=2)


@pytest.mark.parametrize("size", [(1200, 900), (60, 90), (37, 61)])
def test_a_box_ends_at_the_frame(size: tuple[int, int]) -> None:
    image = paper(*size)
    image[size[0] // 2 :, size[1] // 2 : size[1] // 2 + max(3, size[1] // 20)] = 30
    reading = read_digits(image, by(by_shape), single=True)
    (digit,) = reading.digits
    assert digit.box[1] + digit.box[3] == size[0]


@pytest.mark.parametrize("light", [False, True])
def test_digits_come_in_reading_order(light: bool) -> None:
    image = paper(220, 260)
    expected = []
    for row, text in enumerate(("0110", "1001")):
        for column, shape in enumerate(text):
            x, y = 20 + 60 * column, 25 + 100 * row
            if shape == "0":
                ring(image, x, y)
                expected.append((x, y, 36, 50))
            else:
                bar(image, x, y)
                expected.append((x, y, 6, 50))
    reading = read_digits(255 - image if light else image, by(by_shape))
    assert reading.lines() == ["0110", "1001"]
    assert [digit.line for digit in reading.digits] == [0] * 4 + [1] * 4
    assert_boxes(reading, expected, atol=2)


def cross(image: Pixels, x: int, y: int) -> None:
    cv2.line(image, (x, y), (x + 40, y + 50), (30, 30, 30), 6, cv2.LINE_AA)
    cv2.line(image, (x + 40, y), (x, y + 50), (30, 30, 30), 6, cv2.LINE_AA)


def ring_among_crosses(crosses: int) -> Pixels:
    image = paper(100, 90 + 70 * crosses)
    ring(image, 20, 25)
    for index in range(crosses):
        cross(image, 90 + 70 * index, 25)
    return image


def high_ring(glyph: Pixels) -> int:
    high = cv2.boundingRect((glyph > 60).astype(np.uint8))[3] > 15
    return RING if high and holes(glyph) == 1 else NONE


def test_a_digit_among_what_is_none_is_less_probable() -> None:
    readings = [read_digits(ring_among_crosses(count), by(high_ring)) for count in range(3)]
    assert [reading.lines() for reading in readings] == 3 * [["0"]]
    alone, beside_one, beside_two = (reading.digits[0].probability for reading in readings)
    assert alone == pytest.approx(0.99, abs=0.001)
    assert alone > beside_one + 0.01
    assert beside_one >= beside_two > 0.8


def word(image: Pixels, text: str, x: int = 20, y: int = 25) -> None:
    """Rings, narrow ones and crosses, too far apart to be one digit; a dot makes a space."""
    for shape in text:
        if shape in "0o":
            ring(image, x, y, 36 if shape == "0" else 24)
        elif shape == "x":
            cross(image, x, y)
        x += {"0": 60, "o": 48, "x": 65, ".": 15}[shape]


def unread_in_word(image: Pixels, narrow: float) -> float:
    """The share of the first ring's word that makes it doubtful, by how doubtful it is."""

    def classify(views: Pixels) -> Rows:
        rows = by(high_ring)(views)
        for row, glyph in zip(rows, views[:, 0], strict=True):
            if row[RING] > 0.5 and cv2.boundingRect((glyph > 60).astype(np.uint8))[2] < 13:
                row[RING], row[NONE] = narrow, 0.991 - narrow
        return rows

    probability = read_digits(image, classify).digits[0].probability
    return math.log((0.99 / probability - 0.999) / 0.001) / STRANGE_WORD


# Rings have 903 pixels of ink, narrow ones 808, crosses 965.
@pytest.mark.parametrize(
    ("text", "below", "narrow", "share"),
    [
        ("0", "", 0.99, 0),
        ("0xx", "", 0.99, 0.68),
        ("0xx.00", "", 0.99, 0.68),  # what is read in another word …
        ("0xx", "000", 0.99, 0.68),  # … or line is no reason
        ("0.xx", "", 0.99, 0),
        ("0x0", "", 0.99, 0.35),
        ("0xo", "", 0.99, 0.36),
        ("0xo", "", 0.6, 0.58),  # of the narrow one, 1 + log(0.6) / KNOWN, 0.27, is read
    ],
)
def test_what_is_not_read_in_its_word_makes_a_digit_doubtful(
    text: str, below: str, narrow: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STRANGE", 0.0)
    image = paper(240, 400)
    word(image, text)
    word(image, below, y=150)
    assert unread_in_word(image, narrow) == pytest.approx(share, abs=0.05)


def test_what_is_known_to_be_one_digit_stays_as_probable() -> None:
    reading = read_digits(ring_among_crosses(1), by(lambda _: RING), single=True)
    assert reading.digits[0].probability == pytest.approx(0.99, abs=0.001)


def diamond(image: Pixels, x: int, y: int) -> None:
    """A diamond whose ink is about 54 pixels wide and 64 high."""
    corners = np.array([(x, y + 29), (x + 24, y), (x + 48, y + 29), (x + 24, y + 58)], np.int32)
    cv2.polylines(image, [corners], True, (30, 30, 30), 6, cv2.LINE_AA)


def test_touching_digits_are_parted_where_the_classifier_likes_the_parts() -> None:
    image = paper(130, 190)
    diamond(image, 40, 30)
    diamond(image, 95, 30)
    assert cv2.connectedComponents((image[..., 0] < 150).astype(np.uint8))[0] == 2
    reading = read_digits(image, by(by_shape))
    assert reading.lines() == ["00"]
    assert_boxes(reading, [(36, 26, 56, 66), (92, 26, 56, 66)], atol=3)


def is_leaning_bar(glyph: Pixels) -> bool:
    columns, rows = np.nonzero(glyph.T > 60)
    return bool(np.abs(columns - np.poly1d(np.polyfit(rows, columns, 1))(rows)).max() < 3)


def test_digits_that_lie_against_each_other_are_parted_along_their_strokes() -> None:
    # Not enlarged: the edges of what is enlarged are too soft for the cut.
    image = paper(450, 450)
    image[30:390, 60:330][cv2.resize(leaning_bars(), None, fx=3, fy=3) > 100] = 30
    reading = read_digits(image, by(lambda glyph: BAR if is_leaning_bar(glyph) else NONE))
    assert reading.lines() == ["11"]


@pytest.mark.parametrize(("most_added", "expected"), [(20, "0011"), (0, "00")])
def test_where_all_would_be_too_many_parts_what_is_read_is_not_cut_along(
    most_added: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = paper(150, 300)
    diamond(image, 20, 45)
    diamond(image, 75, 45)  # touches the one before it, and is parted from it across
    bars = cv2.resize(leaning_bars(), None, fx=0.8, fy=0.8) > 100
    image[27 : 27 + len(bars), 150 : 150 + bars.shape[1]][bars] = 30
    cutting = replace(ALONG, most_added=most_added)
    monkeypatch.setattr(reading, "ALONG", cutting)
    assert next(read_pages(*working_grey(image))).cut_up(cutting) is None

    def decide(glyph: Pixels) -> int:
        return RING if holes(glyph) == 1 else BAR if is_leaning_bar(glyph) else NONE

    assert read_digits(image, by(decide)).lines() == [expected]


@pytest.mark.parametrize("seed", [8, 20, 24, 26])
def test_a_stroke_of_a_letter_is_no_sure_digit(seed: int) -> None:
    image = simulate_non_digit(np.random.default_rng(seed), "letters")
    reading = read_digits(image, bundled_classifier())
    assert max((digit.probability for digit in reading.digits), default=0) < 0.9


def test_joined_up_writing_is_not_cut_without_end() -> None:
    image = paper(400, 900)
    rng = np.random.default_rng(5)
    for y in range(40, 380, 60):
        for x in (20, 320, 620):
            points = np.column_stack((np.arange(x, x + 260, 12), y + rng.integers(-18, 18, 22)))
            cv2.polylines(image, [points.astype(np.int32)], False, (30, 30, 30), 3)
    most = 0

    def classify(views: Pixels) -> Rows:
        nonlocal most
        most = max(most, len(views))
        return by(lambda glyph: NONE)(views)

    assert read_digits(image, classify).lines() == []
    assert most < 20_000


def test_touching_digits_stay_one_where_the_classifier_likes_the_whole() -> None:
    image = paper(130, 160)
    ring(image, 30, 30, height=70)
    ring(image, 66, 30, height=70)
    reading = read_digits(image, by(lambda glyph: 8 if holes(glyph) == 2 else NONE))
    assert reading.lines() == ["8"]
    assert_boxes(reading, [(30, 30, 72, 70)], atol=2)


@pytest.mark.parametrize(("apart", "together"), [(0.9, 0.3), (0.3, 0.9)])
def test_the_surer_division_wins(apart: float, together: float) -> None:
    image = paper(110, 160)
    bar(image, 50, 30)
    bar(image, 70, 30)

    def classify(views: Pixels) -> Rows:
        rows = np.zeros((len(views), 10), np.float32)
        for row, glyph in zip(rows, views[:, 0], strict=True):
            alone = is_bar(glyph)
            row[BAR if alone else RING] = apart if alone else together
        return rows

    assert read_digits(image, classify).lines() == ["11" if apart > together else "0"]


def test_what_is_no_digit_is_left_out() -> None:
    image = paper(120, 260)
    bar(image, 30, 30)
    ring(image, 100, 30)
    bar(image, 200, 30)
    reading = read_digits(image, by(lambda glyph: BAR if is_bar(glyph) else NONE))
    assert reading.lines() == ["11"]
    assert_boxes(reading, [(30, 30, 6, 50), (200, 30, 6, 50)], atol=2)


def test_a_line_without_digits_is_not_counted() -> None:
    image = paper(240, 200)
    bar(image, 30, 20)
    bar(image, 110, 20)
    ring(image, 50, 140)
    reading = read_digits(image, by(lambda glyph: RING if holes(glyph) == 1 else NONE))
    assert reading.lines() == ["0"]
    assert reading.digits[0].line == 0


def test_an_image_of_clutter_has_a_page_and_no_digits() -> None:
    image = paper(120, 200)
    ring(image, 80, 30)
    reading = read_digits(image, by(lambda _: NONE))
    assert reading.digits == []
    assert reading.page is not None
    assert reading.lines() == []


def test_ten_classes_are_enough() -> None:
    image = paper(120, 260)
    ring(image, 40, 30)
    bar(image, 120, 30)
    reading = read_digits(image, by(by_width, classes=10))
    assert reading.lines() == ["01"]
    assert [digit.probability for digit in reading.digits] == pytest.approx([0.99, 0.99])


def test_probabilities_are_of_the_ten_digits() -> None:
    image = paper(120, 120)
    ring(image, 40, 30)

    def classify(views: Pixels) -> Rows:
        row = np.array([0, 0, 0, 0.7, 0, 0, 0, 0.1, 0, 0, 0.2], np.float32)
        return np.tile(row, (len(views), 1))

    (digit,) = read_digits(image, classify).digits
    assert digit.probabilities.shape == (10,)
    assert digit.probabilities.sum() == pytest.approx(0.8)
    assert digit.digit == 3
    assert digit.probability == pytest.approx(0.7)


def three_shapes() -> Pixels:
    image = paper(120, 260)
    for x in (20, 100, 180):
        ring(image, x, 30)
    return image


@pytest.mark.parametrize("image", [three_shapes(), three_shapes()[:, :80], 255 - three_shapes()])
@pytest.mark.parametrize("wanted", [RING, NONE])
def test_single_gives_one_digit_of_all_ink(image: Pixels, wanted: int) -> None:
    reading = read_digits(image, by(lambda _: wanted), single=True)
    (digit,) = reading.digits
    left, right = np.flatnonzero((abs(image[..., 0].astype(int) - image[0, 0, 0]) > 90).any(0))[
        [0, -1]
    ]
    assert abs(digit.box[0] - left) <= 2
    assert abs(digit.box[0] + digit.box[2] - right - 1) <= 2


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_image_has_neither_digits_nor_page(level: int, single: bool) -> None:
    image = np.full((50, 70, 3), level, np.uint8)

    def never(views: Pixels) -> Rows:
        raise AssertionError("nothing was to be classified")

    reading = read_digits(image, never, single=single)
    assert reading == Reading([], None)
    assert reading.lines() == []


def test_a_sure_reading_needs_no_further_look() -> None:
    looks = []

    def count(views: Pixels) -> Rows:
        looks.append(len(views))
        return by(by_shape)(views)

    read_digits(three_shapes(), count)
    assert len(looks) == 1
    read_digits(three_shapes(), lambda views: 0.3 * count(views))
    assert len(looks) > 2


def test_a_sure_reading_is_taken_though_another_explains_more_ink() -> None:
    image = paper(300, 600)
    for x in (200, 280, 360):
        ring(image, x, 140)
    cv2.line(image, (60, 193), (540, 193), (30, 30, 30), 6)  # under all three, touching them

    def like_one(views: Pixels) -> Rows:
        rows = by(by_shape)(views)
        rows[[holes(glyph) == 3 for glyph in views[:, 0]], BAR] = 0.8
        return rows

    assert read_digits(image, like_one).lines() == ["000"]


@pytest.mark.parametrize(("sure", "expected"), [(0.9, "000"), (0.5, "1")])
def test_what_is_sure_of_little_gives_way_to_what_is_nearly_sure_of_much(
    sure: float, expected: str
) -> None:
    image = np.full((150, 400, 3), 130, np.uint8)
    for x in (40, 130, 220):
        ring(image, x, 50)
    image[50:100, 340:346] = 255  # the only light ink, and surely a 1

    def nearly(views: Pixels) -> Rows:
        rows = by(by_shape)(views)
        rows[rows[:, RING] > 0.9, RING] = sure
        return rows

    assert read_digits(image, nearly).lines() == [expected]


def test_digits_carry_what_the_classifier_saw() -> None:
    shown: list[Pixels] = []

    def classify(views: Pixels) -> Rows:
        shown.extend(views[:, 0])
        return by(by_shape)(views)

    for digit in read_digits(three_shapes(), classify).digits:
        assert any(np.array_equal(digit.image, glyph) for glyph in shown)


def test_unsure_digits_are_question_marks() -> None:
    def digit(value: int, probability: float, line: int) -> ReadDigit:
        row = np.zeros(10, np.float32)
        row[value] = probability
        return ReadDigit(row, (0, 0, 1, 1), line, np.zeros((28, 28), np.uint8))

    reading = Reading([digit(4, 0.9, 0), digit(7, 0.5, 0), digit(2, 0.75, 1)], None)
    assert reading.lines() == ["47", "2"]
    assert reading.lines(0.75) == ["4?", "2"]
    assert reading.lines(0.95) == ["??", "?"]


@pytest.mark.parametrize("number", [1, 7, BATCH + 1])
def test_the_bundled_network_takes_any_number_of_views(number: int) -> None:
    views = np.random.default_rng(0).integers(0, 256, (number, 2, 28, 28), np.uint8)
    classify = bundled_classifier()
    rows = classify(views)
    assert rows.shape == (number, 11)
    assert rows.dtype == np.float32
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-5)
    np.testing.assert_allclose(classify(views[-1:])[0], rows[-1], rtol=0, atol=1e-5)


def test_rows_are_kept_when_more_is_classified() -> None:
    classify = bundled_classifier()
    views = np.random.default_rng(0).integers(0, 256, (4, 2, 28, 28), np.uint8)
    first = classify(views[:2])
    before = first.copy()
    classify(views[2:])
    np.testing.assert_array_equal(first, before)


def test_the_bundled_network_reads_digits() -> None:
    image = paper(130, 330)
    cv2.putText(image, "3 6 2 8", (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 2, (40, 40, 40), 6)
    reading = read_digits(image, bundled_classifier())
    assert reading.lines() == ["3628"]


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("margin", [0, 4])
@pytest.mark.parametrize("digit", "0123456789")
def test_a_digit_is_read_that_its_picture_was_cropped_to(
    digit: str, margin: int, light: bool
) -> None:
    image = np.full((300, 300), 255, np.uint8)
    cv2.putText(image, digit, (80, 200), cv2.FONT_HERSHEY_SIMPLEX, 5, 0, 20)
    x, y, width, height = cv2.boundingRect(255 - image)
    rows, columns = (
        slice(start - margin, start + length + margin)
        for start, length in ((y, height), (x, width))
    )
    # Soft, as what was enlarged is.
    image = cv2.GaussianBlur(image, (0, 0), 4)[rows, columns].astype(np.uint8)
    image = cv2.cvtColor(255 - image if light else image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    assert read_digits(image, bundled_classifier()).lines() == [digit]


@pytest.mark.parametrize("loss", [0.1, 0.3, 0.6])
def test_light_that_falls_off_to_all_corners_is_no_0(loss: float) -> None:
    image = cv2.cvtColor(fading_light(loss), cv2.COLOR_GRAY2BGR).astype(np.uint8)
    assert not read_digits(image, bundled_classifier()).digits


def test_the_bundled_network_sees_the_surroundings() -> None:
    views = np.random.default_rng(0).integers(0, 256, (5, 2, 28, 28), np.uint8)
    others = views.copy()
    others[:, 1] = 0
    classify = bundled_classifier()
    assert (classify(views) != classify(others)).any(axis=1).all()


@pytest.mark.parametrize(("share", "lines"), [(0.06, ["0"]), (0.04, [])])
def test_where_nothing_else_is_read_the_likeliest_is(share: float, lines: list[str]) -> None:
    image = paper(120, 260)
    ring(image, 40, 30)

    def classify(views: Pixels) -> Rows:
        rows = np.zeros((len(views), 11), np.float32)
        rows[:, RING], rows[:, NONE] = share, 1 - share
        return rows

    reading = read_digits(image, classify)
    assert reading.lines() == lines
    assert [digit.probability for digit in reading.digits] == pytest.approx([share] * len(lines))


@pytest.mark.parametrize(("share", "lines"), [(0.9, ["0"]), (0.5, []), (0.3, [])])
def test_what_is_improbable_amid_what_is_no_digit_is_not_shown(
    share: float, lines: list[str]
) -> None:
    image = paper(120, 460)
    ring(image, 40, 30)
    for x in (160, 240, 320, 400):
        bar(image, x, 30)

    def classify(views: Pixels) -> Rows:
        rows = np.full((len(views), 11), 0.0, np.float32)
        rows[:, NONE] = 1
        rings = [holes(view[0]) == 1 for view in views]
        rows[rings, RING], rows[rings, NONE] = share, 1 - share
        return rows

    assert read_digits(image, classify).lines() == lines


def recorded(seen: list[Pixels]) -> Classifier:
    """By shape; adds what it is asked for, batch by batch."""

    def classify(views: Pixels) -> Rows:
        seen.append(views)
        return by(by_shape)(views)

    return classify


def test_a_piece_that_stays_is_classified_once() -> None:
    image = paper(130, 300)
    for x in (20, 60, 100):
        bar(image, x, 30)
    diamond(image, 150, 30)
    diamond(image, 205, 30)  # touches the one before it: two digits in one piece
    seen: list[Pixels] = []
    assert read_digits(image, recorded(seen)).lines() == ["11100"]
    bars = {view.tobytes() for view in seen[0] if is_bar(view[0])}
    assert bars
    assert bars.isdisjoint(view.tobytes() for views in seen[1:] for view in views)


@pytest.mark.parametrize(("level", "expected"), [(130, ["0", "0"]), (215, ["0"])])
def test_a_fainter_ink_is_read_beside_a_darker_one(level: int, expected: list[str]) -> None:
    image = paper(300, 400)
    ring(image, 100, 60)
    cv2.ellipse(image, (118, 185), (15, 22), 0, 0, 360, (level, level, level), 6, cv2.LINE_AA)
    assert read_digits(image, by(by_shape)).lines() == expected


def test_a_faint_digit_is_read_in_a_dark_box_and_beside_a_dark_pen() -> None:
    faint = paper(300, 400)
    cv2.ellipse(faint, (118, 150), (15, 22), 0, 0, 360, (150, 150, 150), 6, cv2.LINE_AA)
    boxed, beside_pen = faint.copy(), faint.copy()
    cv2.rectangle(boxed, (80, 100), (156, 200), (20, 20, 20), 4)
    cv2.line(beside_pen, (250, 60), (420, 80), (20, 20, 20), 12)
    assert read_digits(boxed, by(by_shape)).lines() == ["0"]
    assert read_digits(beside_pen, by(by_shape)).lines() == ["0"]


def test_a_fainter_ink_that_is_no_further_digit_does_not_enlarge_one() -> None:
    image = paper(300, 400)
    ring(image, 100, 60)
    bar(image, 160, 60)
    before = read_digits(image, by(by_shape))
    image[113:190, 160:166] = 150  # such as the rim of a shadow
    after = read_digits(image, by(by_shape))
    assert before.lines() == after.lines() == ["01"]
    assert [digit.box for digit in after.digits] == [digit.box for digit in before.digits]


def test_a_thin_ring_does_not_outweigh_the_digits_in_it() -> None:
    def classify(views: Pixels) -> Rows:
        rows = np.zeros((len(views), 11), np.float32)
        for row, glyph in zip(rows, views[:, 0], strict=True):
            if is_bar(glyph):
                row[[BAR, NONE]] = 0.96, 0.04  # less than certain: the ring is tried alone
            else:
                row[RING if by_shape(glyph) == RING else NONE] = 1
        return rows

    image = paper(300, 400)
    cv2.ellipse(image, (200, 150), (170, 120), 0, 0, 360, (60, 60, 60), 2, cv2.LINE_AA)
    for x in (130, 200, 270):
        cv2.line(image, (x, 110), (x, 190), (60, 60, 60), 16)
    assert read_digits(image, classify).lines() == ["111"]


def test_the_parts_of_a_digit_are_no_reason_to_take_it_apart() -> None:
    def classify(views: Pixels) -> Rows:
        rows = np.zeros((len(views), 11), np.float32)
        for row, glyph in zip(rows, views[:, 0], strict=True):
            if cv2.connectedComponents((glyph > 100).astype(np.uint8))[0] > 2:
                row[8] = 1  # the whole
            elif is_bar(glyph):
                row[[BAR, NONE]] = 0.96, 0.04
            else:
                row[[RING, NONE]] = 0.9, 0.1
        return rows

    image = paper(300, 400)
    cv2.ellipse(image, (200, 70), (20, 25), 0, 0, 360, (60, 60, 60), 8, cv2.LINE_AA)
    cv2.line(image, (200, 170), (200, 230), (60, 60, 60), 8)
    assert read_digits(image, classify).lines() == ["8"]


def test_a_fainter_ink_of_specks_is_not_read() -> None:
    image = paper(300, 400)
    ring(image, 100, 60)
    image[200:204, 300:304] = 150
    seen: list[Pixels] = []
    assert read_digits(image, recorded(seen)).lines() == ["0"]
    assert len(seen) == 1


@pytest.mark.parametrize("beside", [True, False])
def test_what_is_hardly_a_digit_is_shown_only_alone(beside: bool) -> None:
    def classify(views: Pixels) -> Rows:
        rows = np.zeros((len(views), 11), np.float32)
        for row, glyph in zip(rows, views[:, 0], strict=True):
            whole = cv2.countNonZero(glyph) > 200
            row[[BAR, NONE]] = (0.99, 0.01) if is_bar(glyph) else (0.25, 0.75) if whole else (0, 1)
        return rows

    image = paper(200, 300)
    cv2.circle(image, (170, 85), 25, (30, 30, 30), -1)
    if beside:
        bar(image, 80, 60)
    (digit,) = read_digits(image, classify).digits
    assert digit.digit == BAR
    assert (digit.probability > 0.5) == beside
