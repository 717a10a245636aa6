"""Ink and paper: told apart in any light, by contrast and not by brightness."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mnist_cnn.photos.ink import (
    Ink,
    Polarity,
    close_strokes,
    estimate_background,
    fills_picture,
    find_ink,
    ink_beside,
    ink_on_even_paper,
    measure_contrast,
    paper_around,
    separability,
    split_levels,
    with_fainter,
)

Pixels = npt.NDArray[np.uint8]
WINDOW = 0.4


def paper(level: int = 200, noise: float = 2.0) -> Pixels:
    """(240, 320), grey, with the noise of a camera."""
    light = np.random.default_rng(0).normal(level, noise, (240, 320))
    return light.clip(0, 255).astype(np.uint8)


def written(image: Pixels, level: int) -> Pixels:
    """An S in strokes of 8 pixels."""
    image = image.copy()
    cv2.ellipse(image, (160, 85), (40, 35), 0, 90, 320, level, 8)
    cv2.ellipse(image, (160, 155), (40, 35), 0, -90, 140, level, 8)
    return image


STROKES = written(np.zeros((240, 320), np.uint8), 255) > 0


def ink_of(grey: Pixels, polarity: Polarity = "dark") -> Ink:
    return find_ink(grey, estimate_background(grey, WINDOW), polarity)


def common_share(mask: Pixels, truth: npt.NDArray[np.bool_]) -> float:
    inked = mask > 0
    return float((inked & truth).sum() / (inked | truth).sum())


@pytest.mark.parametrize(
    ("level", "ink", "polarity"), [(200, 60, "dark"), (40, 200, "light"), (250, 225, "dark")]
)
def test_ink_is_found_in_its_polarity(level: int, ink: int, polarity: Polarity) -> None:
    grey = written(paper(level), ink)
    found = ink_of(grey, polarity)
    assert found.polarity == polarity
    assert set(np.unique(found.mask)) == {0, 255}
    assert common_share(found.mask, STROKES) > 0.95


@pytest.mark.parametrize(("level", "ink", "other"), [(200, 60, "light"), (40, 200, "dark")])
def test_ink_is_not_found_in_the_other_polarity(level: int, ink: int, other: Polarity) -> None:
    found = ink_of(written(paper(level), ink), other)
    assert (found.mask[STROKES] > 0).mean() < 0.01


def test_strength_is_the_contrast_of_full_ink() -> None:
    assert ink_of(written(paper(200), 50)).strength == pytest.approx(0.75, abs=0.03)
    assert ink_of(written(paper(50), 200), "light").strength == pytest.approx(0.59, abs=0.03)


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_share_is_of_full_ink(strength: float) -> None:
    contrast = np.linspace(0, 1, 101, dtype=np.float32)[None]
    share = Ink(contrast, np.zeros((1, 101), np.uint8), strength, "dark", 0.04).share
    assert share.dtype == np.uint8
    np.testing.assert_allclose(share, 255 * (contrast / strength).clip(0, 1), rtol=0, atol=0.6)


def test_blank_paper_has_no_share_of_ink() -> None:
    assert not ink_of(np.full((240, 320), 200, np.uint8)).share.any()


def test_pencil_is_as_dark_as_ink() -> None:
    pen, pencil = (ink_of(written(paper(200, noise=0), level)) for level in (40, 150))
    assert pen.strength > 2 * pencil.strength
    assert abs(pen.share.astype(int) - pencil.share).max() <= 2


@pytest.mark.parametrize("polarity", ["dark", "light"])
@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0])
def test_blank_paper_has_no_ink(noise: float, polarity: Polarity) -> None:
    found = ink_of(paper(noise=noise), polarity)
    assert found.strength == 0
    assert not found.mask.any()


def test_a_hard_shadow_makes_no_ink() -> None:
    shadowed = paper(220)
    shadowed[:, 190:] = paper(110)[:, 190:]
    for polarity in ("dark", "light"):
        found = ink_of(shadowed, polarity)
        assert (found.mask > 0).mean() < 0.01


def test_ink_is_found_on_both_sides_of_a_shadow() -> None:
    shadowed = written(paper(220), 55)
    shadowed[:, 160:] = (shadowed[:, 160:] * 0.5).astype(np.uint8)
    assert common_share(ink_of(shadowed).mask, STROKES) > 0.85


def test_contrast_is_the_same_in_light_and_shadow() -> None:
    grey = np.array([[200, 50, 100, 25]], np.uint8)
    background = np.array([[200, 200, 100, 100]], np.uint8)
    contrast = measure_contrast(grey, background, "dark")
    assert contrast.dtype == np.float32
    np.testing.assert_allclose(contrast, [[0, 0.75, 0, 0.75]], atol=0.001)


def test_contrast_of_light_ink_is_a_share_of_full_light() -> None:
    grey = np.array([[60, 255, 60, 10]], np.uint8)
    background = np.array([[60, 0, 9, 60]], np.uint8)
    np.testing.assert_allclose(measure_contrast(grey, background, "light"), [[0, 1, 0.2, 0]])


def test_contrast_has_one_direction() -> None:
    grey, background = np.array([[100, 200]], np.uint8), np.array([[150, 150]], np.uint8)
    assert (measure_contrast(grey, background, "dark") > 0).tolist() == [[True, False]]
    assert (measure_contrast(grey, background, "light") > 0).tolist() == [[False, True]]


def test_a_grey_level_in_the_blackest_shadow_is_no_contrast() -> None:
    grey, background = np.array([[1]], np.uint8), np.array([[2]], np.uint8)
    assert measure_contrast(grey, background, "dark").item() < 0.05


def test_background_is_the_paper_without_its_writing() -> None:
    background = estimate_background(written(paper(200, noise=0), 40), WINDOW)
    assert background.shape == (240, 320)
    assert background.dtype == np.uint8
    assert np.ptp(background) == 0
    assert background[0, 0] == 200


def test_the_paper_of_a_strip_follows_the_light_across_it() -> None:
    light = 220 * (1 - 0.5 * np.linspace(-1, 1, 80)[:, None] ** 2)
    strip = np.repeat(light, 640, axis=1).astype(np.uint8)
    grey = strip.copy()
    for x in range(40, 640, 60):
        cv2.ellipse(grey, (x, 40), (14, 20), 0, 0, 360, 70, 4)
    background = paper_around(grey, np.where(grey < 90, np.uint8(255), np.uint8(0)))
    assert np.abs(background[20:-20].astype(int) - strip[20:-20]).mean() < 20


def test_background_keeps_a_hard_edge() -> None:
    grey = np.full((240, 320), 220, np.uint8)
    grey[:, 160:] = 90
    background = estimate_background(grey, WINDOW)
    soft = (np.abs(background.astype(int) - grey) > 10).any(axis=0)
    assert soft.sum() <= 6


@pytest.mark.parametrize(("noise", "off"), [(0, 0.0), (5, 1.5)])
def test_closing_strokes_leaves_a_shadow_whose_edge_they_cross(noise: float, off: float) -> None:
    light = np.full((240, 320), 220, np.uint8)
    light[:, 160:] = 90
    grey = light.copy()
    grey[100:110, 60:260] //= 2
    random = np.random.default_rng(0).normal(0, noise, grey.shape)
    grey = np.clip(grey + random, 0, 255).astype(np.uint8)
    closed = close_strokes(grey, 19, light > 100)
    assert closed.dtype == np.uint8
    away = np.abs(closed.astype(int) - light)
    assert away.mean() <= off
    assert away[95:115].mean() <= off


def test_closing_strokes_keeps_black_black() -> None:
    grey = paper(200, noise=10)
    grey[:, 160:] = 0
    assert close_strokes(grey, 19, grey > 0)[:, 180:].max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 1600), (1600, 2), (3, 5), (1200, 1600)])
def test_any_shape_has_a_background(shape: tuple[int, int]) -> None:
    grey = np.full(shape, 77, np.uint8)
    for background in (
        estimate_background(grey, WINDOW),
        paper_around(grey, np.zeros_like(grey)),
        close_strokes(grey, 9, np.ones_like(grey, bool)),
    ):
        assert background.shape == shape
        assert abs(background.astype(int) - 77).max() <= 1


def test_a_stroke_that_fills_the_frame_is_ink_by_the_paper_around_it() -> None:
    grey = paper(210)
    cv2.ellipse(grey, (160, 120), (100, 70), 0, 0, 360, 40, 80)
    truth = grey < 120
    assert truth.mean() > 0.5  # the median of a window is ink
    ink = find_ink(grey, paper_around(grey, split_levels(grey, "dark")), "dark")
    assert common_share(ink.mask, truth) > 0.95


def test_paper_around_goes_on_below_thick_strokes() -> None:
    slope = np.tile(np.linspace(120, 220, 320), (240, 1)).astype(np.uint8)
    grey = slope.copy()
    grey[80:160, 100:220] = 20
    background = paper_around(grey, (grey == 20).astype(np.uint8))
    assert abs(background[80:160, 100:220].astype(int) - slope[80:160, 100:220]).max() < 35
    assert background[120, 105] < background[120, 215]


def test_paper_around_is_constant_where_all_is_ink() -> None:
    assert np.ptp(paper_around(written(paper(), 40), np.full((240, 320), 255, np.uint8))) <= 1


@pytest.mark.parametrize(("polarity", "inked"), [("dark", [255, 0]), ("light", [0, 255])])
def test_levels_are_split_by_polarity(polarity: Polarity, inked: list[int]) -> None:
    grey = np.array([[40, 200]], np.uint8).repeat(5, axis=0)
    assert split_levels(grey, polarity)[2].tolist() == inked


def test_a_fading_stroke_stays_whole() -> None:
    grey = np.full((240, 320), 200, np.uint8)
    for x in range(60, 260):
        grey[116:124, x] = 60 + (x - 60) // 2  # contrast from 0.7 to 0.2
    found = ink_of(grey)
    assert (found.mask[118:122, 60:230] > 0).all()
    count, _ = cv2.connectedComponents(found.mask)
    assert count == 2  # nothing, and the stroke


def test_faint_ink_alone_does_not_count_beside_strong_ink() -> None:
    grey = written(np.full((240, 320), 200, np.uint8), 40)
    grey[30:38, 20:60] = 190  # show-through of the other page
    found = ink_of(grey)
    assert not found.mask[25:45, 15:65].any()
    assert common_share(found.mask, STROKES) > 0.95


def test_what_is_ignored_is_neither() -> None:
    grey = written(paper(), 40)
    ignored = np.zeros_like(grey)
    ignored[:, 150:] = 255
    found = find_ink(grey, estimate_background(grey, WINDOW), "dark", ignored)
    assert not found.mask[:, 150:].any()
    assert not found.contrast[:, 150:].any()
    assert found.mask[:, :150].any()


def test_specks_are_no_ink() -> None:
    grey = np.full((240, 320), 200, np.uint8)
    grey[[10, 60, 200], [20, 300, 40]] = 0
    assert ink_of(grey).strength == 0


def test_arguments_are_not_modified() -> None:
    grey = written(paper(), 40)
    before = grey.copy()
    background = paper_around(grey, split_levels(grey, "dark"))
    find_ink(grey, background, "dark", np.full_like(grey, 255))
    np.testing.assert_array_equal(grey, before)


@pytest.mark.parametrize("noise", [0.0, 12.0])
def test_ink_beside_finds_what_was_too_faint_but_no_noise(noise: float) -> None:
    grey = np.full((200, 300), 200.0)
    grey[20:180, 20:30] = 0
    grey[60:140, 150:160] = 110
    grey += np.random.default_rng(0).normal(0, noise, grey.shape)
    ink = find_ink(
        np.clip(grey, 0, 255).astype(np.uint8), np.full((200, 300), 200, np.uint8), "dark"
    )
    assert not ink.mask[:, 100:].any()
    black = np.zeros((200, 300), np.uint8)
    black[15:185, 15:35] = 255
    left = ink_beside(ink, black)
    faint = np.zeros((200, 300), bool)
    faint[60:140, 150:160] = True
    assert (left.mask[faint] > 0).mean() > 0.8
    assert not left.mask[~faint].any()
    assert left.floor == ink.floor
    assert ink_beside(replace(ink, sheet=black), black).sheet is black
    assert ink.contrast[100, 25] > 0.9  # the first ink stays as it was


def two_inks(fainter: int) -> Ink:
    """A bar at grey level 40 and one at another level, on paper of 200."""
    grey = paper()
    grey[60:120, 60:70] = 40
    grey[60:120, 160:170] = fainter
    return ink_of(grey)


def test_a_fainter_ink_is_found_beside_and_counts_as_much() -> None:
    ink = two_inks(fainter=120)
    assert not ink.mask[90, 165]
    both = with_fainter(ink)
    assert both is not None
    assert both.mask[90, 65] == both.mask[90, 165] == 255
    assert both.share[90, 165] == pytest.approx(both.share[90, 65], abs=12)
    assert np.array_equal(
        both.share[:, :100] * (ink.mask[:, :100] > 0), (ink.share & ink.mask)[:, :100]
    )


@pytest.mark.parametrize("fainter", [160, 200])
def test_what_shines_through_is_no_fainter_ink(fainter: int) -> None:
    assert with_fainter(two_inks(fainter)) is None


def cropped(margin: int, ink: int, level: int) -> Pixels:
    """A soft 0 with a paper's margin around it, in strokes as wide as what they leave of it."""
    image = np.full((200 + 2 * margin, 140 + 2 * margin), level, np.uint8)
    cv2.ellipse(image, (margin + 70, margin + 100), (48, 78), 0, 0, 360, ink, 44)
    return cv2.GaussianBlur(image, (0, 0), 8).astype(np.uint8)


