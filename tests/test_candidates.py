"""What may be one digit: pieces, what they are cut into, and runs of neighbours."""

import cv2
import numpy as np
import pytest

from mnist_cnn.photos.candidates import Candidate, cut_up, find_candidates, put_together
from mnist_cnn.photos.cuts import ACROSS
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.pieces import Piece, crop, merge

HEIGHT = 100  # of the lines


def box(x: int, width: int = 30, height: int = HEIGHT) -> Piece:
    return Piece(x, 20, np.full((height, width), 255, np.uint8))


def candidates(pieces: list[Piece], height: float = HEIGHT) -> dict[tuple[int, int], Candidate]:
    """The candidates of a line by their first piece and the one behind their last."""
    found = list(find_candidates(0, Line(pieces, height)))
    by_place = {(candidate.first, candidate.end): candidate for candidate in found}
    assert len(by_place) == len(found)
    return by_place


def touching(x: int) -> Piece:
    """Two diamonds as high as the line that touch."""
    mask = np.zeros((HEIGHT, 190), np.uint8)
    for middle in (48, 140):
        corners = [(middle - 42, 50), (middle, 4), (middle + 42, 50), (middle, 95)]
        cv2.polylines(mask, [np.array(corners, np.int32)], True, 255, 8)
    (piece,) = crop(x, 20, mask)
    return piece


def test_an_empty_line_has_no_candidates() -> None:
    assert cut_up(Line([], HEIGHT), ACROSS) == Line([], HEIGHT)
    assert candidates([]) == {}


def test_pieces_are_cut_one_by_one() -> None:
    pieces = [box(0), touching(60), box(300), touching(350)]
    line = cut_up(Line(pieces, HEIGHT), ACROSS)
    assert line.height == HEIGHT
    assert len(line.pieces) > len(pieces)
    for piece in pieces:
        own = [part for part in line.pieces if piece.x <= part.x and part.right <= piece.right]
        whole = merge(own)
        assert (whole.x, whole.y) == (piece.x, piece.y)
        np.testing.assert_array_equal(whole.mask, piece.mask)


def test_what_was_cut_is_put_together_but_for_runs() -> None:
    parts = cut_up(Line([box(0), touching(60), touching(300)], HEIGHT), ACROSS).pieces
    second = next(index for index, part in enumerate(parts) if part.x >= 300)
    runs = [(0, 1), (second, second + 2)]  # the box, and some of the last piece
    line, together = put_together(Line(parts, HEIGHT), runs)
    expected = [(0, 1), (1, second), (second, second + 2), (second + 2, len(parts))]
    assert line.height == HEIGHT
    assert together == {0, 2}
    assert len(line.pieces) == len(expected)
    for piece, (first, end) in zip(line.pieces, expected, strict=True):
        whole = merge(parts[first:end])
        assert (piece.x, piece.y) == (whole.x, whole.y)
        np.testing.assert_array_equal(piece.mask, whole.mask)


def test_runs_beside_each_other_stay_apart() -> None:
    pieces = [box(30 * index) for index in range(4)]
    line, together = put_together(Line(pieces, HEIGHT), [(0, 2), (2, 3)])
    assert [(piece.x, piece.right) for piece in line.pieces] == [(0, 60), (60, 90), (90, 120)]
    assert together == {0, 1}


def test_pieces_with_a_gap_between_them_are_not_put_together() -> None:
    line, together = put_together(Line([box(0), box(31), box(61)], HEIGHT), [])
    assert [(piece.x, piece.right) for piece in line.pieces] == [(0, 30), (31, 91)]
    assert together == set()


def test_each_piece_alone_is_a_candidate() -> None:
    found = candidates([box(0, 300), box(400, 2), box(900, 10)])
    assert list(found) == [(0, 1), (1, 2), (2, 3)]


def test_candidates_know_their_line() -> None:
    found = list(find_candidates(3, Line([box(0, 10), box(20, 10)], 87.5)))
    assert {(candidate.line, candidate.height) for candidate in found} == {(3, 87.5)}


def test_a_candidate_is_its_pieces_as_one() -> None:
    pieces = [box(0, 10), box(12, 30), box(15, 4), box(50, 10)]
    found = candidates(pieces)
    assert set(found) == {(i, j) for i in range(4) for j in range(i + 1, 5)}
    for (first, last), candidate in found.items():
        whole = merge(pieces[first:last])
        assert (candidate.piece.x, candidate.piece.y) == (whole.x, whole.y)
        np.testing.assert_array_equal(candidate.piece.mask, whole.mask)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("gap", "joined"), [(-5, True), (0, True), (35, True), (36, False)])
def test_far_pieces_are_no_digit_together(gap: int, joined: bool, scale: int) -> None:
    pieces = [box(0, 10 * scale), box((10 + gap) * scale, 10 * scale)]
    assert ((0, 2) in candidates(pieces, HEIGHT * scale)) == joined


def test_the_gap_is_behind_all_pieces_before() -> None:
    over_another = [box(0, 90), box(10, 10), box(100, 10)]
    assert (0, 3) in candidates(over_another)
    assert (1, 3) not in candidates(over_another)


def test_nothing_goes_on_across_a_gap() -> None:
    found = candidates([box(0, 10), box(12, 10), box(60, 10), box(72, 10)])
    assert [run for run in found if run[0] < 2 < run[1]] == []
    assert {(0, 2), (2, 4)} <= set(found)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("width", "joined"), [(170, True), (171, False)])
def test_wide_runs_are_no_digit(width: int, joined: bool, scale: int) -> None:
    pieces = [box(0, 80 * scale), box(100 * scale, (width - 100) * scale), box(110 * scale)]
    found = candidates(pieces, HEIGHT * scale)
    assert ((0, 2) in found) == joined
    assert ((0, 3) in found) == joined
    assert (1, 3) in found


def test_a_digit_has_so_many_pieces_at_most() -> None:
    found = candidates([box(4 * index, 3) for index in range(24)])
    assert max(last - first for first, last in found) == 20
    assert sum(last - first == 20 for first, last in found) == 5
    assert max(last for _, last in found) == 24
