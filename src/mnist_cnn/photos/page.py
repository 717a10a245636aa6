"""From an image to everything in it that could be a digit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from mnist_cnn.photos.candidates import Candidate, cut_up, find_candidates, put_together
from mnist_cnn.photos.cuts import ACROSS, Cutting
from mnist_cnn.photos.drawn_lines import find_drawn_lines, find_underlines
from mnist_cnn.photos.enclosures import find_enclosures, find_open_rings
from mnist_cnn.photos.glyphs import BEYOND, SIDE, surroundings, to_mnist
from mnist_cnn.photos.ink import (
    Bytes,
    Ink,
    components_with,
    fills_picture,
    ink_beside,
    with_fainter,
)
from mnist_cnn.photos.inks import find_inks
from mnist_cnn.photos.lines import Line, as_one, find_lines, join_lines, split_words
from mnist_cnn.photos.pieces import Piece, find_pieces, has_edges, weighted_median
from mnist_cnn.photos.rules import remove_rules

# Images are brought to a longer side within these, in pixels.
SMALLEST, LARGEST = 400, 1600
MOST_ENLARGED = 8.0
# Share of the strongest ink's contrast below which another is noise, or the halo of JPEG.
FAINT = 0.3
NARROW = 2.0  # longer by shorter side, at least: no camera's format, somebody has cropped it
ALIKE = 0.85  # common share of two masks that makes a second look needless

Box = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Page:
    """What was found in an image, under one assumption about its ink.

    Attributes:
        scale: Pixels at working size per pixel of the image that was given.
        grey: (H, W), uint8, at working size.
        ink: Where there is ink.
        writing: (H, W), uint8: the ink's mask, with or without printed lines.
        stroke_width: Of the writing, in pixels at working size.
        lines: The pieces of each line: smallest units, digits consist of one or several.
    """

    scale: float
    grey: Bytes
    ink: Ink
    writing: Bytes
    stroke_width: float
    lines: list[Line]

    @cached_property
    def pieces(self) -> list[Piece]:
        """Of all lines."""
        return [piece for line in self.lines for piece in line.pieces]

    @property
    def boxes(self) -> set[Box]:
        """Of its pieces: x, y, width, height in pixels at working size."""
        return {(piece.x, piece.y, piece.width, piece.height) for piece in self.pieces}

    @cached_property
    def words(self) -> list[list[range]]:
        """The indices of the pieces of each word or number, line by line."""
        return [split_words(line) for line in self.lines]

    @cached_property
    def candidates(self) -> list[Candidate]:
        """All that may be a digit, line by line."""
        return [
            candidate
            for index, line in enumerate(self.lines)
            for candidate in find_candidates(index, line)
        ]

    def views(self, candidates: Sequence[Candidate]) -> Bytes:
        """What a network sees of candidates.

        Args:
            candidates: N of the page's.

        Returns:
            (N, 2, 28, 28), uint8: each as MNIST has digits, and its surroundings.
        """
        views = np.empty((len(candidates), 2, SIDE, SIDE), np.uint8)
        for view, candidate in zip(views, candidates, strict=True):
            view[0] = to_mnist(candidate.piece, self.ink.share)
            view[1] = surroundings(candidate.piece, self._written, candidate.height, self._beyond)
        return views

    def divided_otherwise(self, sure: Iterable[Candidate] = ()) -> Iterator["Page"]:
        """The same ink in fewer lines, cut across its strokes, then all as one digit.

        Args:
            sure: Candidates that are not cut.
        """
        lines = join_lines(self.lines)
        if len(lines) < len(self.lines):
            yield replace(self, lines=lines)
        finely_cut = self.cut_up(ACROSS, sure)
        if finely_cut:
            yield finely_cut
        if len(self.pieces) > 1:
            # However broken or wide it is, it may be one digit.
            yield replace(self, lines=[as_one(self.pieces)])

    def cut_up(self, cutting: Cutting, sure: Iterable[Candidate] = ()) -> "Page | None":
        """The same ink, cut where digits may touch.

        Args:
            cutting: ACROSS or ALONG.
            sure: Candidates that are not cut.

        Returns:
            None where nothing was cut, or where too many pieces were added.
        """
        kept = [set[int]() for _ in self.lines]
        for candidate in sure:
            kept[candidate.line].update(range(candidate.first, candidate.end))
        return self._with_lines_cut(cutting, self.lines, kept)

    def cut_again(self, cutting: Cutting, sure: Iterable[Candidate]) -> "Page | None":
        """The same ink, with all but sure digits put together and cut anew.

        Args:
            cutting: ACROSS or ALONG.
            sure: Candidates that are not cut.

        Returns:
            As `cut_up`.
        """
        runs = [list[tuple[int, int]]() for _ in self.lines]
        for candidate in sure:
            runs[candidate.line].append((candidate.first, candidate.end))
        lines, kept = zip(*map(put_together, self.lines, runs), strict=True)
        return self._with_lines_cut(cutting, lines, kept)

    def _with_lines_cut(
        self, cutting: Cutting, lines: Sequence[Line], kept: Sequence[set[int]]
    ) -> "Page | None":
        cut_lines, added = [], 0
        for line, own in zip(lines, kept, strict=True):
            cut_lines.append(cut_up(line, cutting, own))
            added += len(cut_lines[-1].pieces) - len(line.pieces)
            if added > cutting.most_added:
                return None
        return replace(self, lines=cut_lines) if added else None

    @cached_property
    def _beyond(self) -> int:
        """0 where paper went on, beyond a narrow crop: its 1 would look like a bar at the frame."""
        narrow = max(self.grey.shape) >= NARROW * min(self.grey.shape)
        return 0 if narrow and fills_picture(self.writing) else BEYOND

    @cached_property
    def _written(self) -> Bytes:
        return self.ink.share & self.writing


def working_grey(image: Bytes) -> tuple[Bytes, float]:
    """The image in grey at working size, and the scale that was applied.

    Args:
        image: (H, W, 3), uint8, BGR.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    scale = min(max(SMALLEST / longer, 1.0), MOST_ENLARGED, LARGEST / longer)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # first: then there is a third to resize
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=method), np.uint8), scale


