"""Lines of writing: rows and order, however they lean, and strokes that belong together."""

import numpy as np
import pytest

from mnist_cnn.photos.lines import Line, find_lines, join_lines, split_words
from mnist_cnn.photos.pieces import Piece


def box(x: float, y: float, width: float = 30, height: float = 50) -> Piece:
    shape = (round(height), round(width))
    return Piece(round(x), round(y), np.full(shape, 255, np.uint8))


def places(pieces: list[Piece]) -> list[list[tuple[int, int]]]:
    return [[(piece.x, piece.y) for piece in line.pieces] for line in find_lines(pieces)]


def shuffled(pieces: list[Piece]) -> list[Piece]:
    order = np.random.default_rng(0).permutation(len(pieces))
    return [pieces[index] for index in order]


def expected(rows: list[list[Piece]]) -> list[list[tuple[int, int]]]:
    return [[(piece.x, piece.y) for piece in row] for row in rows]


def assert_rows(rows: list[list[Piece]]) -> None:
    assert places(shuffled([piece for row in rows for piece in row])) == expected(rows)


def test_lines_at_the_same_height_are_joined() -> None:
    digits = [box(20 + 60 * i, 100, 30, 60) for i in range(3)]
    lost = [box(80, 130, 20, 28)]  # half of it beside the digits
    below = [box(20, 170), box(80, 170)]
    lines = [Line(digits, 60.0), Line(lost, 28.0), Line(below, 50.0)]
    joined = join_lines(lines)
    assert [len(line.pieces) for line in joined] == [4, 2]
    assert [piece.x for piece in joined[0].pieces] == [20, 80, 80, 140]
    assert joined[1] is lines[2]


def test_wide_gaps_are_between_words() -> None:
    over = box(60, 90, 100, 8)
    pieces = [box(20, 100), box(60, 100), over, box(110, 100), box(180, 100), box(235, 100)]
    line = Line(pieces, 50.0)
    # What follows under the bar and near its end is of its word.
    assert split_words(line) == [range(5), range(5, 6)]
    assert split_words(Line(line.pieces[:1], 50.0)) == [range(1)]


def test_lines_above_each_other_stay() -> None:
    lines = [Line([box(20, 100)], 50.0), Line([box(20, 130)], 50.0)]  # two fifths in common
    assert join_lines(lines) == lines
    assert join_lines([]) == []


def test_a_low_digit_behind_a_high_one_is_in_their_line() -> None:
    assert_rows([[box(20, 90, 40, 70), box(80, 80), box(130, 115), box(180, 100)]])


@pytest.mark.parametrize(("pitch", "degrees"), [(1.6, 15), (2.0, 12), (1.2, 20)])
def test_slanting_lines_stay_apart(pitch: float, degrees: float) -> None:
    rise = pitch * 50 * np.tan(np.radians(degrees))
    assert_rows(
        [[box(20 + 50 * pitch * i, top - rise * i) for i in range(5)] for top in (200, 310)]
    )


def test_nothing_has_no_lines() -> None:
    assert find_lines([]) == []


def test_one_piece_is_a_line() -> None:
    (line,) = find_lines([box(10, 20)])
    assert line.height == 50
    assert len(line.pieces) == 1


def test_pieces_come_in_reading_order() -> None:
    assert_rows([[box(20 + 60 * i, 20 + 100 * row) for i in range(5)] for row in range(3)])


@pytest.mark.parametrize("degrees", [-9, -5, 5, 9])
def test_tilted_lines_are_followed(degrees: float) -> None:
    slope = np.tan(np.radians(degrees))
    assert_rows(
        [[box(20 + 55 * i, 300 + 95 * row + slope * 55 * i) for i in range(9)] for row in range(3)]
    )


def test_lines_may_have_different_lengths() -> None:
    assert_rows(
        [[box(20 + 60 * i, 20 + 90 * row) for i in range(n)] for row, n in enumerate((2, 6, 1))]
    )


def test_uneven_writing_is_one_line() -> None:
    shifts = (0, 14, -9, 11, -14, 4)
    heights = (50, 44, 58, 47, 55, 40)
    rows = [[box(20 + 55 * i, 100 + shifts[i], 30, heights[i]) for i in range(6)]]
    assert_rows(rows)


def test_close_lines_are_parted() -> None:
    assert_rows([[box(20 + 60 * i, 20 + 60 * row) for i in range(4)] for row in range(3)])


def test_a_wide_gap_does_not_end_a_line() -> None:
    assert_rows([[box(20, 20), box(80, 20), box(500, 24), box(560, 22)]])


def test_a_bar_above_is_joined_with_its_body() -> None:
    body, bar, other = box(20, 32, 28, 40), box(24, 20, 34, 6), box(90, 20)
    (line,) = find_lines([other, bar, body])
    five, last = line.pieces
    assert (five.x, five.y, five.right, five.bottom) == (20, 20, 58, 72)
    assert five.area == body.area + bar.area
    assert last is other


def test_digits_above_each_other_are_not_joined() -> None:
    assert_rows([[box(20, 20)], [box(20, 80)]])


def test_a_bar_beside_belongs_to_the_nearest_line() -> None:
    top, bottom = [box(20, 20), box(80, 20)], [box(20, 150), box(80, 150)]
    bar = box(118, 165, 16, 6)
    lines = find_lines([*top, bar, *bottom])
    assert [len(line.pieces) for line in lines] == [2, 3]
    assert lines[1].pieces[-1] is bar


def test_smaller_writing_has_lines_of_its_own() -> None:
    large = [box(20 + 80 * i, 20, 40, 100) for i in range(3)]
    small = [[box(30 + 30 * i, 190 + 70 * row, 15, 30) for i in range(5)] for row in range(2)]
    assert_rows([large, *small])


def test_a_low_piece_far_from_all_is_a_line() -> None:
    assert_rows([[box(20, 20), box(80, 20)], [box(400, 300, 12, 10)]])


def test_all_ink_stays() -> None:
    pieces = [box(20 + 40 * i, 20 + 7 * (i % 3), 20 + i, 40 + i) for i in range(12)]
    lines = find_lines(pieces)
    total = sum(piece.area for line in lines for piece in line.pieces)
    assert total == sum(piece.area for piece in pieces)


def test_height_is_of_the_line_s_digits() -> None:
    small = [box(20 + 40 * i, 20, 20, 40) for i in range(5)]
    large = [box(20 + 80 * i, 120, 40, 70) for i in range(5)]
    assert [line.height for line in find_lines([*large, *small])] == [40, 70]
