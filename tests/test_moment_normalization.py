"""Moment normalisation: where the ink lies afterwards, and what must not change it."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mnist_cnn.models.moment_normalization import HEIGHT, WIDTH, MomentNormalization

normalize = MomentNormalization()


def blob(
    x: float = 0.0, y: float = 0.0, width: float = 0.3, height: float = 0.4, lean: float = 0.0
) -> Tensor:
    """(1, 1, 56, 56): a Gaussian spot; centre and standard deviations in half sides."""
    ys, xs = torch.meshgrid(*(((torch.arange(56) * 2 + 1) / 56 - 1),) * 2, indexing="ij")
    across, along = (xs - x - lean * (ys - y)) / width, (ys - y) / height
    return torch.exp(-(across**2 + along**2) / 2)[None, None]


def moments(image: Tensor) -> tuple[float, ...]:
    """Mean of x and of y, their standard deviations, their covariance: pixel by pixel."""
    rows = (image - image.min())[0, 0].tolist()
    sums = [0.0] * 6
    for i, row in enumerate(rows):
        for j, ink in enumerate(row):
            y, x = (2 * i + 1) / len(rows) - 1, (2 * j + 1) / len(row) - 1
            for k, value in enumerate((1, x, y, x * x, y * y, x * y)):
                sums[k] += ink * value
    x, y, xx, yy, xy = (value / sums[0] for value in sums[1:])
    return x, y, math.sqrt(xx - x * x), math.sqrt(yy - y * y), xy - x * y


@pytest.mark.parametrize(
    "image",
    [
        blob(width=0.2, height=0.3),
        blob(x=0.3, y=-0.2, width=0.2, height=0.25),
        blob(width=0.2, height=0.25, lean=0.5),
        blob(x=-0.2, y=0.2, width=0.2, height=0.22, lean=-0.4),
    ],
    ids=["small", "aside", "leaning", "all"],
)
def test_ink_is_centred_upright_and_of_one_size(image: Tensor) -> None:
    x, y, width, height, covariance = moments(normalize(image))
    assert (x, y, covariance) == pytest.approx((0, 0, 0), abs=0.01)
    # The tails of a spot this large are cut off by the image.
    assert (width, height) == pytest.approx((WIDTH, HEIGHT), rel=0.06)


def test_a_narrow_digit_stays_narrow() -> None:
    _, _, width, _, _ = moments(normalize(blob(width=0.05, height=0.3)))
    assert width == pytest.approx(0.1, rel=0.05)  # twice as wide at most


def test_a_flat_digit_stays_flat() -> None:
    _, _, _, height, _ = moments(normalize(blob(width=0.2, height=0.1)))
    assert height == pytest.approx(0.2, rel=0.05)


def test_what_fills_the_image_shrinks_a_little_only() -> None:
    full = blob(width=9, height=9)  # ink of about 0.577, as evenly spread values have
    _, _, width, height, _ = moments(full)
    x, y, narrower, lower, _ = moments(normalize(full))
    assert (x, y) == pytest.approx((0, 0), abs=0.01)
    assert (narrower, lower) == pytest.approx((width / 1.15, height / 1.3), rel=0.03)


def test_a_leaning_dash_is_not_torn_apart() -> None:
    def lean_left(lean: float) -> float:
        _, _, _, height, covariance = moments(normalize(blob(width=0.1, height=0.1, lean=lean)))
        return covariance / height**2

    assert lean_left(1.9) == pytest.approx(0, abs=0.05)
    assert lean_left(3) > 0.5


def test_sides_count_each_for_itself() -> None:
    image = torch.nn.functional.pad(blob(x=0.1, width=0.35, height=0.3), (0, 24, 0, 0))
    assert image.shape == (1, 1, 56, 80)
    x, y, width, height, covariance = moments(normalize(image))
    assert (x, y, covariance) == pytest.approx((0, 0, 0), abs=0.01)
    assert (width, height) == pytest.approx((WIDTH, HEIGHT), rel=0.06)


def test_the_ink_of_all_channels_counts_whatever_their_offsets() -> None:
    image = blob(x=0.2, width=0.2, height=0.3)
    both = torch.cat([torch.full_like(image, 5), image], dim=1)
    assert_close(normalize(both)[:, 1:], normalize(image))
    assert_close(normalize(both)[:, :1], both[:, :1])


def test_neither_offset_nor_contrast_of_the_values_matters() -> None:
    image = blob(x=0.2, width=0.2, height=0.3, lean=0.2)
    assert_close(normalize(3 * image - 0.4), 3 * normalize(image) - 0.4, atol=1e-5, rtol=0)


def test_each_image_is_normalised_by_itself() -> None:
    images = torch.cat([blob(x=0.2), blob(width=0.1), blob(lean=0.5)])
    together = normalize(images)
    for image, result in zip(images, together, strict=True):
        assert_close(normalize(image[None])[0], result)


@pytest.mark.parametrize("value", [0.0, -0.4242, 1.0])
def test_an_image_of_one_value_stays(value: float) -> None:
    images = torch.full((2, 1, 28, 28), value)
    assert_close(normalize(images), images)


def test_one_pixel_of_ink_gives_numbers() -> None:
    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 3, 20] = 1
    assert normalize(images).isfinite().all()


def test_shape_type_and_range_are_kept() -> None:
    images = torch.rand(3, 2, 20, 31).to(torch.float64)
    result = normalize(images)
    assert (result.shape, result.dtype) == (images.shape, images.dtype)
    assert images.amin() - 1e-6 <= result.min()
    assert result.max() <= images.amax() + 1e-6


def test_a_mixed_precision_changes_nothing() -> None:
    image = blob(x=0.2, lean=0.3)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = normalize(image)
    assert torch.equal(mixed, normalize(image))


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_torch_s_default_type_changes_nothing(default: torch.dtype) -> None:
    images = torch.rand(3, 1, 28, 28)
    expected = MomentNormalization()(images)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)  # as Lightning does for precision=64-true, bf16-true
    try:
        assert_close(MomentNormalization()(images), expected, rtol=0, atol=0)
    finally:
        torch.set_default_dtype(before)