def read_pages(grey: Bytes, scale: float, *, single: bool = False) -> Iterator[Page]:
    """What could be digits, under one assumption about ink and paper after the other.

    The most likely ones come first, and most of the work is done when a page is asked for: whoever
    is content with one needs no further ones.

    Args:
        grey: (H, W), uint8, of `working_grey`.
        scale: Of `working_grey`.
        single: All ink is known to be one digit.
    """
    seen: list[Ink] = []
    for ink in find_inks(grey):
        faint = FAINT * max((other.strength for other in seen), default=0.0)
        if ink.strength > faint and not any(_alike(ink, other) for other in seen):
            seen.append(ink)
            yield from _pages(grey, ink, scale, single=single)


def pages_with_fainter(page: Page) -> Iterator[Page]:
    """The same page with what is written in a fainter ink, too; none where nothing is."""
    both = with_fainter(page.ink)
    if both:
        yield from _pages(page.grey, both, page.scale, single=False)


def _alike(ink: Ink, other: Ink) -> bool:
    if ink.polarity != other.polarity:
        return False
    common = cv2.countNonZero(ink.mask & other.mask)
    return common >= ALIKE * cv2.countNonZero(ink.mask | other.mask)


def _pages(grey: Bytes, ink: Ink, scale: float, *, single: bool) -> Iterator[Page]:
    without_rules = remove_rules(ink)
    unruled = without_rules & ~find_underlines(without_rules)
    writings = [unruled]
    if (unruled != ink.mask).any():
        writings.append(ink.mask)  # what looked like rules may be bars of digits
    for writing in writings:
        yield from _page(grey, *_open_enclosures(ink, writing), scale, single=single)
    if (without_rules == ink.mask).all():
        rest = remove_rules(replace(ink, mask=unruled), faint=True)
        if (rest != unruled).any():
            yield from _page(grey, *_open_enclosures(ink, rest), scale, single=single)
    known = np.zeros_like(unruled)
    for boxes in (False, True):  # a single digit may touch the box around it
        lines = find_drawn_lines(replace(ink, mask=unruled), boxes=boxes)
        if (lines & ~known).any():
            yield from _page(grey, *_open_enclosures(ink, unruled & ~lines), scale, single=single)
        known = lines


def _open_enclosures(ink: Ink, writing: Bytes) -> tuple[Ink, Bytes]:
    """The ink and the writing without what goes around other strokes."""
    enclosures = find_enclosures(writing) | find_open_rings(writing)
    if not enclosures.any():
        return ink, writing
    around = replace(ink, mask=enclosures & writing)
    lines = find_drawn_lines(around, boxes=True)
    if lines.any():  # digits may touch a box
        enclosures &= ~components_with(around.mask, lines > 0) | lines
    left = ink_beside(ink, enclosures | (ink.mask & ~writing))
    return left, left.mask


def _page(grey: Bytes, ink: Ink, writing: Bytes, scale: float, *, single: bool) -> Iterator[Page]:
    pieces = find_pieces(writing)
    # What is darker by and by is light, no ink; soft pieces beside others count, as unread ink.
    sharp = sum(piece.area for piece in pieces if has_edges(piece, ink.share))
    if sharp > sum(piece.area for piece in pieces) / 2:
        lines = [as_one(pieces)] if single else find_lines(pieces)
        yield Page(scale, grey, ink, writing, _stroke_width(pieces), lines)


def _stroke_width(pieces: Sequence[Piece]) -> float:
    """The middle one by ink: neither dirt nor a blot decides."""
    widths = np.array([piece.stroke_width for piece in pieces])
    return weighted_median(widths, np.array([piece.area for piece in pieces]))
