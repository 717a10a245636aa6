"""From pieces to MNIST's 28×28: size, centre, aspect and strokes as MNIST has them."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.glyphs import to_mnist
from mnist_cnn.photos.pieces import Piece, crop

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def glyph_of(mask: Pixels) -> Pixels:
    """The glyph of all ink of a mask, of full contrast."""
    (piece,) = crop(0, 0, mask)
    return to_mnist(piece, (mask > 0).astype(np.float32))


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
    ink = (mask > 0).astype(np.float32)
    ink[50:250, 120:140] = 1
    np.testing.assert_array_equal(to_mnist(piece, ink), alone)


def test_place_in_the_image_does_not_matter() -> None:
    ink, mask = np.zeros((300, 300), np.float32), seven(60, 8)
    (piece,) = crop(0, 0, mask)
    expected = glyph_of(mask)
    for x, y in [(20, 30), (200, 200)]:
        ink[:] = 0
        rows, columns = slice(y, y + piece.height), slice(x, x + piece.width)
        ink[rows, columns] = piece.mask / 255
        np.testing.assert_array_equal(to_mnist(Piece(x, y, piece.mask), ink), expected)


def test_faint_ink_stays_fainter_than_full_ink() -> None:
    mask = seven(100, 16)
    (piece,) = crop(0, 0, mask)
    ink = (mask > 0).astype(np.float32)
    full, faint = to_mnist(piece, ink), to_mnist(piece, 0.6 * ink)
    assert faint.max() == pytest.approx(0.6 * full.max(), rel=0.05)


def test_arguments_are_not_modified() -> None:
    mask = seven(60, 2)
    ink: Floats = (mask > 0).astype(np.float32)
    (piece,) = crop(0, 0, mask)
    before = piece.mask.copy(), ink.copy()
    to_mnist(piece, ink)
    np.testing.assert_array_equal(piece.mask, before[0])
    np.testing.assert_array_equal(ink, before[1])
