"""Reads digits from images: `photos` finds what may be digits, a classifier decides."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import NamedTuple

import numpy as np

from mnist_cnn.photos.candidates import Candidate
from mnist_cnn.photos.cuts import ALONG
from mnist_cnn.photos.ink import Bytes, Floats
from mnist_cnn.photos.page import Box, Page, pages_with_fainter, read_pages, working_grey
from mnist_cnn.photos.pieces import Piece
from mnist_cnn.prediction.classifiers import DIGITS, Classifier

UNKNOWN = "?"

# In nats by length of stroke. What is explained as digits counts for a reading: otherwise the one
# that leaves most out would be the surest. What is left out counts against it.
KNOWN = 0.7
DOUBT = 0.5
# The same where strokes are cut along: a leg of an M looks like a 1, but then the rest is no digit.
CUT_DOUBT = 2.0
IMPOSSIBLE = 1e-6
# Share of the highest possible score that makes a second look at an image needless.
CERTAIN = 0.95
# The same for a second ink, to be read beside a first one that is certain, or a thing.
NEARLY = 0.85
# Share of another look's score that a certain one must have where the other reads more digits: with
# less it has taken for a line or a thing what the other has read.
RIVAL = 0.75
# A box or a pen, darker than what is written beside it, has so many pieces at most: no digits.
FEW = 3
# Probability from which on candidates are shown where nothing is likelier: a bar that stands alone
# looks like a 1, and like what else enters photos.
LEAST = 0.05
SURE = 0.95  # probability from which a digit is not cut to see whether it is several
# In nats: how much likelier what looks like a digit is none where all else on its page is none.
STRANGE = 4.0
# Added to that where all else in its word is none: an S amid letters looks like a 5.
STRANGE_WORD = 5.0
# Probability that it is a digit at all, from which on it is shown beside others.
SHOWN = 0.3


@dataclass(frozen=True)
class ReadDigit:
    """A digit that was read.

    Attributes:
        probabilities: (10,), of the digits; what is missing to 1 says that it is none.
        box: x, y, width, height in pixels of the image as displayed.
        line: Its line, from 0.
        image: (28, 28), uint8: the digit as the classifier saw it.
    """

    probabilities: Floats
    box: Box
    line: int
    image: Bytes

    @property
    def digit(self) -> int:
        """The most probable digit."""
        return int(self.probabilities.argmax())

    @property
    def probability(self) -> float:
        """Of the most probable digit."""
        return float(self.probabilities.max())

    def shown(self, min_probability: float) -> int | str:
        """The digit, or `?` if it is less probable than that."""
        return self.digit if self.probability >= min_probability else UNKNOWN


@dataclass(frozen=True)
class Reading:
    """What was read in an image.

    Attributes:
        digits: In reading order.
        page: The steps on the way, for pictures; None where nothing like ink was found, or looked
            for.
    """

    digits: list[ReadDigit]
    page: Page | None

    def lines(self, min_probability: float = 0.0) -> list[str]:
        """The digits of each line; those below a probability as `?`."""
        count = 1 + max((digit.line for digit in self.digits), default=-1)
        return [
            "".join(
                str(digit.shown(min_probability)) for digit in self.digits if digit.line == line
            )
            for line in range(count)
        ]


def read_digits(
    image: Bytes,
    classify: Classifier,
    *,
    single: bool = False,
    size: tuple[int, int] | None = None,
) -> Reading:
    """Reads all digits of an image.

    Args:
        image: (H, W, 3), uint8, BGR, as displayed.
        classify: `bundled_classifier()`, `checkpoint_classifier(path)` or any function like them.
        single: The image is known to show one digit.
        size: Height and width in whose pixels boxes are given; None stands for the image's own.
    """
    looks = _looks(read_pages(*working_grey(image), single=single), classify, single=single)
    if not looks:
        return Reading([], None)
    best, size = _best(looks), size or image.shape[:2]
    if single:
        return best.reading(size, single=True)
    best = max([best, *_further_looks(best, looks, classify)], key=lambda look: look.score)
    if not best.digits:
        likeliest = max(looks, key=lambda look: look.likeliest.probability)
        best = replace(likeliest, digits=[likeliest.likeliest])
    return best.reading(size)


class _Judged(NamedTuple):
    """A candidate, the probabilities (10,) of the digits, and the image (28, 28) they are of."""

    candidate: Candidate
    probabilities: Floats
    image: Bytes

    @property
    def probability(self) -> float:
        return float(self.probabilities.max())

    @property
    def log_probability(self) -> float:
        return math.log(max(self.probability, IMPOSSIBLE))

    @property
    def clearness(self) -> float:
        """From 0, where it may as well be none, to 1, where it is certain."""
        return max(0.0, 1 + self.log_probability / KNOWN)


@dataclass(frozen=True)
class _Look:
    """A page, all its candidates, those that were read, and how well these explain its ink."""

    page: Page
    judged: list[_Judged]
    digits: list[_Judged]
    score: float

    @property
    def likeliest(self) -> _Judged:
        return max(self.judged, key=lambda one: one.probability)

    @property
    def explained(self) -> float:
        """The score as a share of the highest: all strokes belong to digits of probability 1."""
        return self.score * self.page.stroke_width / (KNOWN * self._area)

    @property
    def is_certain(self) -> bool:
        return self.explained >= CERTAIN

    @property
    def _area(self) -> int:
        return sum(piece.area for piece in self.page.pieces)

    def _likely(self) -> list[_Judged]:
        """What is likely to be a digit amid all else; where nothing is, the least unlikely."""
        digits = [self._doubted(digit) for digit in self.digits]
        likely = [digit for digit in digits if digit.probabilities.sum() >= SHOWN]
        return likely or [digit for digit in digits if digit.probability >= LEAST]

    def _doubted(self, digit: _Judged) -> _Judged:
        doubt = STRANGE * self._strangeness(digit) + STRANGE_WORD * self._unread_in_word(digit)
        return digit._replace(probabilities=_amid(digit.probabilities, doubt))

    def _strangeness(self, digit: _Judged) -> float:
        """How much of the page, from 0 to 1, is not explained, but for a digit's own ink."""
        own = digit.candidate.piece.area / self._area * digit.log_probability / KNOWN
        return min(max(1 - self.explained + own, 0.0), 1.0)

    def _unread_in_word(self, digit: _Judged) -> float:
        """How much of a digit's word, from 0 to 1, others hold that are not read as digits."""
        line, first = digit.candidate.line, digit.candidate.first
        word = next(word for word in self.page.words[line] if first in word)
        read = digit.candidate.piece.area + sum(
            other.candidate.piece.area * other.clearness
            for other in self.digits
            if other is not digit and other.candidate.line == line and other.candidate.first in word
        )
        return 1 - read / sum(self.page.lines[line].pieces[index].area for index in word)

    @property
    def sure_digits(self) -> list[Candidate]:
        return [digit.candidate for digit in self.digits if digit.probability >= SURE]

    def reading(self, size: tuple[int, int], *, single: bool = False) -> Reading:
        """The result, with boxes in pixels of an image of a height and width.

        Args:
            size: Height and width.
            single: What is known to be a digit is neither doubted nor left out.
        """
        shown = self.digits if single else self._likely()
        lines = sorted({one.candidate.line for one in shown})  # with a digit
        return Reading(
            [
                ReadDigit(
                    one.probabilities,
                    _box(one.candidate, self.page, size),
                    lines.index(one.candidate.line),
                    one.image,
                )
                for one in shown
            ],
            self.page,
        )


