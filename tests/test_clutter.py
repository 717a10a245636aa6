"""What enters from the frame: taken for clutter where it is thicker than writing."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.clutter import find_clutter, find_objects, is_shadow

Pixels = npt.NDArray[np.uint8]


def ring() -> Pixels:
    """(300, 400), a digit 100 pixels high, strokes of 8, in the middle."""
    mask = np.zeros((300, 400), np.uint8)
    cv2.ellipse(mask, (200, 150), (30, 46), 0, 0, 360, 255, 8)
    return mask


def with_finger(mask: Pixels, turns: int = 0) -> Pixels:
    """A finger of 60 pixels from the left, or from another side."""
    mask = np.rot90(mask, turns).copy()
    cv2.line(mask, (-10, 60), (70, 80), 255, 60)
    return np.rot90(mask, -turns).copy()


@pytest.mark.parametrize("turns", range(4))
def test_a_finger_is_clutter_from_any_side(turns: int) -> None:
    mask = with_finger(ring(), turns)
    clutter = find_clutter(mask)
    finger = (mask > 0) & (ring() == 0)
    assert clutter.shape == mask.shape
    assert set(np.unique(clutter)) == {0, 255}
    assert (clutter[finger] > 0).all()
    assert not clutter[ring() > 0].any()


@pytest.mark.parametrize("edge", [np.s_[270:], np.s_[:30], np.s_[:, :40], np.s_[:, 360:]])
def test_the_edge_of_the_table_is_clutter(edge: tuple[slice, ...]) -> None:
    mask = ring()
    mask[edge] = 255
    clutter = find_clutter(mask)
    assert (clutter[edge] > 0).all()
    assert not clutter[ring() > 0].any()


def test_soft_edges_of_clutter_go_too() -> None:
    mask = with_finger(ring())
    grown = cv2.dilate(with_finger(np.zeros_like(mask)), np.ones((5, 5), np.uint8))
    assert (find_clutter(mask)[grown > 0] > 0).all()


@pytest.mark.parametrize(
    "ends", [((330, -5), (345, 305)), ((420, 10), (270, 270)), ((-5, 270), (170, 285))]
)
def test_a_pen_is_clutter_though_it_is_as_thin_as_a_stroke(ends: list[tuple[int, int]]) -> None:
    pen = np.zeros((300, 400), np.uint8)
    cv2.line(pen, ends[0], ends[1], 255, 10)
    clutter = find_clutter(ring() | pen)
    assert (clutter[pen > 0] > 0).all()
    assert not clutter[ring() > 0].any()


def test_a_wedge_of_the_table_is_clutter() -> None:
    wedge = np.zeros((300, 400), np.uint8)
    cv2.fillConvexPoly(wedge, np.array([(399, 0), (399, 299), (384, 299)]), 255)
    clutter = find_clutter(ring() | wedge)
    assert (clutter[wedge > 0] > 0).all()
    assert not clutter[ring() > 0].any()


@pytest.mark.parametrize("thickness", [4, 10])
def test_a_1_at_the_frame_is_no_pen(thickness: int) -> None:
    mask = ring()
    cv2.line(mask, (330, -5), (320, 110), 255, thickness)
    assert not find_clutter(mask).any()


def test_digits_on_a_line_that_enters_are_no_pen() -> None:
    mask = np.roll(ring(), -100, axis=1)
    cv2.line(mask, (220, 204), (405, 204), 255, 8)
    cv2.line(mask, (300, 110), (300, 204), 255, 8)
    assert not find_clutter(mask).any()


def test_a_digit_at_the_frame_is_none() -> None:
    mask = ring()
    cv2.ellipse(mask, (30, 150), (30, 46), 0, 0, 360, 255, 8)
    assert mask[:, 0].any()
    assert not find_clutter(mask).any()


def test_a_digit_alone_at_the_frame_is_none() -> None:
    mask = np.zeros((300, 400), np.uint8)
    cv2.ellipse(mask, (200, 150), (120, 150), 0, 0, 360, 255, 20)
    assert mask[0].any()
    assert not find_clutter(mask).any()


def test_a_finger_alone_is_clutter() -> None:
    assert find_clutter(with_finger(np.zeros((300, 400), np.uint8))).any()


def test_thick_ink_away_from_the_frame_is_none() -> None:
    mask = ring()
    cv2.circle(mask, (80, 150), 40, 255, -1)
    assert not find_clutter(mask).any()


def test_specks_do_not_make_writing_look_thick() -> None:
    mask = ring()
    mask[10:290:20, 10:390:20] = 255
    cv2.ellipse(mask, (30, 150), (30, 46), 0, 0, 360, 255, 8)
    assert not find_clutter(mask).any()


def test_what_is_much_thicker_than_the_writing_is_a_thing() -> None:
    phone = np.zeros((300, 400), np.uint8)
    phone[100:220, 260:330] = 255
    things = find_objects(ring() | phone)
    assert (things[phone > 0] > 0).all()
    assert not things[ring() > 0].any()


def test_a_stroke_that_touches_a_thing_is_no_part_of_it() -> None:
    bar, other = np.zeros_like(ring()), np.zeros_like(ring())
    cv2.line(bar, (100, 110), (150, 110), 255, 8)
    cv2.rectangle(other, (30, 40), (106, 180), 255, -1)
    things = find_objects(ring() | bar | other)
    assert (things[other > 0] > 0).mean() > 0.99
    assert (things[(bar > 0) & (other == 0)] > 0).mean() < 0.2


@pytest.mark.parametrize("thickness", [8, 16])
def test_thicker_writing_is_none(thickness: int) -> None:
    mask = ring()
    cv2.line(mask, (320, 100), (320, 200), 255, thickness)
    assert not find_objects(mask).any()


@pytest.mark.parametrize("find", [find_clutter, find_objects])
@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 2), (50, 50)])
def test_any_mask_is_taken(
    shape: tuple[int, int], level: int, find: Callable[[Pixels], Pixels]
) -> None:
    clutter = find(np.full(shape, level, np.uint8))
    assert clutter.shape == shape
    assert clutter.dtype == np.uint8
    if not level:
        assert not clutter.any()


def shaded(rough: float = 2, ink_at: int | None = 300) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Grey, paper, ink and clutter: the right half is in shadow, with a bar of ink at a column."""
    paper = np.full((300, 400), 220, np.uint8)
    paper[:, 200:] = 90
    ink = np.zeros_like(paper)
    if ink_at is not None:
        ink[100:200, ink_at : ink_at + 20] = 255
    noise = np.random.default_rng(0).normal(0, 1, paper.shape) * np.where(paper > 100, 2, rough)
    grey = np.clip(np.where(ink > 0, 30, paper + noise), 0, 255).astype(np.uint8)
    return grey, paper, ink, np.where(paper > 100, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("rough", [0, 1, 2, 3.5])
def test_what_is_even_with_ink_in_it_is_a_shadow(rough: float) -> None:
    assert is_shadow(*shaded(rough), rim=10)


@pytest.mark.parametrize("rough", [5, 20])
def test_what_is_rough_is_none(rough: float) -> None:
    assert not is_shadow(*shaded(rough), rim=10)


@pytest.mark.parametrize("ink_at", [None, 50, 190])
def test_what_has_no_ink_inside_is_none(ink_at: int | None) -> None:
    assert not is_shadow(*shaded(ink_at=ink_at), rim=10)


def test_a_table_beside_a_shadow_does_not_hide_it() -> None:
    grey, paper, ink, clutter = shaded()
    rough = np.random.default_rng(1).integers(0, 255, grey.shape, np.uint8)
    grey[:, 340:] = rough[:, 340:]
    assert is_shadow(grey, paper, ink, clutter, rim=10)


def test_a_level_of_grey_is_no_roughness() -> None:
    grey, paper, ink, clutter = shaded(rough=0)
    grey = np.where(ink > 0, grey, np.where(paper > 100, paper, paper + 1)).astype(np.uint8)
    assert is_shadow(grey, paper, ink, clutter, rim=10)
