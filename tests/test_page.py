"""From pixels to candidates: working size, assumptions about the ink, and all runs of parts."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.candidates import Candidate
from mnist_cnn.photos.cuts import ACROSS, ALONG
from mnist_cnn.photos.glyphs import BEYOND, to_mnist
from mnist_cnn.photos.ink import Ink
from mnist_cnn.photos.page import Page, read_pages, working_grey
from mnist_cnn.photos.pieces import Piece, merge
from mnist_cnn.photos.rules import remove_rules

Pixels = npt.NDArray[np.uint8]
SIZES = [(20, 20), (3, 4), (90, 60), (399, 10), (400, 400), (1599, 1200), (1600, 2), (2000, 3000)]


def drawn(height: int = 200, width: int = 300, text: str = "57 2") -> Pixels:
    image = np.full((height, width, 3), 225, np.uint8)
    place = (width // 15, height * 3 // 5)
    cv2.putText(
        image, text, place, cv2.FONT_HERSHEY_SIMPLEX, height / 80, (40, 40, 40), height // 33
    )
    return image


def touching() -> Pixels:
    """Two diamonds that touch, at working size, and a bar."""
    image = np.full((400, 500, 3), 225, np.uint8)
    for x in (120, 218):
        corners = np.array([(x - 45, 200), (x, 140), (x + 45, 200), (x, 260)], np.int32)
        cv2.polylines(image, [corners], True, (40, 40, 40), 10)
    image[135:265, 330:340] = 40
    return image


def bars(count: int) -> Pixels:
    image = np.full((400, 500, 3), 225, np.uint8)
    for x in range(100, 100 + 70 * count, 70):
        image[140:260, x : x + 12] = 40
    return image


def pages_of(image: Pixels, single: bool = False) -> Iterator[Page]:
    return read_pages(*working_grey(image), single=single)


def first_look(image: Pixels, single: bool = False) -> list[Page]:
    """The first page, and its other divisions."""
    page = next(pages_of(image, single))
    return [page, *page.divided_otherwise()]


def pieces_of(page: Page, candidate: Candidate) -> list[Piece]:
    return page.lines[candidate.line].pieces[candidate.first : candidate.end]


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
            own = [(c.first, c.end) for c in page.candidates if c.line == index]
            assert len(set(own)) == len(own)
            assert {(i, i + 1) for i in range(len(line.pieces))} <= set(own)
            assert all(0 <= first < last <= len(line.pieces) for first, last in own)


def test_a_candidate_is_its_parts_as_one() -> None:
    pages = first_look(drawn())
    assert any(c.end - c.first > 1 for page in pages for c in page.candidates)
    for page in pages:
        for candidate in page.candidates:
            whole = merge(pieces_of(page, candidate))
            assert (candidate.piece.x, candidate.piece.y) == (whole.x, whole.y)
            np.testing.assert_array_equal(candidate.piece.mask, whole.mask)


def test_candidates_are_within_the_page() -> None:
    for page in pages_of(drawn(37, 61)):
        height, width = page.grey.shape
        for candidate in page.candidates:
            piece = candidate.piece
            assert min(piece.x, piece.y) >= 0
            assert piece.right <= width
            assert piece.bottom <= height


def test_far_parts_are_no_digit_together() -> None:
    for page in pages_of(drawn(text="5  2")):
        for candidate in page.candidates:
            parts = pieces_of(page, candidate)
            gaps = [after.x - before.right for before, after in pairwise(parts)]
            assert all(gap <= 0.35 * candidate.height for gap in gaps)


def test_a_wide_digit_is_a_candidate_as_a_whole() -> None:
    image = np.full((200, 300, 3), 225, np.uint8)
    cv2.ellipse(image, (150, 100), (65, 45), 0, 0, 360, (40, 40, 40), 7)
    wholes = [
        candidate.piece.width
        for page in pages_of(image)
        for candidate in page.candidates
        if candidate.end - candidate.first == len(page.lines[candidate.line].pieces)
    ]
    assert max(wholes, default=0) / working_grey(image)[1] == pytest.approx(138, abs=3)


def test_single_takes_all_ink_for_one_digit() -> None:
    for page in pages_of(drawn(), single=True):
        assert len(page.candidates) == 1
        (line,) = page.lines
        (piece,) = line.pieces
        assert piece is page.candidates[0].piece
    first = next(pages_of(drawn(), single=True)).candidates[0].piece
    (separate,) = next(pages_of(drawn())).lines
    assert first.width == merge(separate.pieces).width


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
    first, without = next(pages_of(image)), next(pages_of(drawn()))
    (line,), (expected,) = first.lines, without.lines
    areas = [piece.area for piece in expected.pieces]
    assert [piece.area for piece in line.pieces] == pytest.approx(areas, rel=0.03)


# Where the shadow is, by x and y as shares of the image.
@pytest.mark.parametrize(("right", "edge"), [(0.9, 1.1), (-1, 0)])
def test_digits_in_a_shadow_and_across_its_edge_are_found_whole(right: float, edge: float) -> None:
    image = drawn(400, 800, "5 7 2")[100:270, 20:560]
    image = np.asarray(image * np.random.default_rng(1).normal(1, 0.004, image.shape), np.uint8)
    y, x = np.mgrid[:170, :540] / np.array([170, 540])[:, None, None]
    light = np.where(y + right * x > edge, 0.45, 1)
    expected = [piece.area for piece in next(pages_of(image)).pieces]
    shaded = np.asarray(image * light[..., None], np.uint8)
    found = [[piece.area for piece in page.pieces] for page in pages_of(shaded)]
    assert len(expected) == 3
    assert any(areas == pytest.approx(expected, rel=0.12) for areas in found)


def test_a_pen_is_no_shadow() -> None:
    image = np.full((400, 600), 220, np.uint8)
    cv2.line(image, (-20, 300), (150, 200), 40, 130)
    cv2.putText(image, "7", (330, 330), cv2.FONT_HERSHEY_SIMPLEX, 8, 50, 16)
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    first = next(pages_of(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)))
    assert [piece.x > 300 for piece in first.pieces] == [True]


def in_pieces(image: Pixels) -> list[int]:
    """Pieces of each page."""
    return [len(page.pieces) for page in pages_of(image)]


def test_digits_in_a_shadow_away_from_the_frame_are_found() -> None:
    image = drawn(400, 800, "5 7 2") + np.random.default_rng(1).normal(0, 1, (400, 800, 1))
    light = np.ones((400, 800), np.float32)
    cv2.ellipse(light, (300, 190), (230, 140), 9, 0, 360, 0.5, -1)
    shaded = np.clip(image * cv2.GaussianBlur(light, (0, 0), 3)[..., None], 0, 255)
    assert 3 in in_pieces(shaded.astype(np.uint8))


def test_a_thing_beside_the_digits_is_left_out_at_last() -> None:
    image = drawn(400, 800, "5 7 2")
    phone = cv2.boxPoints(((710, 180), (110, 200), 8))
    cv2.fillConvexPoly(image, np.rint(phone).astype(np.int32), (30, 30, 30))
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 1), np.uint8)
    beside = [[piece.right < 640 for piece in page.pieces] for page in pages_of(image)]
    assert not all(beside[0])
    assert [True, True, True] in beside
    assert max(len(places) for places in beside) <= 4  # its edge is no writing


def test_digits_on_a_sheet_on_a_table_come_first() -> None:
    photo = np.full((600, 900, 3), 90, np.uint8)
    photo[120:370, 200:700] = drawn(250, 500, "5 7 2")
    rough = photo + np.random.default_rng(1).normal(0, 4, (600, 1, 1))
    assert in_pieces(np.clip(rough, 0, 255).astype(np.uint8))[0] == 3


def test_a_patch_of_sunlight_does_not_hide_the_digits_beside_it() -> None:
    image = drawn(400, 800, "5 7 2")
    image = np.asarray(image * np.random.default_rng(1).normal(1, 0.004, image.shape), np.uint8)
    lit = image.copy()
    lit[:, :350] = (lit[:, :350] * 0.55).astype(np.uint8)
    lit[330:] = (lit[330:] * 0.55).astype(np.uint8)
    assert in_pieces(image)[0] == 3
    assert in_pieces(lit)[0] == 3


def test_a_line_near_digits_joins_none_and_is_looked_at_later() -> None:
    image = drawn(400, 800, "5 7 2")
    separate = in_pieces(image)[0]
    x, y, width, height = cv2.boundingRect((image[..., 0] < 100).astype(np.uint8))
    cv2.line(image, (x - 20, y + height + 10), (x + width, y + height + 10), (40, 40, 40), 12)
    first, second, *_ = pages_of(image)
    assert len(first.pieces) == separate == 3
    assert len(second.pieces) == 1
    assert (second.writing == first.ink.mask).all()


def test_a_black_border_does_not_hide_fainter_digits() -> None:
    image = drawn(300, 500, "57 2")
    image[image < 100] = 150
    expected = next(pages_of(image)).pieces
    cv2.rectangle(image, (0, 0), (499, 299), (0, 0, 0), 5)
    areas = [[piece.area for piece in page.pieces] for page in pages_of(image)]
    assert any(own == pytest.approx([p.area for p in expected], rel=0.1) for own in areas)


def test_paper_around_small_writing_is_no_light_ink() -> None:
    image = np.full((340, 420, 3), 225, np.uint8)
    for x in range(180, 250, 16):
        image[192:208, x : x + 2] = 40
    pages = list(pages_of(image))
    assert pages
    assert {page.ink.polarity for page in pages} == {"dark"}


def test_blank_paper_has_no_pages() -> None:
    assert list(pages_of(np.full((60, 80, 3), 200, np.uint8))) == []


@pytest.mark.parametrize("loss", [0.3, 0.5, 0.7])
def test_corners_that_get_less_light_are_no_ink(loss: float) -> None:
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    grey = 220 * (1 - loss * (x**2 + y**2) / 2)
    grey += np.random.default_rng(0).normal(0, 2, grey.shape)
    image = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert list(pages_of(image)) == []


def test_noise_in_the_dark_is_no_ink() -> None:
    grey = np.random.default_rng(0).integers(0, 4, (80, 70))
    blocks = np.kron(grey[::8, ::8], np.ones((8, 8), int))  # as JPEG leaves it
    image = np.repeat(blocks.astype(np.uint8)[..., None], 3, axis=2)
    assert [page for page in pages_of(image) if page.ink.polarity == "dark"] == []


def test_digits_are_parted_from_dashes_of_which_only_those_that_touch_them_are_ink() -> None:
    image = drawn(400, 800, "5 7 2")
    expected = [piece.area for piece in next(pages_of(image)).pieces]
    dark = image < 128
    for y in range(15, 400, 40):
        for x in range(0, 800, 68):
            image[y : y + 2, x : x + 60] = 124
    image[dark] = 40
    found = [[piece.area for piece in page.pieces] for page in pages_of(image)]
    assert any(areas == pytest.approx(expected, rel=0.1) for areas in found)


def test_pages_are_worked_out_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    inks = []

    def count(ink: Ink, *, faint: bool = False) -> Pixels:
        inks.append(ink)
        return remove_rules(ink, faint=faint)

    monkeypatch.setattr("mnist_cnn.photos.page.remove_rules", count)
    image = drawn()
    cv2.line(image, (-20, 190), (70, 180), (90, 110, 160), 40)  # a finger: two looks at least
    pages = pages_of(image)
    assert inks == []
    next(pages)
    assert len(inks) == 1
    assert list(pages)
    assert len(inks) > 1


def test_divisions_of_a_page_share_its_stroke_width() -> None:
    page, *others = first_look(touching())
    assert others
    assert {other.stroke_width for other in others} == {page.stroke_width}


def test_a_lost_stroke_is_joined_to_the_digits_beside_it() -> None:
    image = bars(3)
    image[225:260, 330:342] = 40  # low and far from the others
    page = next(pages_of(image))
    joined = next(page.divided_otherwise())
    assert [len(line.pieces) for line in page.lines] == [3, 1]
    assert [len(line.pieces) for line in joined.lines] == [4]


def test_sure_candidates_are_not_cut() -> None:
    page = next(pages_of(touching()))
    cut, whole = page.divided_otherwise()
    assert len(cut.pieces) > len(page.pieces) > len(whole.pieces)
    parts = set(map(id, cut.pieces))
    was_cut, stayed = (
        [c for c in page.candidates if (id(c.piece) in parts) == same and c.end == c.first + 1]
        for same in (False, True)
    )
    assert was_cut
    assert stayed
    assert len(list(page.divided_otherwise(stayed))) == 2
    (left,) = page.divided_otherwise(was_cut)
    assert len(left.pieces) == 1


def test_what_falls_into_too_many_parts_is_not_cut() -> None:
    page = next(pages_of(touching()))
    cut = page.cut_up(ALONG)
    assert cut is not None
    added = len(cut.pieces) - len(page.pieces)  # pieces that stay whole don't count
    assert page.cut_up(replace(ALONG, most_added=added)) is not None
    assert page.cut_up(replace(ALONG, most_added=added - 1)) is None


def test_what_lies_between_sure_candidates_is_cut_again() -> None:
    page = next(pages_of(touching()))
    across = page.cut_up(ACROSS)
    assert across is not None
    last = max(across.candidates, key=lambda candidate: candidate.first)  # the bar
    again = across.cut_again(ALONG, [last])
    assert again is not None
    assert last.piece.mask.tobytes() == again.pieces[-1].mask.tobytes()
    assert len(again.pieces) > len(across.pieces)
    areas = {sum(piece.area for piece in one.pieces) for one in (page, across, again)}
    assert len(areas) == 1
    added = len(again.pieces) - len(page.pieces)
    assert across.cut_again(replace(ALONG, most_added=added), [last]) is not None
    assert across.cut_again(replace(ALONG, most_added=added - 1), [last]) is None


def test_where_all_is_sure_nothing_is_cut_again() -> None:
    page = next(pages_of(touching()))
    alone = [one for one in page.candidates if one.end == one.first + 1]
    assert page.cut_again(ALONG, alone) is None


def test_pieces_come_uncut_then_cut_then_as_one() -> None:
    uncut, cut, whole = first_look(touching())
    counts = [[len(line.pieces) for line in page.lines] for page in (uncut, cut, whole)]
    assert counts[0] == [2]
    assert counts[1] > [2]
    assert counts[2] == [1]
    assert len(whole.candidates) == 1
    areas = [sum(piece.area for piece in page.lines[0].pieces) for page in (uncut, cut, whole)]
    assert len(set(areas)) == 1


@pytest.mark.parametrize(("count", "parts"), [(1, [1]), (3, [3, 1])])
def test_pages_that_would_be_the_same_are_left_out(count: int, parts: list[int]) -> None:
    pages = first_look(bars(count))
    assert [len(line.pieces) for page in pages for line in page.lines] == parts


def test_a_candidate_knows_the_height_of_its_line() -> None:
    for page in first_look(touching()):
        assert {candidate.height for candidate in page.candidates} == {131}


def test_views_are_glyphs_and_surroundings_in_order() -> None:
    for page in pages_of(touching()):
        views = page.views(page.candidates)
        assert views.shape == (len(page.candidates), 2, 28, 28)
        assert views.dtype == np.uint8
        for view, candidate in zip(views, page.candidates, strict=True):
            np.testing.assert_array_equal(view[0], to_mnist(candidate.piece, page.ink.share))
            np.testing.assert_array_equal(view, page.views([candidate])[0])


def test_no_candidates_no_views() -> None:
    assert next(pages_of(drawn())).views([]).shape == (0, 2, 28, 28)


def test_views_show_a_piece_among_its_neighbours() -> None:
    page = next(pages_of(bars(3)))
    left, middle, right = page.views(page.candidates)[:, 1]
    for view in (left, middle, right):
        rows, columns = np.nonzero(view > 127)
        assert np.ptp(rows) == pytest.approx(13, abs=1)  # as high as the line: a half
        assert columns.mean() == pytest.approx(13.5, abs=1)
    sides = [(view[14, :11].max(), view[14, 17:].max()) for view in (left, middle, right)]
    assert [[level > 100 for level in both] for both in sides] == [
        [False, True],
        [True, True],
        [True, False],
    ]
    assert max(map(max, sides)) <= 127


@pytest.mark.parametrize("invert", [False, True])
def test_views_are_ink_whatever_its_polarity(invert: bool) -> None:
    image = np.roll(bars(1), 150, axis=1)
    page = next(pages_of(255 - image if invert else image))
    ((glyph, around),) = page.views(page.candidates)
    assert glyph[14, 13:15].min() > 200
    assert around[14, 13:15].max() > 200
    assert glyph[0].max() == around[0].max() == 0


def test_printed_lines_are_not_in_the_surroundings() -> None:
    image = bars(1)
    plain = next(pages_of(image))
    image[90::220, :] = image[91::220, :] = 40
    # Lines that touch nothing enter from the frame, and are no ink of the first page.
    ruled = next(page for page in pages_of(image) if page.ink.mask[90].all())
    assert not ruled.writing[90].any()
    (view,), (expected,) = (page.views(page.candidates) for page in (ruled, plain))
    assert abs(view[1].astype(int) - expected[1]).max() < 40


@pytest.mark.parametrize(
    ("shape", "margin", "beyond"),
    [((400, 120), 16, 0), ((400, 120), 40, BEYOND), ((400, 380), 16, BEYOND)],
)
def test_paper_goes_on_beyond_a_narrow_crop(
    shape: tuple[int, int], margin: int, beyond: int
) -> None:
    image = np.full((*shape, 3), 240, np.uint8)
    height, width = shape
    corners = (margin, margin), (width - margin, height - margin)
    cv2.line(image, *corners, (20, 20, 20), 12)
    page = next(pages_of(image))
    ((_, around),) = page.views(page.candidates)
    assert (around[:3] == beyond).all()


@pytest.mark.parametrize("length", [90, 200, 320])
def test_hairlines_have_views(length: int) -> None:
    image = np.full((400, 400, 3), 225, np.uint8)
    image[57 : 57 + length, 174] = 40
    pages = list(pages_of(image))
    assert pages
    for page in pages:
        assert page.views(page.candidates)[:, 0].max(axis=(1, 2)).min() > 100


def test_looks_that_find_the_same_ink_are_left_out() -> None:
    inks = [page.ink for page in pages_of(drawn(text="5"))]
    for index, ink in enumerate(inks):
        for other in inks[:index]:
            if ink is not other and ink.polarity == other.polarity:
                assert (ink.mask != other.mask).any()
