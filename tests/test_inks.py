"""What may be the ink of a picture, and what of it comes first."""

from collections.abc import Callable
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from conftest import fading_light
from mnist_cnn.photos import inks
from mnist_cnn.photos.inks import find_inks

Pixels = npt.NDArray[np.uint8]


def crop(light: bool = False) -> Pixels:
    """(400, 300): a thick ring from side to side, soft as what was enlarged."""
    image = np.full((400, 300), 240, np.uint8)
    cv2.ellipse(image, (150, 200), (110, 160), 0, 0, 360, 20, 80)
    soft = cv2.GaussianBlur(image, (0, 0), 10).astype(np.uint8)
    return np.invert(soft) if light else soft


def dots() -> Pixels:
    """(400, 400): 36 dots from side to side."""
    image = np.full((400, 400), 240, np.uint8)
    for x in range(20, 400, 72):
        for y in range(20, 400, 72):
            cv2.circle(image, (x, y), 20, 20, -1)
    return image


@pytest.mark.parametrize("light", [False, True])
def test_what_a_picture_was_cropped_to_is_among_the_first(light: bool) -> None:
    grey = crop(light)
    truth = grey > 128 if light else grey < 128
    # What is between light strokes may be writing, or a shadow with writing in it.
    masks = [ink.mask > 0 for ink in islice(find_inks(grey), 3 if light else 1)]
    assert any((mask & truth).sum() >= 0.85 * (mask | truth).sum() for mask in masks)


def test_a_shadow_is_no_part_of_what_a_picture_was_cropped_to() -> None:
    grey = np.full((120, 400), 235, np.uint8)
    for x in range(30, 400, 60):
        cv2.ellipse(grey, (x, 60), (20, 50), 0, 0, 360, 60, 7)
    truth = grey < 128
    grey[:, :160] = grey[:, :160] // 2
    grey = np.asarray(grey + np.random.default_rng(0).normal(0, 1, grey.shape), np.uint8)
    mask = next(find_inks(grey)).mask > 0
    assert (mask & truth).sum() >= 0.8 * (mask | truth).sum()


@pytest.mark.parametrize(
    ("rule", "lenient", "grey"),
    [("MOST_PARTS", 36, dots()), ("TWO_LEVELS", 0.6, fading_light(0.6))],
)
def test_what_is_no_crop_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, rule: str, lenient: float, grey: Pixels
) -> None:
    usual = len(list(find_inks(grey)))
    monkeypatch.setattr(inks, rule, lenient)
    assert usual < len(list(find_inks(grey)))


def in_a_vignette() -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """(300, 400): rings in a light that falls off steeply; and where they are."""
    y, x = np.mgrid[:300, :400]
    light = 1 - 0.45 * (((x - 200) / 200) ** 2 + ((y - 150) / 150) ** 2)
    drawn = np.zeros((300, 400), np.uint8)
    for centre in range(70, 400, 85):
        cv2.ellipse(drawn, (centre, 150), (20, 35), 0, 0, 360, 255, 6)
    return noisy(230 * light * np.where(drawn, 0.5, 1)), drawn > 0


def beside_a_thing() -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """(300, 400): rings of three strengths beside a dark thing; and where they are."""
    grey, drawn = np.full((300, 400), 220.0), np.zeros((300, 400), np.uint8)
    grey[60:240, :100] = np.linspace(60, 140, 100)
    for centre, level in ((200, 70), (270, 100), (340, 130)):
        ring = cv2.ellipse(np.zeros_like(drawn), (centre, 150), (15, 30), 0, 0, 360, 255, 5)
        grey[ring > 0] = level
        drawn[ring > 0] = 255
    return noisy(grey), drawn > 0


def noisy(grey: npt.NDArray[np.float64]) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 2, grey.shape)
    return np.clip(grey + noise, 0, 255).astype(np.uint8)


def overlap(grey: Pixels, truth: npt.NDArray[np.bool_]) -> float:
    """Of the first ink and the true one, as a share of both."""
    mask = next(find_inks(grey)).mask > 0
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize(("rule", "make"), [("ROUGH", in_a_vignette), ("EVENER", beside_a_thing)])
def test_the_first_ink_is_what_is_written(
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    make: Callable[[], tuple[Pixels, npt.NDArray[np.bool_]]],
) -> None:
    grey, truth = make()
    assert overlap(grey, truth) >= 0.8
    monkeypatch.setattr(inks, rule, 1.0)
    assert overlap(grey, truth) < 0.7


def test_faint_strokes_amid_noise_hold_together_in_a_smoother_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = np.zeros((300, 400), np.uint8)
    for centre in (100, 200, 300):
        cv2.ellipse(truth, (centre, 150), (20, 35), 0, 0, 360, 255, 2)
    grey = np.where(cv2.GaussianBlur(truth, (0, 0), 1.0) > 60, 130.0, 160.0)
    noise = np.random.default_rng(0).normal(0, 9, grey.shape)
    picture = np.clip(grey + noise, 0, 255).astype(np.uint8)
    after = max(held_together(ink.mask, truth) for ink in find_inks(picture))
    monkeypatch.setattr(inks, "NEAR_NOISE", np.inf)
    before = max(held_together(ink.mask, truth) for ink in find_inks(picture))
    assert before < 0.4
    assert after > 0.6


def held_together(mask: Pixels, truth: Pixels) -> float:
    """Of a mask's three largest components and the true ink, the common share of both."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    largest = 1 + np.argsort(stats[1:, cv2.CC_STAT_AREA])[-3:]
    held, inked = np.isin(parts, largest), truth > 0
    return float((held & inked).sum() / (held | inked).sum())


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (50, 1), (60, 40)])
def test_a_picture_of_one_grey_has_no_ink(shape: tuple[int, int], level: int) -> None:
    assert not any(ink.mask.any() for ink in find_inks(np.full(shape, level, np.uint8)))
