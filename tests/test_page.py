"""From pixels to candidates: working size, assumptions about the ink, and all runs of parts."""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.glyphs import to_mnist
from mnist_cnn.photos.ink import Floats
from mnist_cnn.photos.page import Page, read_pages, working_grey
from mnist_cnn.photos.pieces import Piece, merge

Pixels = npt.NDArray[np.uint8]
SIZES = [(20, 20), (3, 4), (90, 60), (399, 10), (400, 400), (1599, 1200), (1600, 2), (2000, 3000)]


def drawn(height: int = 200, width: int = 300, text: str = "57 2") -> Pixels:
    image = np.full((height, width, 3), 225, np.uint8)
    place = (width // 15, height * 3 // 5)
    cv2.putText(
        image, text, place, cv2.FONT_HERSHEY_SIMPLEX, height / 80, (40, 40, 40), height // 33
    )
    return image


def pages_of(image: Pixels, single: bool = False) -> Iterator[Page]:
    return read_pages(*working_grey(image), single=single)


@pytest.mark.parametrize("size", SIZES)
def test_working_size_is_the_scaled_size(size: tuple[int, int]) -> None:
    grey, scale = working_grey(np.full((*size, 3), 99, np.uint8))
    assert grey.dtype == np.uint8
    assert (grey == 99).all()
    for worked, given in zip(grey.shape, size, strict=True):
        assert worked == max(1, round(given * scale))


@pytest.mark.parametrize("size", SIZES)
def test_working_size_is_within_limits(size: tuple[int, int]) -> None:
    grey, scale = working_grey(np.zeros((*size, 3), np.uint8))
    assert max(grey.shape) <= 1600
    assert max(grey.shape) >= min(400, 8 * max(size))
    if 400 <= max(size) <= 1600:
        assert scale == 1


@pytest.mark.parametrize("size", [(20, 20), (90, 60), (400, 400), (2000, 3000)])
def test_places_are_found_again_in_the_image(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    rows, columns = slice(size[0] // 4, size[0] // 2), slice(size[1] // 2, size[1] * 3 // 4)
    image[rows, columns] = 255
    grey, scale = working_grey(image)
    x, y, width, height = np.array(cv2.boundingRect((grey > 127).astype(np.uint8))) / scale
    within = max(1, 1 / scale)
    assert (x, y) == pytest.approx((columns.start, rows.start), abs=within)
    assert (x + width, y + height) == pytest.approx((columns.stop, rows.stop), abs=within)


def test_grey_weighs_colours_as_eyes_do() -> None:
    blue, green, red = (working_grey(np.full((400, 400, 3), c, np.uint8))[0][0, 0]
                        for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))  # fmt: skip
    assert blue < red < green


@pytest.mark.parametrize("single", [False, True])
def test_candidates_cover_every_part_of_every_line(single: bool) -> None:
    pages = list(pages_of(drawn(), single))
    assert pages
    for page in pages:
        for index, line in enumerate(page.lines):
            own = [(c.first, c.last) for c in page.candidates if c.line == index]
            assert len(set(own)) == len(own)
            assert {(i, i + 1) for i in range(len(line.pieces))} <= set(own)
            assert all(0 <= first < last <= len(line.pieces) for first, last in own)


def test_a_candidate_is_its_parts_as_one() -> None:
    page = next(pages_of(drawn()))
    assert any(candidate.last - candidate.first > 1 for candidate in page.candidates)
    for candidate in page.candidates:
        parts = page.lines[candidate.line].pieces[candidate.first : candidate.last]
        whole = merge(parts)
        assert (candidate.piece.x, candidate.piece.y) == (whole.x, whole.y)
        np.testing.assert_array_equal(candidate.piece.mask, whole.mask)
        assert candidate.image.shape == (28, 28)
        assert candidate.image.dtype == np.uint8
        assert candidate.image.max() > 150


def test_candidates_are_within_the_page() -> None:
    for page in pages_of(drawn(37, 61)):
        height, width = page.grey.shape
        for candidate in page.candidates:
            piece = candidate.piece
            assert min(piece.x, piece.y) >= 0
            assert piece.right <= width
            assert piece.bottom <= height


def test_far_parts_are_no_digit_together() -> None:
    page = next(pages_of(drawn(text="5  2")))
    (line,) = page.lines
    for candidate in page.candidates:
        parts = line.pieces[candidate.first : candidate.last]
        gaps = [after.x - before.right for before, after in pairwise(parts)]
        assert all(gap <= 0.35 * line.height for gap in gaps)


def test_a_wide_digit_is_a_candidate_as_a_whole() -> None:
    image = np.full((200, 300, 3), 225, np.uint8)
    cv2.ellipse(image, (150, 100), (65, 45), 0, 0, 360, (40, 40, 40), 7)
    wholes = [
        candidate.piece.width
        for page in pages_of(image)
        for candidate in page.candidates
        if candidate.last - candidate.first == len(page.lines[candidate.line].pieces)
    ]
    assert max(wholes, default=0) / working_grey(image)[1] == pytest.approx(138, abs=3)


def test_single_takes_all_ink_for_one_digit() -> None:
    for page in pages_of(drawn(), single=True):
        assert len(page.candidates) == 1
        (line,) = page.lines
        assert len(line.pieces) == 1
    first = next(pages_of(drawn(), single=True)).candidates[0].piece
    separate = next(pages_of(drawn())).lines[0].pieces
    assert first.width == merge(separate).width


@pytest.mark.parametrize(("invert", "polarity"), [(False, "dark"), (True, "light")])
def test_the_likelier_polarity_comes_first(invert: bool, polarity: str) -> None:
    image = drawn()
    page = next(pages_of(255 - image if invert else image))
    assert page.ink.polarity == polarity


def test_stroke_width_is_the_writing_s_beside_a_blot() -> None:
    image = np.full((400, 400, 3), 225, np.uint8)
    for x in (60, 130, 200, 270):
        image[100:250, x : x + 8] = 40
    image[150:200, 330:380] = 40
    assert next(pages_of(image)).stroke_width == pytest.approx(8, abs=1.5)


def test_a_finger_is_left_out_at_first() -> None:
    image = drawn()
    cv2.line(image, (-20, 190), (70, 180), (90, 110, 160), 40)
    first = next(pages_of(image))
    assert [len(first.lines), len(page_of_line(first))] == [1, 3]


def page_of_line(page: Page) -> list[int]:
    """The digits of the first line: its parts, those that touch taken together."""
    columns = np.zeros(page.grey.shape[1] + 1, bool)
    for piece in page.lines[0].pieces:
        columns[piece.x : piece.right] = True
    return np.flatnonzero(np.diff(columns.astype(int)) == 1).tolist()


def test_blank_paper_has_no_pages() -> None:
    assert list(pages_of(np.full((60, 80, 3), 200, np.uint8))) == []


def test_pages_are_worked_out_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def count(piece: Piece, ink: Floats) -> Pixels:
        calls.append(piece)
        return to_mnist(piece, ink)

    monkeypatch.setattr("mnist_cnn.photos.page.to_mnist", count)
    pages = pages_of(drawn())
    assert len(calls) == 0
    first = next(pages)
    assert len(calls) == len(first.candidates)
    others = list(pages)
    assert others
    assert len(calls) == sum(len(page.candidates) for page in (first, *others))


def test_looks_that_find_the_same_ink_are_left_out() -> None:
    inks = [page.ink for page in pages_of(drawn(text="5"))]
    for index, ink in enumerate(inks):
        for other in inks[:index]:
            if ink is not other and ink.polarity == other.polarity:
                assert (ink.mask != other.mask).any()
