"""From an image to everything in it that could be a digit."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from mnist_cnn.photos.clutter import find_clutter
from mnist_cnn.photos.cuts import cut
from mnist_cnn.photos.glyphs import to_mnist
from mnist_cnn.photos.ink import (
    Bytes,
    Floats,
    Ink,
    Polarity,
    estimate_background,
    find_ink,
    paper_around,
    split_levels,
)
from mnist_cnn.photos.lines import Line, find_lines
from mnist_cnn.photos.pieces import Piece, find_pieces, merge
from mnist_cnn.photos.rules import remove_rules

# Images are brought to a longer side within these, in pixels.
SMALLEST, LARGEST = 400, 1600
MOST_ENLARGED = 8.0
POLARITIES: tuple[Polarity, ...] = ("dark", "light")
WINDOW = 0.4  # of `estimate_background`
# Share of the strongest ink's contrast below which another is noise, or the halo of JPEG.
FAINT = 0.3
ALIKE = 0.85  # common share of two masks that makes a second look needless
MOST_PARTS = 8  # that one digit can consist of
GAP = 0.35  # between parts of one digit, in heights of the line
TALL = 0.6  # a piece that could be a digit, in heights of the line
WIDEST = 1.7  # a digit, in heights of the line


@dataclass(frozen=True)
class Candidate:
    """Parts of a line that may be one digit.

    Attributes:
        line: Index of the line.
        first: Index of its first part in the line.
        last: Index behind its last part.
        whole: Whether neither of its ends is a cut through ink.
        tall: How many pieces that stand apart, and are about as high as the line, it joins.
        piece: The parts as one.
        image: (28, 28), uint8, as MNIST has them.
    """

    line: int
    first: int
    last: int
    whole: bool
    tall: int
    piece: Piece
    image: Bytes


@dataclass(frozen=True)
class Page:
    """What was found in an image, under one assumption about its ink.

    Attributes:
        scale: Pixels at working size per pixel of the image.
        grey: (H, W), uint8, at working size.
        ink: Where there is ink.
        stroke_width: Of the writing, in pixels at working size.
        lines: The lines with their parts: smallest units, digits consist of one or several.
        candidates: All that may be a digit.
    """

    scale: float
    grey: Bytes
    ink: Ink
    stroke_width: float
    lines: list[Line]
    candidates: list[Candidate]


def working_grey(image: Bytes) -> tuple[Bytes, float]:
    """The image in grey at working size, and the scale that was applied.

    Args:
        image: (H, W, 3), uint8, BGR.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    scale = min(max(SMALLEST / longer, 1.0), MOST_ENLARGED, LARGEST / longer)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 1:  # fewer pixels first
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), scale
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC), np.uint8), scale


def read_pages(grey: Bytes, scale: float, *, single: bool = False) -> Iterator[Page]:
    """What could be digits, under one assumption about ink and paper after the other.

    The most likely ones come first, and each is worked out when it is asked for: whoever is
    content with a page needs no further ones.

    Args:
        grey: (H, W), uint8, of `working_grey`.
        scale: Of `working_grey`.
        single: All ink is known to be one digit.
    """
    seen: list[Ink] = []
    for ink in _find_inks(grey):
        faint = FAINT * max((other.strength for other in seen), default=0.0)
        if ink.strength > faint and not any(_alike(ink, other) for other in seen):
            seen.append(ink)
            yield from _pages(grey, ink, scale, single=single)


def _find_inks(grey: Bytes) -> Iterator[Ink]:
    """Ink of either polarity on either background, with and without what enters from the frame."""
    background = estimate_background(grey, WINDOW)
    inks = [find_ink(grey, background, polarity) for polarity in POLARITIES]
    inks.sort(key=lambda ink: float(ink.contrast[ink.mask > 0].sum()), reverse=True)
    for ink in inks:
        yield from _with_and_without_clutter(grey, ink)
    for ink in inks:
        thick = paper_around(grey, split_levels(grey, ink.polarity))
        yield from _with_and_without_clutter(grey, find_ink(grey, thick, ink.polarity))


def _with_and_without_clutter(grey: Bytes, ink: Ink) -> Iterator[Ink]:
    clutter = find_clutter(ink.mask)
    if clutter.any():
        paper = paper_around(grey, ink.mask | clutter)
        yield find_ink(grey, paper, ink.polarity, clutter)
    yield ink


def _alike(ink: Ink, other: Ink) -> bool:
    if ink.polarity != other.polarity:
        return False
    common = cv2.countNonZero(ink.mask & other.mask)
    return common >= ALIKE * cv2.countNonZero(ink.mask | other.mask)


def _pages(grey: Bytes, ink: Ink, scale: float, *, single: bool) -> Iterator[Page]:
    pieces = find_pieces(remove_rules(ink))
    if not pieces:
        return
    # The middle stroke by ink: neither dirt nor a blot decides.
    order = sorted(pieces, key=lambda piece: piece.stroke_width)
    areas = np.cumsum([piece.area for piece in order])
    stroke = order[int(np.searchsorted(areas, areas[-1] / 2))].stroke_width
    share = ink.share
    lines = [] if single else [_cut(line) for line in find_lines(pieces)]
    arrangements = [lines] if lines else []
    if single or sum(len(line.pieces) for line in lines) > 1:
        # However broken or wide it is, it may be one digit.
        whole = merge(pieces)
        arrangements.append([Line([whole], whole.height, [False], [True])])
    for lines in arrangements:
        candidates = [
            candidate
            for index, line in enumerate(lines)
            for candidate in _candidates(index, line, share)
        ]
        if candidates:
            yield Page(scale, grey, ink, stroke, lines, candidates)


def _cut(line: Line) -> Line:
    parts: list[Piece] = []
    cuts: list[bool] = []
    tall: list[bool] = []
    for piece in line.pieces:
        found = cut(piece, line.height)
        parts += found
        cuts += [False, *[True] * (len(found) - 1)]
        tall += [piece.height >= TALL * line.height] * len(found)
    return Line(parts, line.height, cuts, tall)


def _candidates(index: int, line: Line, share: Floats) -> Iterator[Candidate]:
    ends = [*line.cuts, False]
    for first, last, piece in _runs(line):
        apart = [at for at in range(first, last) if at == first or not line.cuts[at]]
        tall = sum(line.tall[at] for at in apart)
        whole = not (ends[first] or ends[last])
        yield Candidate(index, first, last, whole, tall, piece, to_mnist(piece, share))


def _runs(line: Line) -> list[tuple[int, int, Piece]]:
    runs = []
    for first, part in enumerate(line.pieces):
        runs.append((first, first + 1, part))
        parts = [part]
        for last in range(first + 1, min(first + MOST_PARTS, len(line.pieces))):
            following = line.pieces[last]
            right = max(p.right for p in parts)
            if following.x - right > GAP * line.height:
                break
            parts.append(following)
            whole = merge(parts)
            if whole.width > WIDEST * line.height:
                break
            runs.append((first, last + 1, whole))
    return runs
