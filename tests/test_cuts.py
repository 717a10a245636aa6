"""Cuts between digits that touch: enough of them, and never a pixel lost."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from conftest import leaning_bars
from mnist_cnn.photos.cuts import ACROSS, ALONG, Cutting, cut
from mnist_cnn.photos.pieces import Piece, crop, merge

Pixels = npt.NDArray[np.uint8]


def piece_of(mask: Pixels, x: int = 0, y: int = 0) -> Piece:
    (piece,) = crop(x, y, mask)
    return piece


def two_diamonds() -> Piece:
    """Diamonds 100 pixels high that touch in column 150."""
    mask = np.zeros((150, 300), np.uint8)
    for x in (104, 196):
        corners = np.array([(x - 42, 75), (x, 30), (x + 42, 75), (x, 120)], np.int32)
        cv2.polylines(mask, [corners], True, 255, 8)
    piece = piece_of(mask, x=1000, y=500)
    assert cv2.connectedComponents(piece.mask)[0] == 2
    return piece


def pile_up(parts: list[Piece], whole: Piece) -> npt.NDArray[np.int64]:
    """How many of the parts have ink in each pixel of the whole."""
    pile = np.zeros(whole.mask.shape, np.int64)
    for part in parts:
        y, x = part.y - whole.y, part.x - whole.x
        pile[y : y + part.height, x : x + part.width] += part.mask > 0
    return pile


def test_one_cut_parts_two_digits() -> None:
    whole = two_diamonds()
    middle = whole.x + whole.width / 2
    parts = cut(whole, 100, ACROSS)
    assert len(parts) > 1
    edges = [merge(parts[: index + 1]).right for index in range(len(parts) - 1)]
    best = int(np.abs(np.array(edges) - middle).argmin())
    for half in (merge(parts[: best + 1]), merge(parts[best + 1 :])):
        assert half.area == pytest.approx(whole.area / 2, rel=0.02)
        assert half.width == pytest.approx(whole.width / 2, abs=4)


def test_leaning_digits_are_parted_along_their_strokes() -> None:
    whole = piece_of(leaning_bars())
    parts = cut(whole, 100, ALONG)
    halves = [(merge(parts[:index]), merge(parts[index:])) for index in range(1, len(parts))]
    left, right = min(halves, key=lambda pair: abs(pair[0].area - pair[1].area))
    # Each is as high as the whole: no cut from top to bottom that stands upright parts them so.
    assert left.height == right.height == whole.height
    assert left.area == pytest.approx(right.area, rel=0.25)
    assert left.width < 0.75 * whole.width
    assert cut(whole, 100, ACROSS) == [whole]


def word(seed: int) -> Piece:
    mask = np.zeros((140, 400), np.uint8)
    rng = np.random.default_rng(seed)
    points = np.column_stack((np.arange(20, 380, 12), rng.integers(20, 120, 30))).astype(np.int32)
    cv2.polylines(mask, [points], False, 255, int(rng.integers(1, 14)))
    return piece_of(mask, x=7, y=9)


@pytest.mark.parametrize("cutting", [ACROSS, ALONG])
@pytest.mark.parametrize("seed", range(6))
def test_parts_together_hold_each_pixel_once(seed: int, cutting: Cutting) -> None:
    whole = word(seed)
    parts = cut(whole, 100, cutting)
    assert len(parts) > 1
    np.testing.assert_array_equal(pile_up(parts, whole), whole.mask > 0)


@pytest.mark.parametrize("cutting", [ACROSS, ALONG])
def test_parts_of_diamonds_hold_each_pixel_once(cutting: Cutting) -> None:
    whole = two_diamonds()
    np.testing.assert_array_equal(pile_up(cut(whole, 100, cutting), whole), whole.mask > 0)


def test_parts_go_from_left_to_right() -> None:
    centres = [part.x + part.width / 2 for part in cut(two_diamonds(), 100, ACROSS)]
    assert centres == sorted(centres)


@pytest.mark.parametrize("width", [1, 8, 60])
def test_a_narrow_piece_is_not_cut(width: int) -> None:
    piece = Piece(5, 6, np.full((100, width), 255, np.uint8))
    assert cut(piece, 100, ACROSS) == [piece]


def test_narrow_is_measured_by_the_line() -> None:
    bar = Piece(0, 0, np.full((8, 60), 255, np.uint8))
    assert cut(bar, 100, ACROSS) == [bar]


@pytest.mark.parametrize("cutting", [ACROSS, ALONG])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (300, 1), (2, 2), (3, 90)])
def test_any_shape_keeps_its_ink(shape: tuple[int, int], cutting: Cutting) -> None:
    whole = Piece(0, 0, np.full(shape, 255, np.uint8))
    for height in (1, 30, 400):
        assert sum(part.area for part in cut(whole, height, cutting)) == whole.area


@pytest.mark.parametrize("cutting", [ACROSS, ALONG])
def test_a_line_is_not_cut(cutting: Cutting) -> None:
    line = Piece(0, 0, np.full((3, 300), 255, np.uint8))
    assert cut(line, 3, cutting) == [line]


@pytest.mark.parametrize(("cutting", "pixels"), [(ACROSS, 2), (ALONG, 3)])
def test_cuts_do_not_depend_on_scale(cutting: Cutting, pixels: int) -> None:
    whole = two_diamonds()
    double = Piece(0, 0, whole.mask.repeat(2, axis=0).repeat(2, axis=1))
    small = [part.x - whole.x for part in cut(whole, 100, cutting)]
    large = [part.x / 2 for part in cut(double, 200, cutting)]
    assert large == pytest.approx(small, abs=pixels)


@pytest.mark.parametrize("cutting", [ACROSS, ALONG])
def test_the_piece_is_not_modified(cutting: Cutting) -> None:
    whole = two_diamonds()
    before = whole.mask.copy()
    cut(whole, 100, cutting)
    np.testing.assert_array_equal(whole.mask, before)
