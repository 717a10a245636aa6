"""What enters from the frame: taken for clutter where it is thicker than writing."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.clutter import find_clutter

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


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 2), (50, 50)])
def test_any_mask_is_taken(shape: tuple[int, int], level: int) -> None:
    clutter = find_clutter(np.full(shape, level, np.uint8))
    assert clutter.shape == shape
    assert clutter.dtype == np.uint8
    if not level:
        assert not clutter.any()
