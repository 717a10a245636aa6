"""Reads digits from images: `photos` finds what may be digits, a classifier decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from mnist_cnn.photos.candidates import Candidate
from mnist_cnn.photos.ink import Bytes, Floats
from mnist_cnn.photos.page import Page, read_pages, working_grey
from mnist_cnn.prediction.classifiers import DIGITS, Classifier

Box = tuple[int, int, int, int]
UNKNOWN = "?"

# In nats by length of stroke. What is explained as digits counts for a reading: otherwise the one
# that leaves most out would be the surest. What is left out counts against it.
KNOWN = 0.7
DOUBT = 0.5
IMPOSSIBLE = 1e-6
# Share of the highest possible score that makes a second look at an image needless.
CERTAIN = 0.95


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
        page: The steps on the way, for pictures; None where nothing like ink was found.
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
    best: Chosen = (-np.inf, [])
    best_page: Page | None = None
    for page in read_pages(*working_grey(image), single=single):
        rows = classify(page.views(page.candidates))
        read = _read_page(page, rows, doubt=np.inf if single else DOUBT)
        if read[0] > best[0]:
            best, best_page = read, page
        if read[0] >= CERTAIN * _highest_score(page):
            break
    if best_page is None:
        return Reading([], None)
    return Reading(_digits(best[1], best_page, size or image.shape[:2]), best_page)


def _highest_score(page: Page) -> float:
    """What a page would score if each stroke belonged to a digit of probability 1."""
    strokes = sum(piece.area for line in page.lines for piece in line.pieces) / page.stroke_width
    return KNOWN * strokes


Chosen = tuple[float, list[tuple[Candidate, Floats]]]


def _read_page(page: Page, rows: Floats, doubt: float) -> Chosen:
    """The score of the best reading of a page, and the candidates that it takes for digits."""
    score, chosen, line = 0.0, [], 0
    pairs = zip(page.candidates, rows, strict=True)  # in the order of the lines
    for index, own in groupby(pairs, key=lambda pair: pair[0].line):
        line_score, found = _read_line(own, len(page.lines[index].pieces), doubt)
        score += line_score / page.stroke_width
        chosen += [(replace(candidate, line=line), row) for candidate, row in found]
        line += bool(found)  # a line without digits is none
    return score, chosen


def _read_line(candidates: Iterable[tuple[Candidate, Floats]], parts: int, doubt: float) -> Chosen:
    """Divides the parts of a line into digits and rest, as the classifier believes most.

    Every part belongs to one candidate. Each counts by its ink, so that a division into many
    pieces and one into few can be compared. Dynamic programming over the parts.
    """
    best: list[Chosen] = [(0.0, []), *[(-np.inf, [])] * parts]
    for candidate, row in sorted(candidates, key=lambda pair: pair[0].last):
        digit = np.log(max(row[:DIGITS].max(), IMPOSSIBLE)) + KNOWN
        rest = np.log(max(1 - row[:DIGITS].sum(), IMPOSSIBLE)) - doubt
        score, chosen = best[candidate.first]
        score += candidate.piece.area * float(max(digit, rest))
        if score > best[candidate.last][0]:
            best[candidate.last] = score, [*chosen, (candidate, row)] if digit >= rest else chosen
    return best[-1]


def _digits(
    chosen: Sequence[tuple[Candidate, Floats]], page: Page, size: tuple[int, int]
) -> list[ReadDigit]:
    # Each side was rounded on its own when the image was brought to working size.
    zoom = np.array(size[::-1]) / page.grey.shape[::-1]
    digits = []
    for candidate, row in chosen:
        piece = candidate.piece
        left, top = np.floor((piece.x, piece.y) * zoom).astype(int).tolist()
        end = np.ceil((piece.right, piece.bottom) * zoom).astype(int)
        right, bottom = np.minimum(end, size[::-1]).tolist()
        box = (left, top, right - left, bottom - top)
        image = page.views([candidate])[0, 0]
        digits.append(ReadDigit(row[:DIGITS], box, candidate.line, image))
    return digits