@pytest.mark.parametrize(("ink", "level", "polarity"), [(30, 230, "dark"), (230, 0, "light")])
def test_ink_that_leaves_hardly_any_paper_is_found(
    ink: int, level: int, polarity: Polarity
) -> None:
    grey = cropped(0, ink, level)
    truth = abs(grey.astype(int) - level) > abs(ink - level) / 2
    assert common_share(ink_of(grey, polarity).mask, truth) < 0.6  # what it is for
    found = ink_on_even_paper(grey, split_levels(grey, polarity), polarity)
    assert found.polarity == polarity
    assert common_share(found.mask, truth) > 0.8


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize(("margin", "expected"), [(0, True), (17, True), (19, False)])
def test_a_picture_is_filled_where_no_margin_is_wide(
    side: str, margin: int, expected: bool
) -> None:
    mask = np.full((300, 100), 255, np.uint8)  # its longer side has 18 pixels of margin at most
    if side in ("top", "bottom"):
        mask[:margin] = 0
    else:
        mask[:, :margin] = 0
    assert fills_picture(mask[::-1, ::-1] if side in ("right", "bottom") else mask) is expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (60, 40)])
def test_no_ink_fills_no_picture(shape: tuple[int, int]) -> None:
    assert not fills_picture(np.zeros(shape, np.uint8))


def test_two_levels_are_all_there_is_to_separate() -> None:
    grey = np.where(STROKES, 60, 200).astype(np.uint8)
    assert separability(grey, split_levels(grey, "dark")) == pytest.approx(1)


def test_light_that_falls_off_has_no_two_levels() -> None:
    grey = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
    assert separability(grey, split_levels(grey, "dark")) == pytest.approx(0.75, abs=0.001)
