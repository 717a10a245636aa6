"""What is drawn around digits is told from digits."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.enclosures import find_borders, find_enclosures, find_open_rings

Pixels = npt.NDArray[np.uint8]
SHAPE = (300, 400)


def empty() -> Pixels:
    return np.zeros(SHAPE, np.uint8)


def five(x: int = 180) -> Pixels:
    """A stroke like a 5, 80 pixels high."""
    mask = empty()
    points = np.array([(x + 40, 110), (x, 110), (x, 145), (x + 40, 160), (x + 30, 190), (x, 190)])
    cv2.polylines(mask, [points.astype(np.int32)], False, 255, 8)
    return mask


def box() -> Pixels:
    return np.asarray(cv2.rectangle(empty(), (120, 80), (280, 220), 255, 4), np.uint8)


def circle() -> Pixels:
    return np.asarray(cv2.ellipse(empty(), (200, 150), (90, 80), 0, 0, 360, 255, 5), np.uint8)


def border() -> Pixels:
    return np.asarray(cv2.rectangle(empty(), (0, 0), (399, 299), 255, 3), np.uint8)


@pytest.mark.parametrize("around", [box(), circle(), border()])
def test_what_goes_around_a_digit_is_found_whole_without_the_digit(around: Pixels) -> None:
    found = find_enclosures(around | five())
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {0, 255}
    assert (found[around > 0] == 255).all()
    assert not found[five() > 0].any()


def test_a_box_in_a_box_is_found_with_it() -> None:
    found = find_enclosures(box() | border() | five())
    assert (found[(box() | border()) > 0] == 255).all()


def test_a_table_with_a_digit_in_each_cell_is_found() -> None:
    table = cv2.rectangle(empty(), (60, 80), (340, 220), 255, 3).astype(np.uint8)
    cv2.line(table, (200, 80), (200, 220), 255, 3)
    digits = five(110) | five(250)
    found = find_enclosures(table | digits)
    assert (found[table > 0] == 255).all()
    assert not found[digits > 0].any()


def test_a_slashed_zero_is_a_digit() -> None:
    mask = cv2.ellipse(empty(), (200, 150), (40, 60), 0, 0, 360, 255, 6).astype(np.uint8)
    cv2.line(mask, (187, 187), (213, 113), 255, 6)
    assert cv2.connectedComponents(mask)[0] == 3  # the slash touches nothing
    assert not find_enclosures(mask).any()


@pytest.mark.parametrize("end", [0, 30], ids=["closed", "open"])
def test_a_1_in_a_ring_is_no_slash(end: int) -> None:
    around = cv2.ellipse(empty(), (200, 150), (60, 90), 0, end, 360, 255, 6).astype(np.uint8)
    one = bars(200)
    found = find_enclosures(around | one) | find_open_rings(around | one)
    assert (found[around > 0] == 255).all()
    assert not found[one > 0].any()


def test_a_bar_in_a_box_is_no_slash() -> None:
    bar = np.asarray(cv2.line(empty(), (195, 180), (205, 120), 255, 6), np.uint8)
    upright = np.asarray(cv2.rectangle(empty(), (150, 80), (250, 220), 255, 4), np.uint8)
    found = find_enclosures(upright | bar)
    assert (found[upright > 0] == 255).all()
    assert not found[bar > 0].any()


def ring(width: int, height: int) -> Pixels:
    axes = (width // 2, height // 2)
    return np.asarray(cv2.ellipse(empty(), (200, 150), axes, 0, 0, 360, 255, 5), np.uint8)


def bars(*columns: int) -> Pixels:
    mask = empty()
    for x in columns:
        cv2.line(mask, (x - 4, 180), (x + 4, 120), 255, 6)
    return mask


@pytest.mark.parametrize(
    ("around", "inside"),
    [(ring(200, 120), bars(200)), (ring(120, 200), bars(180, 220)), (ring(140, 200), five())],
    ids=["wider than a 0", "two slashes", "no slash"],
)
def test_what_is_no_slashed_zero_is_found(around: Pixels, inside: Pixels) -> None:
    found = find_enclosures(around | inside)
    assert (found[around > 0] == 255).all()
    assert not found[inside > 0].any()


def test_crumbs_in_a_hole_are_no_strokes() -> None:
    mask = ring(80, 120)
    for x in (185, 200, 215):
        mask[150:151, x : x + 6] = 255  # thin and long, but too small for writing
    assert not find_enclosures(mask).any()


def test_a_digit_with_a_blot_in_its_hole_is_a_digit() -> None:
    mask = cv2.ellipse(empty(), (200, 150), (40, 60), 0, 0, 360, 255, 6).astype(np.uint8)
    cv2.circle(mask, (200, 150), 12, 255, -1)
    assert not find_enclosures(mask).any()


def test_a_hole_in_a_blot_in_a_digit_is_no_stroke() -> None:
    mask = cv2.ellipse(empty(), (200, 150), (40, 60), 0, 0, 360, 255, 6).astype(np.uint8)
    cv2.circle(mask, (200, 150), 16, 255, -1)
    cv2.circle(mask, (200, 150), 4, 0, -1)
    assert not find_enclosures(mask).any()


@pytest.mark.parametrize("mask", [empty(), five(), box(), np.full(SHAPE, 255, np.uint8)])
def test_nothing_goes_around_nothing(mask: Pixels) -> None:
    assert not find_enclosures(mask).any()


@pytest.mark.parametrize("inside", [empty(), five()])
def test_a_border_is_found_without_what_is_inside(inside: Pixels) -> None:
    found = find_borders(border() | inside)
    assert (found[border() > 0] == 255).all()
    assert not found[inside > 0].any()


@pytest.mark.parametrize("mask", [empty(), five(), np.full(SHAPE, 255, np.uint8)])
def test_writing_is_no_border(mask: Pixels) -> None:
    assert not find_borders(mask).any()


def test_a_box_around_a_small_part_of_the_picture_is_no_border() -> None:
    assert not find_borders(box()).any()


def arc(degrees: int, middle: int = 200) -> Pixels:
    """A part of a ring."""
    axes = (90, 85)
    return np.asarray(cv2.ellipse(empty(), (middle, 150), axes, 100, 0, degrees, 255, 5), np.uint8)


@pytest.mark.parametrize("strokes", [1, 2])
@pytest.mark.parametrize(
    "around",
    [arc(345), arc(315), arc(360, middle=80)],
    ids=["ends don't meet", "ends far apart", "cut by the frame"],
)
def test_an_open_ring_around_strokes_is_found_whole_without_them(
    around: Pixels, strokes: int
) -> None:
    middle = 80 if around[:, 0].any() else 200
    inside = five(middle - 20) if strokes == 1 else bars(middle - 20, middle + 20)
    assert not find_enclosures(around | inside).any()  # they are open
    found = find_open_rings(around | inside)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {0, 255}
    assert (found[around > 0] == 255).all()
    assert not found[inside > 0].any()


def wide_ring(gap: int) -> Pixels:
    """An ellipse that the right edge cuts; from 180° on it has a gap of so many degrees."""
    mask = cv2.ellipse(empty(), (260, 150), (200, 110), 0, 180 + gap, 540, 255, 6)
    return np.asarray(mask, np.uint8)


@pytest.mark.parametrize(("gap", "parts"), [(0, 1), (8, 2)])
def test_a_ring_that_the_frame_has_cut_into_parts_is_found_whole(gap: int, parts: int) -> None:
    around, inside = wide_ring(gap), bars(180, 260)
    assert cv2.connectedComponents(around)[0] == 1 + parts
    found = find_open_rings(around | inside)
    assert (found[around > 0] == 255).all()
    assert not found[inside > 0].any()


def test_a_digit_at_the_frame_is_no_part_of_a_ring_that_is_cut_elsewhere() -> None:
    around, digit = wide_ring(8), np.roll(five(180), -180, axis=1)
    digit = np.roll(digit, -100, axis=0)
    assert digit[:, 0].any()
    found = find_open_rings(around | bars(180, 260) | digit)
    assert (found[around > 0] == 255).all()
    assert not found[digit > 0].any()


def test_digits_that_fill_the_frame_are_no_ring() -> None:
    mask = empty()
    for row in range(3):
        for column in range(3):
            middle = (38 + 162 * column, 46 + 104 * row)  # the outer eight touch the frame
            cv2.ellipse(mask, middle, (38, 46), 0, 0, 360, 255, 8)
    assert cv2.connectedComponents(mask)[0] == 10
    assert not find_open_rings(mask).any()


def test_digits_at_the_frame_around_others_are_no_ring() -> None:
    at_frame = np.roll(five(180), -180, axis=1) | np.roll(five(180), 179, axis=1)
    at_frame |= np.roll(five(180), -110, axis=0) | np.roll(five(180), 105, axis=0)
    assert all(edge.any() for edge in (at_frame[0], at_frame[-1], at_frame[:, 0], at_frame[:, -1]))
    assert not find_open_rings(at_frame | bars(180, 220)).any()


def test_digits_that_a_strip_was_cropped_to_are_no_ring() -> None:
    strip = np.zeros((100, 400), np.uint8)
    for x, y in ((38, 60), (120, 52), (200, 40), (280, 52), (368, 50)):
        cv2.ellipse(strip, (x, y), (30, 38), 0, 0, 360, 255, 8)
    assert strip[0].any()
    assert strip[-1].any()
    assert not find_open_rings(strip).any()


@pytest.mark.parametrize(
    ("around", "inside"),
    [
        (arc(330), cv2.line(empty(), (175, 205), (225, 95), 255, 6).astype(np.uint8)),
        (arc(270), bars(180, 220)),
        (arc(330), bars(20, 380)),
        (arc(330), empty()),
        (empty(), bars(180, 220)),
        (np.full(SHAPE, 255, np.uint8), empty()),
    ],
    ids=["a slash", "a hook", "outside", "nothing inside", "no ring", "all ink"],
)
def test_what_does_not_go_around_strokes_is_no_open_ring(around: Pixels, inside: Pixels) -> None:
    assert not find_open_rings(around | inside).any()


@pytest.mark.parametrize("around", [arc(330), arc(360)], ids=["open", "closed"])
def test_a_digit_with_specks_inside_is_no_ring(around: Pixels) -> None:
    mask = around.copy()
    for x in (180, 220):
        cv2.circle(mask, (x, 150), 14, 255, -1)  # smaller than any digit in a ring so large
    assert cv2.connectedComponents(mask)[0] == 4
    assert not find_open_rings(mask).any()


def test_crumbs_in_an_open_ring_are_no_strokes() -> None:
    mask = arc(330)
    for x in (185, 200, 215):
        mask[150:154, x : x + 6] = 255
    assert not find_open_rings(mask).any()
