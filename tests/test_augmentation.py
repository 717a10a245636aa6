"""Random changes of training images."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from mnist_cnn.data import Chain, Cutout, Warp

SETTINGS = {
    "rotate": {"rotate": 15},
    "shear": {"shear": 15},
    "zoom": {"zoom": 0.2},
    "shift": {"shift": 0.1},
    "bend": {"bend": 1.0},
    "all": {"rotate": 10, "shear": 10, "zoom": 0.1, "shift": 0.07, "bend": 0.7},
}


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture
def images() -> Tensor:
    """Blobs in the middle of images higher than wide, (6, 2, 30, 24), uint8."""
    y, x = np.mgrid[:30, :24] - np.array([14.5, 11.5]).reshape(2, 1, 1)
    blob = 255 * np.exp(-((x / 3) ** 2) - (y / 6) ** 2)
    return torch.tensor(np.tile(blob, (6, 2, 1, 1))).byte()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_keeps_shape_and_range_and_changes_each_image_by_itself(
    images: Tensor, settings: dict[str, float]
) -> None:
    warped = Warp(**settings)(images, seeded())
    assert warped.shape == images.shape
    assert warped.dtype == torch.float32
    assert warped.min() >= 0
    assert warped.max() <= 255
    assert len(torch.unique(warped, dim=0)) == len(images)
    assert_close(warped[:, 0], warped[:, 1])  # all channels alike
    assert warped.sum() == pytest.approx(float(images.sum()), rel=0.25)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_depends_on_the_seed_alone(images: Tensor, settings: dict[str, float]) -> None:
    first, again, other = (Warp(**settings)(images, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_nothing_leaves_the_images_as_they_are(images: Tensor) -> None:
    noise = torch.randint(0, 256, images.shape, dtype=torch.uint8)
    assert_close(Warp()(noise, seeded()), noise.float(), atol=1e-2, rtol=0)


def test_shift_moves_by_a_share_of_the_side(images: Tensor) -> None:
    tall = images[:1].expand(500, -1, -1, -1)
    rows = torch.arange(30.0)
    columns = torch.arange(24.0)
    warped = Warp(shift=0.1)(tall, seeded())[:, 0]
    mass = warped.sum((1, 2))
    down = (warped.sum(2) @ rows) / mass - 14.5
    right = (warped.sum(1) @ columns) / mass - 11.5
    assert 2.8 < down.abs().max() <= 3.02
    assert 2.2 < right.abs().max() <= 2.42


def test_zoom_scales_both_ways_alike(images: Tensor) -> None:
    warped = Warp(zoom=0.25)(images[:1].expand(500, -1, -1, -1), seeded())[:, 0]
    area = warped.sum((1, 2)) / images[0, 0].sum()
    assert area.max() == pytest.approx(1.25**2, rel=0.03)
    assert area.min() == pytest.approx(1.25**-2, rel=0.03)


def test_rotation_turns_by_degrees_on_images_that_are_not_square(images: Tensor) -> None:
    warped = Warp(rotate=20)(images[:1].expand(500, -1, -1, -1), seeded())[:, 0]
    y, x = torch.meshgrid(torch.arange(30.0) - 14.5, torch.arange(24.0) - 11.5, indexing="ij")
    mixed = (warped * x * y).sum((1, 2))
    spread = (warped * (x * x - y * y)).sum((1, 2))
    angles = torch.rad2deg(torch.atan2(2 * mixed, -spread) / 2)
    assert 18.5 < angles.abs().max() < 20.5
    assert angles.min() < -18
    assert angles.max() > 18
    assert warped.sum((1, 2)).std() / warped.sum((1, 2)).mean() < 0.01  # turned, not deformed


def test_shear_slants_upright_lines_by_degrees() -> None:
    bar = torch.zeros(500, 1, 30, 30)
    bar[..., 5:25, 13:17] = 255
    warped = Warp(shear=20)(bar, seeded())[:, 0]
    columns = torch.arange(30.0)
    top, bottom = ((warped[:, y] @ columns) / warped[:, y].sum(1) for y in (8, 21))
    degrees = torch.rad2deg(torch.atan((bottom - top) / 13))
    assert 19 < degrees.max() < 21
    assert -21 < degrees.min() < -19


def test_bends_are_as_strong_as_they_say_at_the_knots() -> None:
    ramp = torch.arange(0.0, 120.0, 4).expand(2000, 1, 30, 30)  # 4 more with each column
    moved = (Warp(bend=1.0)(ramp, seeded()) - ramp)[:, 0] / 4
    # Of the 4×4 knots, from corner to corner; at the edges nothing comes in.
    assert moved[:, 10, 10].std() == pytest.approx(1, abs=0.1)
    assert 0.5 < moved[:, 5, 5].std() < 0.8
    across = torch.corrcoef(torch.stack([moved[:, 10, 10], moved[:, 19, 19]]))[0, 1]
    assert abs(across) < 0.1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("side", [1, 4, 7])
def test_cutout_empties_a_square_of_each_image(side: int, dtype: torch.dtype) -> None:
    full = torch.full((500, 2, 30, 24), 255).to(dtype)
    cut = Cutout(side)(full, seeded())
    assert cut.dtype == dtype
    assert set(torch.unique(cut).tolist()) == {0, 255}
    assert torch.equal(cut[:, 0], cut[:, 1])  # all channels alike
    empty = cut[:, 0] == 0
    rows, columns = empty.any(2), empty.any(1)
    assert torch.equal(empty, rows[:, :, None] & columns[:, None, :])  # a rectangle …
    for lines in (rows, columns):
        heights = lines.sum(1)
        assert (lines.int().diff(dim=1).abs().sum(1) <= 2).all()  # … in one piece …
        assert heights.max() == side  # … square, but where the edge cuts it
        assert heights.min() >= side // 2
    assert rows.any(0).all()  # anywhere
    assert columns.any(0).all()
    assert len(torch.unique(empty, dim=0)) > 200
    assert torch.equal(cut, Cutout(side)(full, seeded()))
    assert not torch.equal(cut, Cutout(side)(full, seeded(1)))


def test_cutout_larger_than_the_image_leaves_part_of_it_at_most(images: Tensor) -> None:
    assert not Cutout(100)(images, seeded()).any()


@pytest.mark.parametrize("side", [0, -3, 2.5, "8"])
def test_a_side_that_is_no_number_of_pixels_is_refused(side: Any) -> None:
    with pytest.raises(ValueError, match=rf"augment side is {side!r}, must be a whole number"):
        Cutout(side)


def test_a_chain_takes_its_steps_in_their_order(images: Tensor) -> None:
    shift, cutout = Warp(shift=0.2), Cutout(9)
    chained = Chain({"shift": shift, "cutout": cutout})(images, seeded(3))
    generator = seeded(3)
    assert torch.equal(chained, cutout(shift(images, generator), generator))
    assert not torch.equal(chained, Chain({"cutout": cutout, "shift": shift})(images, seeded(3)))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"rotate": -1}, "augment rotate is -1, must be from 0 to 180"),
        ({"zoom": 1}, "augment zoom is 1, must be from 0 to 0.9"),
        ({"bend": float("nan")}, "augment bend is nan, must be from 0 to 10"),
        ({"shear": "much"}, "augment shear is 'much', must be from 0 to 60"),
    ],
)
def test_numbers_out_of_range_are_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Warp(**settings)
