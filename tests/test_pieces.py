"""Connected strokes: what is one piece, what is a speck, what was broken."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.pieces import (
    MOST_COMPONENTS,
    Piece,
    crop,
    find_pieces,
    has_edges,
    merge,
    writing_height,
)

Pixels = npt.NDArray[np.uint8]


def canvas(height: int = 200, width: int = 300) -> Pixels:
    return np.zeros((height, width), np.uint8)


def digits() -> Pixels:
    """A ring and a bar, 100 pixels high, strokes of 8."""
    mask = canvas()
    cv2.ellipse(mask, (80, 100), (31, 46), 0, 0, 360, 255, 8)
    mask[50:150, 200:208] = 255
    return mask


def test_each_connected_stroke_is_a_piece() -> None:
    ring, bar = find_pieces(digits())
    assert (ring.x, ring.y, ring.width, ring.height) == pytest.approx((45, 50, 70, 100), abs=1)
    assert (bar.x, bar.y, bar.right, bar.bottom) == (200, 50, 208, 150)
    assert bar.area == 800


def test_pieces_hold_all_the_ink() -> None:
    mask = digits()
    again = np.zeros_like(mask)
    for piece in find_pieces(mask):
        again[piece.y : piece.bottom, piece.x : piece.right] |= piece.mask
    np.testing.assert_array_equal(again, mask)


def test_a_piece_does_not_hold_its_neighbour_s_ink() -> None:
    mask = canvas()
    cv2.ellipse(mask, (100, 100), (80, 90), 0, 0, 360, 255, 6)
    mask[80:120, 98:104] = 255  # within the ring's box
    pieces = find_pieces(mask)
    assert sorted(piece.area for piece in pieces) == [240, cv2.countNonZero(mask) - 240]


def test_no_ink_no_pieces() -> None:
    assert find_pieces(canvas()) == []


def test_specks_are_dropped() -> None:
    mask = digits()
    mask[20:25, 150:155] = 255
    mask[180, 10:22] = 255
    assert len(find_pieces(mask)) == 2


def test_small_parts_of_digits_are_kept() -> None:
    mask = digits()
    mask[50:56, 240:270] = 255  # the bar of a 5
    assert len(find_pieces(mask)) == 3


def test_noise_alone_is_nothing() -> None:
    mask = np.where(np.random.default_rng(0).random((200, 300)) < 0.01, 255, 0).astype(np.uint8)
    assert find_pieces(mask) == []


@pytest.mark.parametrize("step", [12, 3])
def test_many_specks_do_not_hide_the_writing(step: int) -> None:
    mask = digits()
    mask[::step, ::step] = 255
    assert (cv2.countNonZero(mask) > 2 * cv2.countNonZero(digits())) == (step == 3)
    assert len(find_pieces(mask)) == 2


def test_a_thick_line_does_not_hide_the_thin_writing_above_it() -> None:
    mask = canvas()
    for x in range(40, 200, 40):
        cv2.ellipse(mask, (x, 60), (8, 12), 0, 0, 360, 255, 1)
    mask[90:96, 20:280] = 255
    assert len(find_pieces(mask)) == 5


def test_the_largest_of_many_components_are_kept() -> None:
    mask = np.zeros((1300, 1300), np.uint8)
    for index in range(2 * MOST_COMPONENTS):
        y, x = 8 + 25 * (index // 50), 8 + 25 * (index % 50)
        mask[y : y + (12 if index % 2 else 16), x : x + 5] = 255
    pieces = find_pieces(mask)
    assert len(pieces) == MOST_COMPONENTS
    assert {piece.height for piece in pieces} == {16}


@pytest.mark.parametrize(("gap", "pieces"), [(3, 1), (9, 1), (25, 2)])
def test_a_broken_stroke_is_bridged(gap: int, pieces: int) -> None:
    mask = canvas()
    mask[30:100, 100:108] = 255
    mask[100 + gap : 170 + gap, 100:108] = 255
    found = find_pieces(mask)
    assert len(found) == pieces
    assert sum(piece.area for piece in found) == 2 * 70 * 8  # nothing is drawn into the gap


@pytest.mark.parametrize("thickness", [1, 2, 5, 9, 20, 40])
def test_stroke_width_of_a_bar_is_its_thickness(thickness: int) -> None:
    bar = Piece(0, 0, np.full((400, thickness), 255, np.uint8))
    assert bar.stroke_width == pytest.approx(thickness, rel=0.15, abs=1)


def test_stroke_width_does_not_grow_with_the_digit() -> None:
    widths = []
    for size in (40, 90):
        mask = canvas()
        cv2.ellipse(mask, (150, 100), (size, size), 0, 0, 360, 255, 9)
        widths.append(crop(0, 0, mask)[0].stroke_width)
    assert widths == pytest.approx([10, 10], abs=0.7)


def test_pieces_are_merged_in_place() -> None:
    first = Piece(10, 20, np.full((3, 4), 255, np.uint8))
    second = Piece(12, 30, np.full((2, 5), 255, np.uint8))
    whole = merge([first, second])
    assert (whole.x, whole.y, whole.right, whole.bottom) == (10, 20, 17, 32)
    assert whole.area == first.area + second.area
    assert whole.mask[:3, :4].all()
    assert whole.mask[10:, 2:].all()


def test_overlapping_boxes_keep_both_inks() -> None:
    corner = np.array([[255, 255], [255, 0]], np.uint8)
    whole = merge([Piece(0, 0, corner), Piece(0, 0, 255 - corner)])
    assert whole.mask.tolist() == [[255, 255], [255, 255]]


def test_one_piece_merged_is_itself() -> None:
    (ring, _) = find_pieces(digits())
    assert merge([ring]) is ring


def test_crop_takes_off_empty_margins() -> None:
    mask = canvas(10, 12)
    mask[4:6, 7:10] = 255
    (piece,) = crop(100, 200, mask)
    assert (piece.x, piece.y, piece.mask.shape) == (107, 204, (2, 3))
    assert crop(0, 0, canvas(3, 3)) == []


def test_writing_height_is_that_of_the_middle_ink() -> None:
    assert writing_height([50], [1]) == 50
    assert writing_height([50, 52, 54], [300, 300, 300]) == 52
    assert writing_height([2] * 90 + [50, 60], [3] * 90 + [400, 300]) == 50


@pytest.mark.parametrize("blur", [0, 2, 4])
def test_blurred_strokes_have_edges(blur: float) -> None:
    share = np.asarray(cv2.GaussianBlur(digits(), (0, 0), blur), np.uint8) if blur else digits()
    pieces = find_pieces(np.where(share > 100, 255, 0).astype(np.uint8))
    assert [has_edges(piece, share) for piece in pieces] == [True, True]


@pytest.mark.parametrize("power", [2, 4])
def test_what_gets_darker_by_and_by_has_no_edges(power: int) -> None:
    row = np.linspace(0, 1, 300) ** power  # up to the frame
    share = np.tile((255 * row).astype(np.uint8), (200, 1))
    (piece,) = find_pieces(np.where(share > 100, 255, 0).astype(np.uint8))
    assert not has_edges(piece, share)


def test_all_ink_has_no_edges() -> None:
    assert not has_edges(
        Piece(0, 0, np.full((20, 30), 255, np.uint8)), np.full((20, 30), 255, np.uint8)
    )
