"""What a network sees of pieces: size, centre and strokes as MNIST has them, and what is around."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.glyphs import stands_alone, surroundings, to_mnist
from mnist_cnn.photos.pieces import Piece, crop

Pixels = npt.NDArray[np.uint8]


def glyph_of(mask: Pixels) -> Pixels:
    """The glyph of all ink of a mask, of full contrast."""
    (piece,) = crop(0, 0, mask)
    return to_mnist(piece, mask)


def box_of(glyph: Pixels, above: int = 100) -> tuple[int, int]:
    _, _, width, height = cv2.boundingRect((glyph > above).astype(np.uint8))
    return width, height


def canvas(height: int = 300, width: int = 300) -> Pixels:
    return np.zeros((height, width), np.uint8)


def seven(size: int, thickness: int, angle: float = 0) -> Pixels:
    """A 7 with an uneven mass."""
    mask = canvas()
    points = np.array([(0, 0), (0.6, 0), (0.2, 1)]) - (0.3, 0.5)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.rint(points @ turn.T * size + 150).astype(np.int32)
    cv2.polylines(mask, [corners], False, 255, thickness)
    return mask


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.6, 3.1])
@pytest.mark.parametrize(("size", "thickness"), [(12, 2), (20, 3), (60, 8), (200, 2), (200, 50)])
def test_glyphs_are_as_mnist_has_them(size: int, thickness: int, angle: float) -> None:
    glyph = glyph_of(seven(size, thickness, angle))
    assert glyph.shape == (28, 28)
    assert glyph.dtype == np.uint8
    assert max(box_of(glyph, above=0)) <= 20
    assert 18 <= max(box_of(glyph)) <= 20
    rows, columns = np.mgrid[:28, :28]
    assert abs((glyph * rows).sum() / glyph.sum() - 13.5) < 1
    assert abs((glyph * columns).sum() / glyph.sum() - 13.5) < 1
    assert glyph.max() > 200


@pytest.mark.parametrize(("width", "height"), [(40, 200), (200, 40), (100, 100), (60, 90)])
def test_aspect_is_kept(width: int, height: int) -> None:
    mask = canvas()
    cv2.ellipse(mask, (150, 150), (width // 2 - 5, height // 2 - 5), 0, 0, 360, 255, 10)
    glyph = box_of(glyph_of(mask))
    assert glyph[0] == pytest.approx(20 * width / max(width, height), abs=1.5)
    assert glyph[1] == pytest.approx(20 * height / max(width, height), abs=1.5)


def ring(thickness: int) -> Pixels:
    mask = canvas()
    cv2.ellipse(mask, (150, 150), (80, 100), 0, 0, 360, 255, thickness)
    return mask


def test_hairlines_are_thickened() -> None:
    mask = ring(1)
    glyph = glyph_of(mask)
    plain = cv2.resize((mask > 0).astype(np.float32), (28, 28), interpolation=cv2.INTER_AREA)
    assert plain.max() < 0.4  # what shrinking alone would leave
    assert (glyph > 200).sum() > 50
    ring_of_ink = (glyph > 150).astype(np.uint8)
    count, _ = cv2.connectedComponents(1 - ring_of_ink, connectivity=4)
    assert count == 3  # no ink, around and within: nowhere broken


def test_thick_strokes_stay_as_they_are() -> None:
    thick, thicker = ((glyph_of(ring(t)) > 127).sum() for t in (24, 48))
    assert 1.4 < thicker / thick < 2.2


@pytest.mark.parametrize("at", [(0, 0), (150, 150), (299, 299)])
def test_one_pixel_becomes_a_glyph(at: tuple[int, int]) -> None:
    mask = canvas()
    mask[at] = 255
    glyph = glyph_of(mask)
    assert glyph.max() > 200
    assert max(box_of(glyph, above=0)) <= 20


@pytest.mark.parametrize("shape", [(1, 200), (200, 1), (2, 1500)])
def test_lines_of_a_pixel_become_glyphs(shape: tuple[int, int]) -> None:
    glyph = glyph_of(np.full(shape, 255, np.uint8))
    assert glyph.max() > 200
    longer = max(box_of(glyph))
    assert 18 <= longer <= 20


def test_ink_of_others_is_left_out() -> None:
    mask = canvas()
    cv2.line(mask, (100, 50), (100, 250), 255, 10)
    alone = glyph_of(mask)
    (piece,) = crop(0, 0, mask)
    ink = mask.copy()
    ink[50:250, 120:140] = 255
    np.testing.assert_array_equal(to_mnist(piece, ink), alone)


def test_place_in_the_image_does_not_matter() -> None:
    ink, mask = canvas(), seven(60, 8)
    (piece,) = crop(0, 0, mask)
    expected = glyph_of(mask)
    for x, y in [(20, 30), (200, 200)]:
        ink[:] = 0
        rows, columns = slice(y, y + piece.height), slice(x, x + piece.width)
        ink[rows, columns] = piece.mask
        np.testing.assert_array_equal(to_mnist(Piece(x, y, piece.mask), ink), expected)


def test_faint_ink_stays_fainter_than_full_ink() -> None:
    mask = seven(100, 16)
    (piece,) = crop(0, 0, mask)
    faint_ink = np.minimum(mask, 153)
    full, faint = to_mnist(piece, mask), to_mnist(piece, faint_ink)
    assert faint.max() == pytest.approx(0.6 * full.max(), rel=0.05)


@pytest.mark.parametrize("level", [255, 160, 0])
@pytest.mark.parametrize("margin", [0, 3])
@pytest.mark.parametrize("shape", [(1, 100), (200, 1), (2, 800)])
def test_hairlines_do_not_fade_however_they_lie(
    shape: tuple[int, int], margin: int, level: int
) -> None:
    mask = np.full(shape, 255, np.uint8)
    ink = np.pad(np.full(shape, level, np.uint8), margin)
    glyph = to_mnist(Piece(margin, margin, mask), ink)
    assert glyph.max() > 0.7 * max(level, 127)  # what the mask calls ink is not faint
    assert 18 <= max(box_of(glyph, above=60)) <= 20


def bar(x: int, y: int, width: int, height: int) -> Piece:
    return Piece(x, y, np.full((height, width), 255, np.uint8))


def page_of(*pieces: Piece, side: int = 300) -> Pixels:
    """The ink of a square image of some pieces."""
    ink = canvas(side, side)
    for piece in pieces:
        ink[piece.y : piece.bottom, piece.x : piece.right] |= piece.mask
    return ink


def test_a_piece_is_brighter_than_its_neighbours() -> None:
    left, piece, right = (bar(x, 125, 20, 50) for x in (105, 140, 175))
    view = surroundings(piece, page_of(left, piece, right), 50)
    assert (view[14, 12:16] > 200).all()
    for neighbour in (view[14, 3:7], view[14, 22:26]):
        assert neighbour.max() == 127
    assert view[:5].max() == view[-5:].max() == 0


def test_what_others_have_within_the_box_is_theirs() -> None:
    (ring_piece,) = crop(0, 0, ring(24))
    inside = bar(130, 130, 40, 40)
    view = surroundings(ring_piece, page_of(ring_piece, inside), 224)
    assert view[13:15, 13:15].max() <= 127
    assert view.max() > 200


@pytest.mark.parametrize(("beyond", "level"), [({}, 64), ({"beyond": 0}, 0)])
def test_beyond_the_frame_is_no_paper_unless_it_went_on(beyond: dict[str, int], level: int) -> None:
    piece = bar(0, 125, 20, 50)
    view = surroundings(piece, page_of(piece), 50, **beyond)
    assert (view[:, :8] == level).all()
    assert not view[:, 20:].any()


@pytest.mark.parametrize("height", [20, 50, 90])
@pytest.mark.parametrize("share", [0.3, 0.6, 1])
def test_twice_the_height_of_the_line_is_shown(height: int, share: float) -> None:
    tall = round(share * height)
    piece = bar(149, 150 - tall // 2, 3, tall)
    view = surroundings(piece, page_of(piece), height)
    assert box_of(view, above=60)[1] == pytest.approx(14 * share, abs=1.5)
    near, far = bar(146 + height - 3, 148, 3, 3), bar(152 + height, 148, 3, 3)
    assert (surroundings(piece, page_of(piece, near), height) != view).any()
    np.testing.assert_array_equal(surroundings(piece, page_of(piece, far), height), view)


@pytest.mark.parametrize(("width", "height"), [(200, 30), (150, 150), (20, 250)])
def test_a_piece_larger_than_its_line_is_shown_as_a_whole(width: int, height: int) -> None:
    piece = bar(150 - width // 2, 150 - height // 2, width, height)
    view = surroundings(piece, page_of(piece), 40)
    assert 24 <= max(box_of(view)) <= 26
    assert view[[0, -1]].max() <= 64
    assert view[:, [0, -1]].max() <= 64


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("below", [False, True])
def test_the_frame_is_told_from_paper(right: bool, below: bool) -> None:
    piece = bar(280 if right else 0, 260 if below else 0, 20, 40)
    view = surroundings(piece, page_of(piece), 40)
    view = view[::-1] if below else view
    view = view[:, ::-1] if right else view
    assert (view[:6] == 64).all()
    assert (view[:, :9] == 64).all()
    assert view[23:, 11:].max() == view[8:, 19:].max() == 0
    assert view[8:20, 11:16].min() > 200


def test_no_frame_no_level_of_its_own() -> None:
    piece = bar(140, 130, 20, 40)
    view = surroundings(piece, page_of(piece), 40)
    assert view[[0, -1]].max() == view[:, [0, -1]].max() == 0


@pytest.mark.parametrize("height", [100, 250, 900])
def test_hairlines_are_seen_in_their_surroundings(height: int) -> None:
    side = 2 * height
    piece = bar(height, height // 2, 1, height)
    neighbour = bar(height + height // 2, height // 2, 1, height)
    view = surroundings(piece, page_of(piece, neighbour, side=side), height)
    assert view[14, 11:17].max() >= 50
    assert view[14, 18:24].max() >= 25


@pytest.mark.parametrize("factor", [4, 11])
def test_surroundings_do_not_depend_on_scale_and_place(factor: int) -> None:
    piece, neighbour = bar(130, 140, 16, 40), bar(160, 140, 16, 40)
    view = surroundings(piece, page_of(piece, neighbour), 40)
    moved = [Piece(p.x - 60, p.y + 50, p.mask) for p in (piece, neighbour)]
    np.testing.assert_array_equal(surroundings(moved[0], page_of(*moved), 40), view)
    large = [bar(*(factor * value for value in (p.x, p.y, 16, 40))) for p in (piece, neighbour)]
    again = surroundings(large[0], page_of(*large, side=300 * factor), 40 * factor)
    for level in (60, 150):
        assert box_of(again, level) == pytest.approx(box_of(view, level), abs=1)


@pytest.mark.parametrize("height", [0.1, 1, 3, 13.7, 5000])
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (17, 23)])
@pytest.mark.parametrize("margin", [0, 1, 40])
def test_any_piece_has_surroundings(margin: int, shape: tuple[int, int], height: float) -> None:
    ink = np.pad(np.full(shape, 255, np.uint8), margin)
    view = surroundings(Piece(margin, margin, np.full(shape, 255, np.uint8)), ink, height)
    assert view.shape == (28, 28)
    assert view.dtype == np.uint8
    assert view.any()


@pytest.mark.parametrize("image", [seven(12, 2)[136:164, 136:164], seven(20, 3)[136:164, 136:164]])
def test_an_image_of_mnist_stands_alone_in_its_surroundings(image: Pixels) -> None:
    ((glyph, around),) = stands_alone(image[None])
    np.testing.assert_array_equal(glyph, image)
    assert box_of(around)[1] == pytest.approx(14, abs=1)  # a digit is as high as its line
    outside = cv2.dilate((around > 30).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    assert outside.any()
    assert not around[outside].any()


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("level", [0, 1, 255])
def test_any_images_stand_alone(level: int, count: int) -> None:
    images = np.full((count, 28, 28), level, np.uint8)
    views = stands_alone(images)
    assert views.shape == (count, 2, 28, 28)
    assert views.dtype == np.uint8
    np.testing.assert_array_equal(views[:, 0], images)
    if not level:
        assert not views.any()


def test_blank_images_do_not_change_the_others() -> None:
    image = seven(20, 3)[136:164, 136:164]
    blank, view, _ = stands_alone(np.stack([np.zeros_like(image), image, image]))
    assert not blank.any()
    np.testing.assert_array_equal(view, stands_alone(image[None])[0])


def test_arguments_are_not_modified() -> None:
    ink = seven(60, 2)
    (piece,) = crop(0, 0, ink.copy())
    image = seven(20, 3)[136:164, 136:164].copy()
    before = piece.mask.copy(), ink.copy(), image.copy()
    to_mnist(piece, ink)
    surroundings(piece, ink, 60)
    stands_alone(image[None])
    for value, old in zip((piece.mask, ink, image), before, strict=True):
        np.testing.assert_array_equal(value, old)
