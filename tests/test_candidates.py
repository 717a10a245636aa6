"""What may be one digit: pieces, their parts, and runs of neighbouring parts."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mnist_cnn.photos.candidates import Candidate, Part, cut_up, find_candidates, uncut
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.pieces import Piece, crop, merge

Divide = Callable[[Line], list[Part]]

HEIGHT = 100  # of the lines


def box(x: int, width: int = 30, height: int = HEIGHT) -> Piece:
    return Piece(x, 20, np.full((height, width), 255, np.uint8))


def part(x: int, width: int = 10, *, cut_off: bool = False, tall: bool = True) -> Part:
    return Part(box(x, width), cut_off, tall)


def candidates(parts: list[Part], height: float = HEIGHT) -> dict[tuple[int, int], Candidate]:
    """The candidates of a line by their first part and the one behind their last."""
    found = list(find_candidates(0, parts, height))
    by_place = {(candidate.first, candidate.last): candidate for candidate in found}
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


def test_pieces_are_parts_as_they_are() -> None:
    pieces = [touching(10), box(230), box(300)]
    parts = uncut(Line(pieces, HEIGHT))
    assert [part.piece for part in parts] == pieces
    assert not any(part.cut_off for part in parts)


@pytest.mark.parametrize("divide", [uncut, cut_up])
def test_tall_is_what_is_about_as_high_as_the_line(divide: Divide) -> None:
    pieces = [box(50 * index, height=height) for index, height in enumerate((8, 50, 65, 100, 140))]
    parts = divide(Line(pieces, HEIGHT))
    assert [part.tall for part in parts] == [False, False, True, True, True]


@pytest.mark.parametrize("divide", [uncut, cut_up])
def test_an_empty_line_has_no_parts(divide: Divide) -> None:
    assert divide(Line([], HEIGHT)) == []
    assert candidates([]) == {}


def test_parts_of_a_piece_are_cut_off_the_one_before() -> None:
    pieces = [box(0), touching(60), box(300), touching(350)]
    parts = cut_up(Line(pieces, HEIGHT))
    assert len(parts) > len(pieces)
    starts = [index for index, part in enumerate(parts) if not part.cut_off]
    assert len(starts) == len(pieces)
    for piece, start, end in zip(pieces, starts, [*starts[1:], len(parts)], strict=True):
        whole = merge([part.piece for part in parts[start:end]])
        assert (whole.x, whole.y) == (piece.x, piece.y)
        np.testing.assert_array_equal(whole.mask, piece.mask)


def test_a_part_is_as_tall_as_the_piece_it_was_cut_from() -> None:
    flat = Piece(250, 60, touching(0).mask[::4])
    for piece, tall in ((touching(0), True), (flat, False)):
        parts = cut_up(Line([piece], HEIGHT))
        assert len(parts) > 1
        assert {part.tall for part in parts} == {tall}


def test_each_part_alone_is_a_candidate() -> None:
    found = candidates([part(0, 300), part(400, 2, tall=False), part(900, cut_off=True)])
    assert list(found) == [(0, 1), (1, 2), (2, 3)]


def test_candidates_know_their_line() -> None:
    found = list(find_candidates(3, [part(0), part(20)], 87.5))
    assert {(candidate.line, candidate.height) for candidate in found} == {(3, 87.5)}


def test_a_candidate_is_its_parts_as_one() -> None:
    parts = [part(0), part(12, 30), part(15, 4), part(50)]
    found = candidates(parts)
    assert set(found) == {(i, j) for i in range(4) for j in range(i + 1, 5)}
    for (first, last), candidate in found.items():
        whole = merge([part.piece for part in parts[first:last]])
        assert (candidate.piece.x, candidate.piece.y) == (whole.x, whole.y)
        np.testing.assert_array_equal(candidate.piece.mask, whole.mask)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("gap", "joined"), [(-5, True), (0, True), (35, True), (36, False)])
def test_far_parts_are_no_digit_together(gap: int, joined: bool, scale: int) -> None:
    parts = [part(0, 10 * scale), part((10 + gap) * scale, 10 * scale)]
    assert ((0, 2) in candidates(parts, HEIGHT * scale)) == joined


def test_the_gap_is_behind_all_parts_before() -> None:
    over_another = [part(0, 90), part(10, 10), part(100, 10)]
    assert (0, 3) in candidates(over_another)
    assert (1, 3) not in candidates(over_another)


def test_nothing_goes_on_across_a_gap() -> None:
    found = candidates([part(0), part(12), part(60), part(72)])
    assert [run for run in found if run[0] < 2 < run[1]] == []
    assert {(0, 2), (2, 4)} <= set(found)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(("width", "joined"), [(170, True), (171, False)])
def test_wide_runs_are_no_digit(width: int, joined: bool, scale: int) -> None:
    parts = [part(0, 80 * scale), part(100 * scale, (width - 100) * scale), part(110 * scale)]
    found = candidates(parts, HEIGHT * scale)
    assert ((0, 2) in found) == joined
    assert ((0, 3) in found) == joined
    assert (1, 3) in found


def test_a_digit_has_so_many_parts_at_most() -> None:
    found = candidates([part(4 * index, 3) for index in range(12)])
    assert max(last - first for first, last in found) == 8
    assert sum(last - first == 8 for first, last in found) == 5
    assert max(last for _, last in found) == 12


def test_whole_is_what_no_cut_ends() -> None:
    parts = [part(0), part(10, cut_off=True), part(20, cut_off=True), part(35), part(50)]
    whole = {run for run, candidate in candidates(parts).items() if candidate.whole}
    assert whole == {(0, 3), (0, 4), (0, 5), (3, 4), (3, 5), (4, 5)}


@pytest.mark.parametrize(
    ("run", "tall"), [((0, 1), 1), ((0, 2), 1), ((1, 2), 1), ((1, 3), 1), ((1, 4), 2), ((0, 5), 2)]
)
def test_tall_pieces_that_stand_apart_are_counted(run: tuple[int, int], tall: int) -> None:
    parts = [
        part(0),
        part(10, cut_off=True),
        part(22, 4, tall=False),
        part(30),
        part(40, cut_off=True),
    ]
    assert candidates(parts)[run].tall == tall


def test_low_pieces_are_not_counted() -> None:
    parts = [part(0, tall=False), part(10, tall=False, cut_off=True), part(25, tall=False)]
    assert {candidate.tall for candidate in candidates(parts).values()} == {0}