def _looks(pages: Iterable[Page], classify: Classifier, *, single: bool) -> list[_Look]:
    """At one page after the other, up to a look that is certain and the best."""
    looks: list[_Look] = []
    for page in pages:
        for look in _looks_at(page, classify, single=single):
            looks.append(look)
            if look.is_certain and _best(looks) is look:
                return looks
    return looks


def _looks_at(page: Page, classify: Classifier, *, single: bool) -> Iterator[_Look]:
    """At a page as it is, then otherwise divided."""
    look = _look_at(page, classify, doubt=np.inf if single else DOUBT)
    yield look
    if not single:
        for other in page.divided_otherwise(look.sure_digits):
            yield _look_at(other, classify, DOUBT, look.judged)


def _best(looks: Sequence[_Look]) -> _Look:
    """The last look, if it is certain and leaves out nothing that another has read; or the most."""
    last, most = looks[-1], _most(looks)
    left_out = last.score < RIVAL * most.score and len(last.digits) < len(most.digits)
    return last if last.is_certain and not left_out and not _richer(last, looks) else most


def _most(looks: Sequence[_Look]) -> _Look:
    """The look with the highest score, or a richer one."""
    most = max(looks, key=lambda look: look.score)
    # A thin ring outweighs the digits in it: scores go by the length of strokes.
    return max(_richer(most, looks), key=lambda look: look.score, default=most)


def _richer(than: _Look, looks: Sequence[_Look]) -> list[_Look]:
    """Looks that read more digits, nearly all of their ink, and a sure one where here is no ink."""
    return [
        look
        for look in looks
        if look.explained >= NEARLY
        and len(look.digits) > len(than.digits)
        and any(_lacks(than.page.writing, sure.piece) for sure in look.sure_digits)
    ]


