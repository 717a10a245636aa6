"""What a photo reader has to tell apart: digits as it finds them, and all that is no digit.

Made by the simulator and the reader's own steps: a network that is trained with it fits the
cleaning that it gets its images from.
"""

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.candidates import Candidate
from mnist_cnn.photos.cuts import ALONG
from mnist_cnn.photos.glyphs import SIDE
from mnist_cnn.photos.ink import Bytes, Polarity
from mnist_cnn.photos.page import Page, read_pages, working_grey
from mnist_cnn.simulator import (
    CONDITIONS,
    NON_DIGITS,
    OTHERS,
    Scene,
    simulate,
    simulate_non_digit,
)

Counts = npt.NDArray[np.int64]  # of pixels: nobody's, the first digit's … OTHERS'
Labels = npt.NDArray[np.int64]

NO_DIGIT = 10  # the class behind the ten digits
WHOLE = 0.85  # share of a digit's ink on the page that a candidate must hold to be that digit
VISIBLE = 0.5  # the same share of its ink as it was drawn, for some may not have been found
FRAGMENT = 0.6  # share below which it is no digit
FOREIGN = 0.2  # share of a candidate's ink that may belong to others, or to nobody
MIXED = 0.35  # share from which a candidate is no digit
WRITTEN = 0.04  # share of its ink that may be of signs or letters: little more than a point
BESIDE = 0.08  # share from which it is a digit and a sign, thus none
TRACE = 0.15  # share of another digit's ink that a digit may hold
TOGETHER = 0.5  # share from which they are two digits, thus none
# Conditions that are drawn three times as often as the others.
HARD = 2 * ("clutter", "mixed", "touching", "broken", "framed", "signs", "words", "variants")
# Pictures without digits that are drawn twice as often: they are most like digits.
LIKE_DIGITS = "scribbles", "shapes"
MOST_PAGES = 10  # of a scene that are looked at: the further ones are rarely asked for
# What scenes there are: these shares, and the rest are full of digits. Of those only two pages are
# looked at, so digits cost little: a network needs more of them than it can learn by heart.
WITHOUT, SINGLE, LINES = 0.2, 0.2, 0.2
PAGES_IF_FULL = 2
MOST_REFUSED = 12  # candidates of a page that are no digits: fine cuts make hundreds
MOST_WITHOUT = 16  # candidates of a scene without digits


