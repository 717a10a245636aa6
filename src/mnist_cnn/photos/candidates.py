"""What of a line of writing may be one digit: runs of neighbouring pieces."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from mnist_cnn.photos.cuts import Cutting, cut
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.pieces import Piece, merge

MOST_PIECES = 20  # or parts of cut ones, that one digit can consist of
# In heights of the line.
GAP = 0.35  # between pieces of one digit
WIDEST = 1.7  # a digit


@dataclass(frozen=True)
class Candidate:
    """Pieces of a line that may be one digit.

    Attributes:
        line: Index of the line.
        first: Index of its first piece in the line.
        end: Index behind its last piece.
        height: Of the line's digits, in pixels.
        piece: The pieces as one.
    """

    line: int
    first: int
    end: int
    height: float
    piece: Piece


def cut_up(line: Line, cutting: Cutting, kept: Container[int] = ()) -> Line:
    """A line with its pieces cut wherever digits may touch.

    Args:
        line: Its pieces, from left to right.
        cutting: ACROSS or ALONG.
        kept: Indices of pieces that stay as they are.
    """
    parts: list[Piece] = []
    for index, piece in enumerate(line.pieces):
        parts += [piece] if index in kept else cut(piece, line.height, cutting)
    return Line(parts, line.height)


def put_together(line: Line, runs: Sequence[tuple[int, int]]) -> tuple[Line, set[int]]:
    """A line with some runs of its pieces as one, and the others, too, where their columns meet.

    Parts that a piece was cut into do, of a broken digit's pieces and of slanted digits some.

    Args:
        line: Its pieces, from left to right.
        runs: First index and index behind the last of each, in order, none in another.

    Returns:
        The line, and the indices of the runs in it.
    """
    groups: list[list[Piece]] = []
    together: set[int] = set()
    index = 0
    for first, end in [*runs, (len(line.pieces), len(line.pieces))]:
        right = -1
        for piece in line.pieces[index:first]:
            if piece.x > right:
                groups.append([])
            groups[-1].append(piece)
            right = max(right, piece.right)
        if first < end:
            together.add(len(groups))
            groups.append(line.pieces[first:end])
        index = end
    return Line([merge(group) for group in groups], line.height), together


def find_candidates(index: int, line: Line) -> Iterator[Candidate]:
    """All runs of pieces that are near enough to each other and not too wide together.

    Args:
        index: Of the line.
        line: Its pieces, from left to right.
    """
    pieces = line.pieces
    for first, joined in enumerate(pieces):
        for end in range(first + 1, min(first + MOST_PIECES, len(pieces)) + 1):
            yield Candidate(index, first, end, line.height, joined)
            if end == len(pieces) or pieces[end].x - joined.right > GAP * line.height:
                break
            joined = merge((joined, pieces[end]))
            if joined.width > WIDEST * line.height:
                break
