"""What of a line of writing may be one digit: parts, and runs of neighbouring parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnist_cnn.photos.cuts import cut
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.pieces import Piece, merge

MOST_PARTS = 8  # that one digit can consist of
# In heights of the line.
GAP = 0.35  # between parts of one digit
TALL = 0.6  # a piece that could be a digit
WIDEST = 1.7  # a digit


@dataclass(frozen=True)
class Part:
    """A smallest unit of writing: a digit consists of one or several.

    Attributes:
        piece: Its ink.
        cut_off: Whether it was cut off the part before it.
        tall: Whether the piece that it was cut from is about as high as the line.
    """

    piece: Piece
    cut_off: bool
    tall: bool


@dataclass(frozen=True)
class Candidate:
    """Parts of a line that may be one digit.

    Attributes:
        line: Index of the line.
        first: Index of its first part in the line.
        last: Index behind its last part.
        whole: Whether neither of its ends is a cut through ink.
        tall: How many pieces that stand apart, and are about as high as the line, it joins.
        height: Of the line's digits, in pixels.
        piece: The parts as one.
    """

    line: int
    first: int
    last: int
    whole: bool
    tall: int
    height: float
    piece: Piece


def uncut(line: Line) -> list[Part]:
    """The pieces of a line as they are."""
    return [Part(piece, False, piece.height >= TALL * line.height) for piece in line.pieces]


def cut_up(line: Line) -> list[Part]:
    """The pieces of a line, cut wherever digits may touch."""
    return [
        Part(piece, index > 0, part.tall)
        for part in uncut(line)
        for index, piece in enumerate(cut(part.piece, line.height))
    ]


def find_candidates(index: int, parts: Sequence[Part], height: float) -> Iterator[Candidate]:
    """All runs of parts that are near enough to each other and not too wide together.

    Args:
        index: Of the line.
        parts: Of the line.
        height: Of its digits, in pixels.
    """
    for first, part in enumerate(parts):
        piece, tall = part.piece, int(part.tall)
        for last in range(first + 1, min(first + MOST_PARTS, len(parts)) + 1):
            whole = not (part.cut_off or (last < len(parts) and parts[last].cut_off))
            yield Candidate(index, first, last, whole, tall, height, piece)
            if last == len(parts) or parts[last].piece.x - piece.right > GAP * height:
                break
            piece = merge((piece, parts[last].piece))
            tall += parts[last].tall and not parts[last].cut_off
            if piece.width > WIDEST * height:
                break