def label_candidates(scene: Scene, page: Page) -> tuple[Labels, Labels]:
    """What each candidate of a page shows, by the truth of the scene.

    Args:
        scene: Of the simulator.
        page: What was found in its image.

    Returns:
        (candidates,): the digit, NO_DIGIT, or -1 where it would be unfair to say: most of a digit.
        And (candidates,): the index, from 0, of the digit that it has most ink of; -1 for none.
    """
    digits = [int(digit) for line in scene.lines for digit in line]
    size = page.grey.shape[::-1]
    drawn = cv2.resize(scene.owners, size, interpolation=cv2.INTER_NEAREST)
    # Ink is a little wider on the photo than it was drawn.
    owners = np.where(drawn > 0, drawn, cv2.dilate(drawn, np.ones((5, 5), np.uint8)))
    inked = np.bincount(drawn.ravel(), minlength=OTHERS + 1)
    found = np.bincount(owners[page.ink.mask > 0], minlength=OTHERS + 1)
    labels = []
    for candidate in page.candidates:
        piece = candidate.piece
        part = owners[piece.y : piece.bottom, piece.x : piece.right]
        held = np.bincount(part[piece.mask > 0], minlength=OTHERS + 1)
        if held[1:OTHERS].any():
            owner = int(held[1:OTHERS].argmax())
            labels.append((_label(held, found, inked, owner + 1, digits[owner]), owner))
        else:
            labels.append((NO_DIGIT, -1))
    table = np.array(labels, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _label(held: Counts, found: Counts, inked: Counts, best: int, digit: int) -> int:
    share = held[best] / found[best]
    foreign = 1 - held[best] / held.sum()
    written = held[OTHERS] / held.sum()
    shares = held[1:OTHERS] / np.maximum(found[1:OTHERS], 1)
    second = float(np.delete(shares, best - 1).max(initial=0))  # a 1 beside an 8 is little ink
    seen = held[best] >= VISIBLE * inked[best]
    if share >= WHOLE and seen and foreign <= FOREIGN and written <= WRITTEN and second <= TRACE:
        return digit
    mixed = foreign > MIXED or written > BESIDE or second > TOGETHER
    return NO_DIGIT if share < FRAGMENT or mixed else -1


def ink_polarity(scene: Scene) -> Polarity:
    """Whether a scene's ink is darker or lighter than what it stands on."""
    grey = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY)
    inked = (scene.owners > 0).astype(np.uint8)
    side = max(3, min(inked.shape) // 20)
    around = (cv2.dilate(inked, np.ones((side, side), np.uint8)) > 0) & (inked == 0)
    if not around.any():
        return "dark"
    return "dark" if grey[inked > 0].mean() < grey[around].mean() else "light"


def simulate_digits(
    rng: np.random.Generator, digits: Bytes, labels: npt.NDArray[np.integer], scenes: int
) -> tuple[Bytes, Bytes]:
    """Photographs digits on paper, finds them again, and labels what was found.

    Args:
        rng: For everything that is random.
        digits: (N, 28, 28), uint8, MNIST's images, of which each scene draws some.
        labels: (N,), their digits.
        scenes: Number of photos: 20 % of no digit, 20 % of single ones, 60 % of lines.

    Returns:
        Views (M, 2, 28, 28), uint8, of `Page.views`, and labels (M,), uint8, 0 to 9 or NO_DIGIT.
    """
    views: list[Bytes] = [np.empty((0, 2, SIDE, SIDE), np.uint8)]
    found: list[int] = []
    for _ in range(scenes):
        kind = rng.random()
        scene = _make_scene(rng, digits, labels, kind)
        most_pages = MOST_PAGES if kind < WITHOUT + SINGLE + LINES else PAGES_IF_FULL
        for label, page, candidate in _harvest(rng, scene, most_pages):
            views.append(page.views([candidate]))
            found.append(label)
    return np.concatenate(views), np.array(found, np.uint8)


def _make_scene(
    rng: np.random.Generator, digits: Bytes, labels: npt.NDArray[np.integer], kind: float
) -> Scene:
    if kind < WITHOUT:
        image = simulate_non_digit(rng, str(rng.choice([*NON_DIGITS, *LIKE_DIGITS])))
        return Scene(image, (), (), np.zeros(image.shape[:2], np.uint8))
    if kind < WITHOUT + SINGLE:
        lengths = [1]
    else:
        lines = rng.choice([1, 1, 2] if kind < WITHOUT + SINGLE + LINES else [2, 3])
        lengths = [int(rng.integers(2, 8)) for _ in range(lines)]
    return simulate(rng, digits, labels, str(rng.choice([*CONDITIONS, *HARD])), lengths)


def _harvest(
    rng: np.random.Generator, scene: Scene, most_pages: int
) -> Iterator[tuple[int, Page, Candidate]]:
    """At most two looks at each digit, of two pages; as many candidates that are none, and two."""
    polarity = ink_polarity(scene)
    looks: dict[int, list[tuple[int, Page, Candidate]]] = {}
    others: list[tuple[int, Page, Candidate]] = []
    for page in islice(_all_pages(scene), most_pages):
        labels, owners = label_candidates(scene, page)
        order = rng.permutation(len(labels))
        others += [
            (NO_DIGIT, page, page.candidates[index])
            for index in order[labels[order] == NO_DIGIT][:MOST_REFUSED]
        ]
        if page.ink.polarity == polarity:
            # Of many cuts that hardly differ one is enough.
            of_page = {owners[index]: index for index in order if 0 <= labels[index] < NO_DIGIT}
            for owner, index in of_page.items():
                looks.setdefault(owner, []).append((labels[index], page, page.candidates[index]))
    for found in looks.values():
        for index in rng.permutation(len(found))[:2]:
            yield found[index]
    most = 2 + 2 * len(scene.boxes) if scene.boxes else MOST_WITHOUT
    for index in rng.permutation(len(others))[:most]:
        yield others[index]


def _all_pages(scene: Scene) -> Iterator[Page]:
    for page in read_pages(*working_grey(scene.image)):
        yield page
        yield from page.divided_otherwise()
        finely_cut = page.cut_up(ALONG)
        if finely_cut:
            yield finely_cut
