"""Boxes, cells and lines under digits are told from the digits that touch them."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.drawn_lines import find_drawn_lines, find_underlines
from mnist_cnn.photos.ink import Ink
from mnist_cnn.photos.page import Page, read_pages

Pixels = npt.NDArray[np.uint8]
SHAPE = (300, 600)


def ink_of(mask: Pixels) -> Ink:
    return Ink((mask / 255).astype(np.float32), mask, 0.8, "dark", 0.04)


def empty() -> Pixels:
    return np.zeros(SHAPE, np.uint8)


def line(start: tuple[int, int], end: tuple[int, int], width: int = 6) -> Pixels:
    return np.asarray(cv2.line(empty(), start, end, 255, width), np.uint8)


def box(*walls: int) -> Pixels:
    """From 100 to 500 across and 90 to 210 along, with walls inside."""
    mask = cv2.rectangle(empty(), (100, 90), (500, 210), 255, 5)
    for x in walls:
        cv2.line(mask, (x, 90), (x, 210), 255, 5)
    return np.asarray(mask, np.uint8)


def loop(x: int, y: int = 150, height: int = 40) -> Pixels:
    """A stroke like a 0."""
    return np.asarray(cv2.ellipse(empty(), (x, y), (25, height), 0, 0, 360, 255, 8), np.uint8)


def arch() -> Pixels:
    """A stroke from side to side that bends by a thirtieth."""
    x = np.arange(20, 580)
    points = np.stack([x, 150 + 18 * ((x - 300) / 280) ** 2], axis=1).round().astype(np.int32)
    return np.asarray(cv2.polylines(empty(), [points], False, 255, 5), np.uint8)


@pytest.mark.parametrize("rise", [-60, -12, 0, 12, 60])
def test_a_line_under_digits_is_found_without_those_that_touch_it(rise: int) -> None:
    under = line((80, 200), (520, 200 - rise))
    touching = loop(300, 160 - rise // 2) | loop(130, 120)
    found = find_drawn_lines(ink_of(under | touching))
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {0, 255}
    assert (found[(under > 0) & (touching == 0)] == 255).mean() > 0.97
    assert (found[(touching > 0) & (under == 0)] > 0).mean() < 0.03


def test_a_stroke_that_crosses_a_line_stays_whole() -> None:
    under, stroke = line((80, 200), (520, 200)), line((300, 120), (300, 260), 8)
    found = find_drawn_lines(ink_of(under | stroke))
    assert not found[:, 298:303].any()
    assert found[200, 320:510].all()


def test_a_line_alone_is_found() -> None:
    under = line((80, 200), (520, 205))
    assert (find_drawn_lines(ink_of(under | loop(200)))[under > 0] == 255).all()


@pytest.mark.parametrize("boxes", [False, True])
def test_a_box_is_found_without_digits_that_touch_it(boxes: bool) -> None:
    cells, digits = box(230, 370), loop(165, 138) | loop(300) | loop(397)
    found = find_drawn_lines(ink_of(cells | digits), boxes=boxes)
    assert (found[(cells > 0) & (digits == 0)] == 255).mean() > 0.97
    assert (found[(digits > 0) & (cells == 0)] > 0).mean() < 0.1


@pytest.mark.parametrize("degrees", [0.75, 1.3, 1.7])
def test_cells_with_hairlines_are_found_whatever_their_slope(degrees: float) -> None:
    lean, cells = np.tan(np.radians(degrees)), empty()
    for y in (90, 210):
        cv2.line(cells, (50, y), (550, round(y + 500 * lean)), 255, 1)
    for x in (50, 300, 550):
        top = round(90 + (x - 50) * lean)
        cv2.line(cells, (x, top), (round(x - 120 * lean), top + 120), 255, 1)
    digit = loop(277, 152)
    found = find_drawn_lines(ink_of(cells | digit), boxes=True)
    assert (found[(cells > 0) & (digit == 0)] == 255).mean() > 0.97
    assert (found[(digit > 0) & (cells == 0)] > 0).mean() < 0.2  # where it touches a wall


def test_a_box_that_bends_leaves_nothing() -> None:
    bent = np.array([[100, 90], [300, 82], [500, 90], [500, 210], [300, 218], [100, 210]])
    mask = np.asarray(cv2.polylines(empty(), [bent.astype(np.int32)], True, 255, 5), np.uint8)
    assert (find_drawn_lines(ink_of(mask), boxes=True)[mask > 0] == 255).all()


def test_without_walls_it_is_no_box() -> None:
    under = line((80, 200), (520, 200)) | loop(300, 160)
    assert find_drawn_lines(ink_of(under)).any()
    assert not find_drawn_lines(ink_of(under), boxes=True).any()


@pytest.mark.parametrize(
    "mask",
    [
        empty(),
        loop(300),
        line((200, 100), (290, 100)) | line((287, 100), (240, 220)),
        line((300, 60), (310, 240)),
        cv2.ellipse(empty(), (300, 150), (250, 60), 0, 0, 360, 255, 5).astype(np.uint8),
        line((300, 150), (308, 150), 3),
        arch(),
    ],
    ids=["nothing", "0", "7", "1", "ring", "speck", "arch"],
)
def test_digits_and_rings_are_no_lines(mask: Pixels) -> None:
    assert not find_drawn_lines(ink_of(mask)).any()


def test_a_ring_is_no_box() -> None:
    ring = np.asarray(cv2.ellipse(empty(), (300, 150), (90, 80), 0, 0, 360, 255, 5), np.uint8)
    assert not find_drawn_lines(ink_of(ring), boxes=True).any()


@pytest.mark.parametrize("thickness", [6, 12])
def test_an_angular_8_is_no_box(thickness: int) -> None:
    eight = cv2.rectangle(empty(), (270, 100), (330, 150), 255, thickness).astype(np.uint8)
    cv2.rectangle(eight, (270, 150), (330, 200), 255, thickness)
    assert bool(find_drawn_lines(ink_of(eight), boxes=True).any()) == (thickness == 6)


@pytest.mark.parametrize("rise", [-60, 0, 60])
def test_a_line_that_no_digit_touches_is_an_underline(rise: int) -> None:
    under, digits = line((80, 220), (520, 220 - rise)), loop(150, 120) | loop(400, 120)
    assert (find_underlines(under | digits) == under).all()


@pytest.mark.parametrize(
    "bar",
    [line((80, 120), (200, 120)), line((80, 60), (80, 280)), line((80, 280), (250, 60))],
    ids=["short", "upright", "steep"],
)
def test_a_bar_of_a_digit_is_no_underline(bar: Pixels) -> None:
    assert not find_underlines(bar | loop(400)).any()


def test_a_line_that_a_digit_touches_is_no_underline() -> None:
    assert not find_underlines(line((80, 190), (520, 190)) | loop(300) | loop(100, 100)).any()


@pytest.mark.parametrize("level", [0, 255])
def test_without_digits_there_are_no_underlines(level: int) -> None:
    assert not find_underlines(np.full(SHAPE, level, np.uint8)).any()


def test_a_line_alone_is_no_underline() -> None:
    assert not find_underlines(line((80, 220), (520, 220))).any()


@pytest.mark.parametrize("thickness", [8, 14])
def test_digits_that_touch_are_no_underline(thickness: int) -> None:
    touching = empty()
    for x in range(150, 400, 56):
        cv2.ellipse(touching, (x, 150), (28, 36), 0, 0, 360, 255, thickness)
    assert not find_underlines(touching | loop(550)).any()


def test_a_1_on_a_line_is_no_wall() -> None:
    under, one = line((80, 220), (520, 220)), line((300, 100), (300, 220), 8)
    assert not find_drawn_lines(ink_of(under | one))[100:210].any()


def test_solid_ink_is_taken_for_one_line() -> None:
    bar = np.asarray(cv2.rectangle(empty(), (100, 100), (500, 150), 255, -1), np.uint8)
    assert (find_drawn_lines(ink_of(bar))[bar > 0] == 255).all()
    assert find_drawn_lines(ink_of(np.full(SHAPE, 255, np.uint8))).all()


def paper(mask: Pixels) -> Pixels:
    return np.where(mask > 0, 60, 220).astype(np.uint8)


def middles(page: Page) -> list[float]:
    return sorted(piece.x + piece.width / 2 for piece in page.pieces)


def test_a_digit_that_touches_a_box_is_a_piece_of_the_first_page_where_another_does_not() -> None:
    digits = loop(165, 132) | loop(435, 150)
    assert cv2.connectedComponents(box(300) | digits)[0] == 3
    page = next(read_pages(paper(box(300) | digits), 1.0))
    np.testing.assert_allclose(middles(page), [165, 435], atol=8)


def test_where_all_digits_touch_a_box_they_are_pieces_of_a_later_page() -> None:
    digits = loop(165, 132) | loop(435, 168)
    assert cv2.connectedComponents(box(300) | digits)[0] == 2  # all is one
    first, *others = read_pages(paper(box(300) | digits), 1.0)
    assert len(first.pieces) == 1
    assert any(middles(page) == pytest.approx([165, 435], abs=8) for page in others)


def test_a_digit_that_touches_a_box_no_wider_than_high_is_a_piece_of_the_first_page() -> None:
    upright = np.asarray(cv2.rectangle(empty(), (240, 90), (350, 210), 255, 5), np.uint8)
    digits = line((275, 92), (275, 170)) | line((320, 115), (320, 180))
    page = next(read_pages(paper(upright | digits), 1.0))
    np.testing.assert_allclose(middles(page), [275, 320], atol=8)


def test_a_single_digit_that_touches_its_box_is_a_piece_of_a_later_page() -> None:
    upright = np.asarray(cv2.rectangle(empty(), (240, 90), (350, 210), 255, 5), np.uint8)
    mask = upright | loop(267, 150)
    assert cv2.connectedComponents(mask)[0] == 2
    first, *others = read_pages(paper(mask), 1.0)
    assert middles(first) == pytest.approx([295], abs=8)
    assert any(middles(page) == pytest.approx([267], abs=8) for page in others)


def test_pieces_of_the_first_page_are_in_a_ring_that_is_open_and_beside_a_rule() -> None:
    ring = cv2.ellipse(empty(), (300, 150), (110, 80), 100, 0, 330, 255, 5).astype(np.uint8)
    rule = line((0, 270), (599, 270), 3)
    digits = loop(260, 150, 30) | loop(340, 150, 30)
    page = next(read_pages(paper(ring | rule | digits), 1.0))
    np.testing.assert_allclose(middles(page), [260, 340], atol=8)


def test_digits_above_a_line_are_pieces_of_a_later_page() -> None:
    mask = line((80, 220), (520, 224)) | loop(200) | loop(300, 178) | loop(400)
    counts = [len(page.pieces) for page in read_pages(paper(mask), 1.0)]
    assert counts[0] == 1
    assert 3 in counts
