"""A sheet that is smaller than the picture is found by its four corners."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.sheets import find_sheet

Pixels = npt.NDArray[np.uint8]


def sheet(*, turn: float = 0, size: tuple[int, int] = (220, 140), x: int = 200) -> Pixels:
    mask = np.zeros((300, 400), np.uint8)
    corners = cv2.boxPoints(((x, 150), size, turn))
    return np.asarray(cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 255), np.uint8)


@pytest.mark.parametrize("turn", [0, 7, 30])
@pytest.mark.parametrize("x", [200, 20])  # 20: the frame cuts the sheet off
def test_a_sheet_is_found_under_its_writing(turn: float, x: int) -> None:
    whole = sheet(turn=turn, x=x)
    written = whole.copy()
    cv2.putText(written, "57", (x - 10, 180), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 8)
    assert cv2.countNonZero(written) < cv2.countNonZero(whole)
    found = find_sheet(written)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) == {0, 255}
    assert not found[whole == 0].any()  # nor on its rim
    inner = cv2.erode(whole, np.ones((21, 21), np.uint8), borderValue=255)
    assert (found[inner > 0] == 255).all()


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), 255, np.uint8),
        sheet(size=(60, 40)),  # too small
        sheet(size=(396, 296)),  # all of the picture
        cv2.ellipse(np.zeros((300, 400), np.uint8), (200, 150), (110, 80), 0, 0, 360, 255, -1),
        cv2.rectangle(np.zeros((300, 400), np.uint8), (90, 80), (310, 220), 255, 9),
        np.repeat(np.array([[255]] * 170 + [[0]] * 20 + [[255]] * 110, np.uint8), 400, axis=1),
    ],
    ids=["nothing", "everything", "small", "large", "round", "hollow", "ruled"],
)
def test_other_shapes_are_no_sheets(mask: Pixels) -> None:
    assert not find_sheet(mask).any()


def test_fading_light_is_no_sheet() -> None:
    grey = np.tile(np.linspace(90, 230, 400).astype(np.uint8), (300, 1))
    lighter = np.where(grey > 160, 255, 0).astype(np.uint8)
    assert find_sheet(np.where(lighter > 0, grey, np.uint8(60))).any()
    assert not find_sheet(grey).any()


def test_printed_rules_do_not_cut_a_sheet() -> None:
    whole = sheet(turn=7)
    ruled = whole.copy()
    for y in range(40, 300, 25):
        cv2.line(ruled, (0, y), (400, y), 0, 2)
    found = find_sheet(ruled)
    inner = cv2.erode(whole, np.ones((21, 21), np.uint8))
    assert (found[inner > 0] == 255).all()


def test_of_two_notes_none_hides_the_other() -> None:
    left, right = (sheet(size=(150, 140), x=x) for x in (105, 295))
    assert find_sheet(left).any()
    assert not find_sheet(left | right).any()
