"""Pictures of what was read: everything is visible and within the frame."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.ink import Ink
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.page import Page
from mnist_cnn.photos.pieces import Piece
from mnist_cnn.prediction import ReadDigit, Reading
from mnist_cnn.prediction.drawing import SURE, UNSURE, WHITE, draw_reading
from mnist_cnn.prediction.steps import GROUND, WIDTH, draw_steps

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

GLYPH_GREY = (77, 77, 77)


def read_digit(box: Box, probability: float = 0.9, line: int = 0) -> ReadDigit:
    row = np.zeros(10, np.float32)
    row[7] = probability
    return ReadDigit(row, box, line, np.full((28, 28), GLYPH_GREY[0], np.uint8))


def reading(*digits: ReadDigit, page: Page | None = None) -> Reading:
    return Reading(list(digits), page)


def blank(height: int, width: int, level: int = 200) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def where(picture: Pixels, colour: Colour) -> npt.NDArray[np.bool]:
    return np.asarray((picture == np.array(colour)).all(axis=2))


def area(picture: Pixels, colour: Colour) -> int:
    return int(where(picture, colour).sum())


def page_of(boxes: list[Box], height: int, width: int, scale: float = 1.0) -> Page:
    """What the picture needs of a page: full boxes of ink."""
    mask = np.zeros((height, width), np.uint8)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = 255
    pieces = [Piece(x, y, np.full((h, w), 255, np.uint8)) for x, y, w, h in boxes]
    ink = Ink((mask / 510).astype(np.float32), mask, 0.5, "dark", 0.04)
    lines = [Line(pieces, max((h for *_, h in boxes), default=1))]
    return Page(scale, 255 - mask // 2, ink, mask, 1.0, lines)


@pytest.mark.parametrize("side", [(28, 28), (3000, 4000), (40, 2000), (2000, 40), (1, 1)])
def test_label_is_legible_and_within_the_picture(side: tuple[int, int]) -> None:
    height, width = side
    box = (width // 4, height // 4, max(1, width // 2), max(1, height // 2))
    picture = draw_reading(blank(height, width), reading(read_digit(box)), 0)
    rows, columns = np.nonzero(where(picture, SURE))
    assert max(picture.shape) >= 400
    letters = where(picture, WHITE)[rows.min() : rows.max(), columns.min() : columns.max()]
    assert letters.any(axis=1).sum() >= 10
    assert letters.any(axis=0).sum() >= 25


@pytest.mark.parametrize("box", [(0, 0, 1000, 500), (0, 0, 50, 150), (950, 350, 50, 150)])
def test_a_label_does_not_cover_the_digits(box: Box) -> None:
    picture = draw_reading(blank(500, 1000), reading(read_digit(box)), 0)
    label_at_most = 0 if box[3] == 500 else 60 * 250
    lines_at_most = 12 * (box[2] + box[3])
    assert area(picture, (200, 200, 200)) >= 500 * 1000 - label_at_most - lines_at_most


def test_nothing_read_leaves_the_image_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (450, 500, 3), np.uint8)
    np.testing.assert_array_equal(draw_reading(image, reading(), 0), image)


def test_the_image_itself_is_not_drawn_on() -> None:
    image = blank(500, 500)
    draw_reading(image, reading(read_digit((100, 100, 100, 200))), 0)
    assert (image == 200).all()


def test_doubtful_digits_have_another_colour() -> None:
    sure, unsure = read_digit((50, 90, 60, 90), 0.51), read_digit((250, 90, 60, 90), 0.49)
    picture = draw_reading(blank(300, 450), reading(sure, unsure), 0)
    assert np.nonzero(where(picture, SURE))[1].max() < 200
    assert np.nonzero(where(picture, UNSURE))[1].min() >= 200


def test_digits_below_the_least_probability_are_question_marks() -> None:
    one = reading(read_digit((50, 90, 60, 90), 0.6))
    assert (
        draw_reading(blank(300, 450), one, 0.6) != draw_reading(blank(300, 450), one, 0.7)
    ).any()
    seven, mark = (draw_reading(blank(300, 450), one, p) for p in (0.0, 0.5))
    np.testing.assert_array_equal(seven, mark)


def test_labels_of_digits_side_by_side_all_show() -> None:
    digits = [read_digit((20 + 40 * i, 100, 30, 60)) for i in range(12)]
    picture = draw_reading(blank(400, 520), reading(*digits), 0)
    letters = where(picture, WHITE).astype(np.uint8)
    count = cv2.connectedComponents(letters)[0] - 1  # but the ground
    assert count >= 4 * 12  # 7, 9, 0 and % of each


def test_steps_show_grey_flattened_binarised_segments_and_digits() -> None:
    boxes = [(100, 50, 60, 100), (220, 50, 60, 100), (340, 50, 5, 5)]
    digits = [read_digit(box) for box in boxes[:2]]
    picture = draw_steps(blank(300, 400), reading(*digits, page=page_of(boxes, 300, 400)))
    panels = [picture[:700, :800], picture[:700, 800:], picture[700:1340, :800]]
    for panel, paper, ink in zip(panels, (255, 255, 255), (128, 0, 0), strict=True):
        assert area(panel, (paper, paper, paper)) > 300 * 400
        assert area(panel, (ink, ink, ink)) > 2 * 60 * 100
    assert np.ptp(picture[700:1300, 800:].astype(int), axis=2).max() > 120  # coloured segments
    assert area(picture[1300:], GLYPH_GREY) >= 2 * 84 * 84


def test_boxes_lie_on_their_segments_whatever_the_working_size() -> None:
    page = page_of([(100, 50, 60, 100)], 300, 400, scale=0.5)
    picture = draw_steps(blank(600, 800), reading(read_digit((200, 100, 120, 200)), page=page))
    panel = picture[700:1300, 800:]
    x, y, width, height = cv2.boundingRect(where(panel, SURE).astype(np.uint8))
    segment = np.ptp(panel.astype(int), axis=2) > 120
    assert segment[y + 3 : y + height - 3, x + 3 : x + width - 3].all()
    segment[y : y + height, x : x + width] = False
    assert segment.sum() < width + height  # but an edge that was rounded


@pytest.mark.parametrize("side", [(1, 1), (28, 28), (1600, 3), (3, 1600), (1200, 1600)])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_steps_fit_any_shape_and_number_of_digits(side: tuple[int, int], count: int) -> None:
    digits = [read_digit((0, 0, 1, 1))] * count
    page = page_of([(0, 0, 1, 1)], *side)
    picture = draw_steps(blank(*side), reading(*digits, page=page))
    assert picture.shape[1:] == (WIDTH, 3)
    assert picture.shape[0] < 3000
    assert (picture[:, -10:] == GROUND).all()  # nothing is cut off
    assert area(picture, GLYPH_GREY) >= count * 84 * 84


def test_steps_without_a_page_show_the_image_and_the_digit() -> None:
    whole = draw_steps(blank(300, 400), reading(read_digit((0, 0, 400, 300))))
    nothing = draw_steps(blank(300, 400), reading())
    assert area(whole, (200, 200, 200)) > 300 * 400
    assert area(whole, GLYPH_GREY) >= 84 * 84
    assert nothing.shape[0] < whole.shape[0]


def test_neighbouring_segments_have_distinct_colours() -> None:
    boxes = [(10 + 30 * i, 20, 20, 40) for i in range(10)]
    picture = draw_steps(blank(100, 330), reading(page=page_of(boxes, 100, 330)))
    row = next(r for r in picture[::-1] if ((r.max(axis=1) - r.min(axis=1)) > 100).sum() > 500)
    colours = [tuple(c) for c in row.tolist() if max(c) - min(c) > 100]
    assert len(set(colours)) >= 10


def test_the_segments_of_a_digit_have_one_colour() -> None:
    boxes = [(40, 50, 20, 30), (40, 90, 20, 20), (100, 50, 20, 60)]  # a bar in two parts, a bar
    digit = read_digit((38, 48, 24, 64))
    picture = draw_steps(blank(150, 200), reading(digit, page=page_of(boxes, 150, 200)))
    segments = picture[np.ptp(picture.astype(int), axis=2) > 120]
    _, counts = np.unique(segments, axis=0, return_counts=True)
    assert (counts > 1000).sum() == 2


def test_what_is_certain_has_a_label_without_a_percentage() -> None:
    widths = []
    for probability in (0.98, 0.99):
        picture = draw_reading(
            blank(500, 900), reading(read_digit((300, 200, 90, 140), probability)), 0
        )
        rows = where(picture, SURE)[:190]
        widths.append(rows.any(axis=0).sum())
    assert widths[1] < widths[0] / 2


def test_question_marks_have_the_colour_of_doubt() -> None:
    one = reading(read_digit((50, 90, 60, 90), 0.9))
    assert where(draw_reading(blank(300, 450), one, 0.95), UNSURE).any()
    assert not where(draw_reading(blank(300, 450), one, 0.95), SURE).any()