def _lacks(writing: Bytes, piece: Piece) -> bool:
    """Whether less than half of a piece is written there."""
    there = writing[piece.y : piece.bottom, piece.x : piece.right] & piece.mask
    return bool(np.count_nonzero(there) < piece.area / 2)


def _further_looks(best: _Look, looks: Sequence[_Look], classify: Classifier) -> Iterator[_Look]:
    """At fainter ink beside what is certain or a thing; at finer cuts of what isn't certain."""
    first = best if best.is_certain else looks[0]
    is_thing = not best.digits and len(first.page.pieces) <= FEW
    if best.is_certain or is_thing:
        known = _undivided(first, looks).page.boxes
        # Mostly it is noise, and the pieces are the same: then the other pages only cost time.
        further = takewhile(lambda page: page.boxes - known, pages_with_fainter(first.page))
        # Without further digits it is no ink: it would make those that were read larger.
        for look in _looks(further, classify, single=False):
            if look.explained >= NEARLY and len(look.digits) > len(best.digits):
                yield look
    if best.is_certain:
        return
    # So many cuts take long: only the ink that was read best gets them, where it wasn't read.
    whole = _undivided(best, looks)
    finely_cut = whole.page.cut_up(ALONG, whole.sure_digits)
    if not finely_cut and best is not whole:  # too many: only where the best look hasn't read it
        finely_cut = best.page.cut_again(ALONG, best.sure_digits)
    if finely_cut:
        yield _look_at(finely_cut, classify, CUT_DOUBT, whole.judged + best.judged)


def _undivided(divided: _Look, looks: Sequence[_Look]) -> _Look:
    """The first look at the same ink."""
    return next(look for look in looks if look.page.writing is divided.page.writing)


def _look_at(
    page: Page, classify: Classifier, doubt: float, before: Sequence[_Judged] = ()
) -> _Look:
    # A piece that an earlier look at the same ink had in one looks no different now.
    known = {_place(one.candidate): one for one in before}
    new = [candidate for candidate in page.candidates if _place(candidate) not in known]
    if new:
        views = page.views(new)
        rows = classify(views)[:, :DIGITS]
        known |= {_place(one.candidate): one for one in map(_Judged, new, rows, views[:, 0])}
    judged = [  # in the order of the lines
        known[_place(candidate)]._replace(candidate=candidate) for candidate in page.candidates
    ]
    score, digits = 0.0, []
    for index, own in groupby(judged, key=lambda one: one.candidate.line):
        line_score, found = _read_line(own, len(page.lines[index].pieces), doubt)
        score += line_score / page.stroke_width
        digits += found
    return _Look(page, judged, digits, score)


def _place(candidate: Candidate) -> tuple[int, float]:
    return id(candidate.piece), candidate.height


Division = tuple[float, list[_Judged]]  # of the first pieces of a line: its score, its digits


def _read_line(judged: Iterable[_Judged], pieces: int, doubt: float) -> Division:
    """Divides the pieces of a line into digits and rest, as the classifier believes most.

    Every piece belongs to one candidate. Each counts by its ink, so that a division into many
    pieces and one into few can be compared. Dynamic programming over the pieces.
    """
    best: list[Division] = [(0.0, []), *[(-np.inf, [])] * pieces]
    for one in sorted(judged, key=lambda one: one.candidate.end):
        candidate = one.candidate
        digit = one.log_probability + KNOWN
        rest = np.log(max(1 - one.probabilities.sum(), IMPOSSIBLE)) - doubt
        score, chosen = best[candidate.first]
        score += candidate.piece.area * float(max(digit, rest))
        if score > best[candidate.end][0]:
            best[candidate.end] = score, [*chosen, one] if digit >= rest else chosen
    return best[-1]


def _amid(probabilities: Floats, doubt: float) -> Floats:
    """The digits' probabilities, (10,), where none is so many nats likelier than elsewhere."""
    digit = probabilities.sum()
    none = max(1 - digit, 0) * np.exp(doubt)
    return np.asarray(probabilities / (digit + none), np.float32)


def _box(candidate: Candidate, page: Page, size: tuple[int, int]) -> Box:
    # Each side was rounded on its own when the image was brought to working size.
    zoom = np.array(size[::-1]) / page.grey.shape[::-1]
    piece = candidate.piece
    left, top = np.floor((piece.x, piece.y) * zoom).astype(int).tolist()
    end = np.ceil((piece.right, piece.bottom) * zoom).astype(int)
    right, bottom = np.minimum(end, size[::-1]).tolist()
    return left, top, right - left, bottom - top
