"""Which pieces stand in which line of writing?"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.pieces import Piece, merge, writing_height

# All in heights of the writing.
MAIN = 0.5  # a piece at least this high carries a line
ABOVE = 0.5  # gap between strokes above each other, in heights of the larger one at most
BESIDE = 0.5  # a low piece within this distance belongs to its neighbour
NEAR = 2.5  # gap across which a rising or falling line still goes on
TALLEST = 1.5  # what was written in one digit is not higher than this
# Gap between words, at least: 93 % of the simulator's are as wide, of those between letters 12 %.
# It is wider than any within a candidate, so that each is in one word.
SPACE = 0.45
# Shares of the smaller piece.
SAME_LINE = 0.35  # vertical overlap of neighbours in a line
SAME_LINE_FAR = 0.6  # the same, where the gap is wide
SAME_ROWS = 0.5  # vertical overlap of lines that may be one
ABOVE_EACH_OTHER = 0.5  # horizontal overlap of strokes of one digit


@dataclass(frozen=True)
class Line:
    """Pieces of one line of writing.

    Attributes:
        pieces: From left to right.
        height: Of its digits, in pixels.
    """

    pieces: list[Piece]
    height: float


def find_lines(pieces: Sequence[Piece]) -> list[Line]:
    """Sorts pieces into lines, top to bottom, and joins strokes that stand above each other.

    Args:
        pieces: Of the whole image.
    """
    if not pieces:
        return []
    height = writing_height([p.height for p in pieces], [p.area for p in pieces])
    joined = _join_strokes(list(pieces), height)
    main = [piece for piece in joined if piece.height >= MAIN * height]
    groups = _chain(main, height)
    low = [piece for piece in joined if piece.height < MAIN * height]
    # Smaller writing has lines of its own.
    others = [piece for piece in low if not _attach(piece, groups, height)]
    lines = [_line(group) for group in groups] + find_lines(others)
    return sorted(lines, key=lambda line: np.mean([p.y + p.height / 2 for p in line.pieces]))


def join_lines(lines: Sequence[Line]) -> list[Line]:
    """Lines at the same height as one: some consist of lost strokes of the digits beside them.

    Args:
        lines: As `find_lines` returns them.

    Returns:
        As many lines, or fewer, top to bottom.
    """
    joined: list[Line] = []
    for line in lines:
        if joined and _share_rows(joined[-1], line):
            joined[-1] = _line(joined[-1].pieces + line.pieces)
        else:
            joined.append(line)
    return joined


def _share_rows(a: Line, b: Line) -> bool:
    (top, bottom), (other_top, other_bottom) = (
        (min(p.y for p in line.pieces), max(p.bottom for p in line.pieces)) for line in (a, b)
    )
    shared = -_gap(top, bottom, other_top, other_bottom)
    return shared >= SAME_ROWS * min(bottom - top, other_bottom - other_top)


def split_words(line: Line) -> list[range]:
    """The indices of the pieces of each word or number, from left to right.

    Args:
        line: Its pieces, from left to right.
    """
    starts, right = [0], line.pieces[0].right
    for index, piece in enumerate(line.pieces):
        if piece.x - right > SPACE * line.height:
            starts.append(index)
        right = max(right, piece.right)
    return [range(start, end) for start, end in pairwise([*starts, len(line.pieces)])]


def as_one(pieces: Sequence[Piece]) -> Line:
    """A line of one piece that is all of them."""
    whole = merge(pieces)
    return Line([whole], whole.height)


def _line(group: list[Piece]) -> Line:
    height = writing_height([p.height for p in group], [p.area for p in group])
    ordered = sorted(group, key=lambda piece: piece.x + piece.width / 2)
    return Line(ordered, height)


def _join_strokes(pieces: list[Piece], height: float) -> list[Piece]:
    # Smallest first: a fragment finds its digit before digits are compared with each other.
    pieces = sorted(pieces, key=lambda piece: piece.height)
    index = 0
    while index < len(pieces) - 1:
        boxes = np.array([(p.x, p.right, p.y, p.bottom) for p in pieces[index:]])
        gaps = _gaps_above(boxes[0], boxes[1:], height)
        if not np.isfinite(gaps).any():
            index += 1
            continue
        partner = pieces.pop(index + 1 + int(gaps.argmin()))
        insort(pieces, merge([pieces.pop(index), partner]), key=lambda piece: piece.height)
    return pieces


def _gaps_above(
    box: npt.NDArray[np.int64], others: npt.NDArray[np.int64], height: float
) -> npt.NDArray[np.float64]:
    """Vertical distance to each of the others that may be a stroke of the same digit, or inf."""
    x, right, y, bottom = others.T
    overlap = np.minimum(right, box[1]) - np.maximum(x, box[0])
    narrower = np.minimum(right - x, box[1] - box[0])
    tall = np.maximum(bottom, box[3]) - np.minimum(y, box[2])
    taller = np.maximum(bottom - y, box[3] - box[2])
    gap = np.maximum(y, box[2]) - np.minimum(bottom, box[3])
    above = (overlap >= ABOVE_EACH_OTHER * narrower) & (
        tall <= TALLEST * np.maximum(taller, height)
    )
    near = gap <= ABOVE * np.minimum(taller, height)
    return np.where(above & near, gap.astype(float), np.inf)


def _gap(start: int, end: int, other_start: int, other_end: int) -> int:
    """Distance of two intervals; negative where they overlap."""
    return max(start, other_start) - min(end, other_end)


def _chain(main: list[Piece], height: float) -> list[list[Piece]]:
    groups: list[list[Piece]] = []
    for piece in sorted(main, key=lambda piece: piece.x):
        fitting = [group for group in groups if _continues(group, piece, height)]
        if fitting:
            # The last piece of a line tells best where it goes on.
            max(fitting, key=lambda group: _overlap(group[-1], piece)).append(piece)
        else:
            groups.append([piece])
    return groups


def _overlap(a: Piece, b: Piece) -> float:
    """Rows in common, as a share of the smaller height; negative where they are apart."""
    return -_gap(a.y, a.bottom, b.y, b.bottom) / min(a.height, b.height)


def _continues(group: list[Piece], piece: Piece, height: float) -> bool:
    """Whether a line goes on: by its last piece or the one before, for that may be high or low."""
    far = _gap(group[-1].x, group[-1].right, piece.x, piece.right) > NEAR * height
    least = SAME_LINE_FAR if far else SAME_LINE
    before = group[-2:][0]
    # A tall piece, as of a rule, may have rows in common with several lines.
    alike = before.height < piece.height / least and _overlap(before, piece) >= least
    return alike or _overlap(group[-1], piece) >= least


def _attach(piece: Piece, groups: list[list[Piece]], height: float) -> bool:
    """Puts a low piece into the line of its nearest neighbour; False if it is far from all."""

    def distance(other: Piece) -> float:
        across = max(0, _gap(piece.x, piece.right, other.x, other.right))
        down = max(0, _gap(piece.y, piece.bottom, other.y, other.bottom))
        return float(np.hypot(across, down))

    nearest = [(min(distance(other) for other in group), group) for group in groups]
    closest, group = min(nearest, key=lambda pair: pair[0])
    near = closest <= BESIDE * height
    if near:
        group.append(piece)
    return near
