"""Ruled and squared paper: its lines go, and strokes that cross them stay in one piece."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.ink import Ink
from mnist_cnn.photos.rules import remove_rules

Pixels = npt.NDArray[np.uint8]
SHAPE = (300, 400)
PRINT, PEN = 110, 230  # contrast × 255


def ink_of(contrast: Pixels) -> Ink:
    mask = np.where(contrast > 0, 255, 0).astype(np.uint8)
    return Ink((contrast / 255).astype(np.float32), mask, 0.9, "dark", 0.04)


def digits() -> Pixels:
    """A 0 and a 1, 90 pixels high, strokes of 7."""
    contrast = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(contrast, (150, 150), (28, 42), 0, 0, 360, PEN, 7)
    cv2.line(contrast, (260, 108), (250, 190), PEN, 7)
    return contrast


def ruled(tilt: int = 0, thickness: int = 2) -> Pixels:
    contrast = np.zeros(SHAPE, np.uint8)
    for y in range(20, 300, 40):
        cv2.line(contrast, (0, y), (399, y + tilt), PRINT, thickness)
    return contrast


def squared() -> Pixels:
    contrast = ruled()
    contrast[:, 13::40] = PRINT
    contrast[:, 14::40] = PRINT
    return contrast


def components(mask: Pixels, smallest: int = 30) -> int:
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2]
    return int((stats[1:, cv2.CC_STAT_AREA] >= smallest).sum())


PAPERS = {
    "ruled": ruled(),
    "fine": ruled(thickness=1),
    "rising": ruled(tilt=-40),
    "falling": ruled(tilt=25),
    "squared": squared(),
    "one line": np.where(np.arange(300)[:, None] // 3 == 62, PRINT, 0)
    .repeat(400, 1)
    .astype(np.uint8),
}


@pytest.mark.parametrize("name", PAPERS)
def test_printed_lines_go_and_digits_stay(name: str) -> None:
    pen = digits()
    kept = remove_rules(ink_of(np.maximum(pen, PAPERS[name])))
    assert kept.shape == SHAPE
    assert set(np.unique(kept)) == {0, 255}
    assert (kept[pen > 0] > 0).mean() > 0.97
    rules = (PAPERS[name] > 0) & (cv2.dilate(pen, np.ones((15, 15), np.uint8)) == 0)
    assert (kept[rules] > 0).mean() < 0.05


def test_rules_of_which_only_parts_are_ink_go_where_they_are_looked_for() -> None:
    pen, paper = digits(), squared()
    ink = ink_of(np.maximum(pen, paper))
    near = cv2.dilate(pen, np.ones((41, 41), np.uint8)) > 0
    partly = replace(ink, mask=np.where(near, ink.mask, 0).astype(np.uint8))
    assert (remove_rules(partly) == partly.mask).all()
    kept = remove_rules(partly, faint=True)
    assert (kept[pen > 0] > 0).mean() > 0.97
    rules = (partly.mask > 0) & (cv2.dilate(pen, np.ones((15, 15), np.uint8)) == 0)
    assert (kept[rules] > 0).mean() < 0.05


@pytest.mark.parametrize("tilt", [5, 9, 12])  # at 400 columns a step of the slopes is 3.5 rows
def test_nothing_is_left_of_the_edges_of_slanting_rules(tilt: int) -> None:
    for thickness in (3, 6):
        assert not remove_rules(ink_of(ruled(tilt, thickness))).any()


@pytest.mark.parametrize("spacing", [30, 45])
def test_writing_between_close_rules_stays(spacing: int) -> None:
    pen, rules = np.zeros((2, 1200, 1600), np.uint8)
    cv2.ellipse(pen, (500, 600), (25, 40), 0, 0, 360, PEN, 7)
    cv2.line(pen, (700, 560), (690, 640), PEN, 7)
    for y in range(17, 1200, spacing):
        cv2.line(rules, (0, y), (1599, y + 3), PRINT, 2)
    kept = remove_rules(ink_of(np.maximum(pen, rules)))
    assert (kept[pen > 0] > 0).mean() > 0.9
    assert (kept[(rules > 0) & (pen == 0)] > 0).mean() < 0.05


@pytest.mark.parametrize("name", PAPERS)
def test_crossing_strokes_stay_in_one_piece(name: str) -> None:
    kept = remove_rules(ink_of(np.maximum(digits(), PAPERS[name])))
    assert components(kept) == 2


def test_strokes_as_pale_as_the_print_stay_in_one_piece() -> None:
    pen = np.minimum(digits(), PRINT)
    kept = remove_rules(ink_of(np.maximum(pen, ruled())))
    assert components(kept) == 2
    assert (kept[pen > 0] > 0).mean() > 0.9


@pytest.mark.parametrize("turned", [False, True])
def test_blank_ruled_paper_is_empty(turned: bool) -> None:
    contrast = np.ascontiguousarray(ruled().T) if turned else ruled()
    assert not remove_rules(ink_of(contrast)).any()


def test_blank_squared_paper_is_empty() -> None:
    assert not remove_rules(ink_of(squared())).any()


def test_plain_paper_is_left_alone() -> None:
    ink = ink_of(digits())
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)


@pytest.mark.parametrize("tilt", [0, 15, -15])
def test_a_stroke_across_the_frame_is_no_rule_when_alone(tilt: int) -> None:
    contrast = np.zeros(SHAPE, np.uint8)
    cv2.line(contrast, (200 + tilt, -5), (200 - tilt, 305), PEN, 12)
    ink = ink_of(contrast)
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)


def test_a_long_stroke_that_ends_within_the_page_stays() -> None:
    contrast = digits()
    contrast[220:226, 40:360] = PEN  # underlined, 0.8 of the width
    ink = ink_of(contrast)
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)


def test_a_row_of_digits_is_no_rule() -> None:
    contrast = np.zeros(SHAPE, np.uint8)
    for x in range(25, 400, 38):
        cv2.ellipse(contrast, (x, 150), (16, 26), 0, 0, 360, PEN, 6)
    ink = ink_of(contrast)
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)


def test_thick_bands_are_no_rules() -> None:
    contrast = digits()
    contrast[240:280] = PEN
    kept = remove_rules(ink_of(contrast))
    assert (kept[240:280] > 0).mean() > 0.85


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2, 3), (400, 3), (1600, 2)])
def test_any_mask_is_taken(shape: tuple[int, int], level: int) -> None:
    ink = ink_of(np.full(shape, level, np.uint8))
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)


def test_the_ink_is_not_modified() -> None:
    ink = ink_of(np.maximum(digits(), squared()))
    before = ink.mask.copy(), ink.contrast.copy()
    remove_rules(ink)
    np.testing.assert_array_equal(ink.mask, before[0])
    np.testing.assert_array_equal(ink.contrast, before[1])


@pytest.mark.parametrize("tilt", [0, 12])
def test_rules_end_at_the_edge_of_a_sheet(tilt: int) -> None:
    sheet = np.zeros(SHAPE, np.uint8)
    cv2.fillConvexPoly(sheet, np.array([[70, 10], [330, 30], [320, 280], [80, 290]]), 255)
    contrast = ruled(tilt) & sheet | digits()
    without = remove_rules(ink_of(contrast))
    assert components(without) > 2  # they are no rules of the whole picture
    on_sheet = remove_rules(replace(ink_of(contrast), sheet=sheet))
    assert components(on_sheet) == 2


@pytest.mark.parametrize("height", [75, 85])
def test_a_tall_stroke_on_a_small_sheet_is_no_rule(height: int) -> None:
    sheet = np.zeros(SHAPE, np.uint8)
    sheet[100:200, 150:300] = 255
    contrast = np.zeros(SHAPE, np.uint8)
    top, bottom = 150 - height // 2, 150 + height // 2
    cv2.line(contrast, (255, top), (255, bottom), 255, 3)  # a 1
    seven = np.array([[172, top], [210, top], [188, bottom]])
    cv2.polylines(contrast, [seven], False, 255, 3)
    ink = replace(ink_of(contrast), sheet=sheet)
    np.testing.assert_array_equal(remove_rules(ink), ink.mask)
