"""Normalisations against the formulas of torchvision and Keras, computed anew in float64."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.transforms import Compose, Normalize, ToTensor

from conftest import ROOT
from mnist_cnn.data.normalization import METHODS, build_normalization

SPECS: dict[str, dict[str, Any]] = {
    path.stem: dict(OmegaConf.load(path))
    for path in sorted(Path(ROOT, "conf/data/normalization").glob("*.yaml"))
}
AFFINE = [name for name, spec in SPECS.items() if spec["method"] == "affine"]
SHAPES = [(4, 1, 28, 28), (3, 3, 32, 32), (2, 1, 5, 9)]


def some_images(shape: tuple[int, ...]) -> Tensor:
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images[..., 2] = 0  # a black column
    images[0, 0] = 0  # a black image
    images[1, 0] = 255
    return torch.from_numpy(images)


def recompute(images: npt.NDArray[np.uint8], spec: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    if spec["method"] == "affine":
        mean, std = float(spec["mean"]), float(spec["std"])
        return (images.astype(np.float64) / 255 - mean) / std
    # tf.keras.utils.normalize(x, axis=1) of each channel, image by image and column by column
    result = np.zeros(images.shape)
    for index in np.ndindex(*images.shape[:2]):
        for column in range(images.shape[3]):
            pixels = images[index][:, column].astype(np.float64)
            length = np.sqrt((pixels**2).sum())
            result[index][:, column] = pixels / (1 if length == 0 else length)
    return result


def test_configurations_use_every_method() -> None:
    assert AFFINE
    assert {spec["method"] for spec in SPECS.values()} == set(METHODS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SPECS)
def test_values_match_the_formula(name: str, shape: tuple[int, ...]) -> None:
    images = some_images(shape)
    result = build_normalization(SPECS[name])(images)
    assert result.dtype == torch.float32
    assert result.shape == images.shape
    expected = recompute(images.numpy(), SPECS[name])
    np.testing.assert_allclose(result.double().numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AFFINE)
def test_affine_matches_torchvision(name: str, shape: tuple[int, ...]) -> None:
    images = some_images(shape)
    channels = shape[1]
    mean, std = SPECS[name]["mean"], SPECS[name]["std"]
    transform = Compose([ToTensor(), Normalize((mean,) * channels, (std,) * channels)])
    expected = torch.stack([transform(image.permute(1, 2, 0).numpy()) for image in images])
    torch.testing.assert_close(
        build_normalization(SPECS[name])(images), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_have_length_one_or_stay_zero(shape: tuple[int, ...]) -> None:
    images = some_images(shape)
    result = build_normalization({"method": "column_l2"})(images)
    lengths = result.square().sum(dim=2).sqrt()
    black = (images == 0).all(dim=2)
    assert black.any()
    assert (result.isfinite()).all()
    assert (lengths[black] == 0).all()
    torch.testing.assert_close(lengths[~black], torch.ones_like(lengths[~black]))


@pytest.mark.parametrize("name", SPECS)
def test_images_are_not_modified(name: str) -> None:
    images = some_images((4, 1, 28, 28))
    before = images.clone()
    build_normalization(SPECS[name])(images)
    assert torch.equal(images, before)
    assert images.dtype == torch.uint8


@pytest.mark.parametrize("name", SPECS)
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    images = some_images((4, 1, 28, 28))
    normalize = build_normalization(SPECS[name])
    assert torch.equal(normalize(images)[2:3], normalize(images[2:3]))


@pytest.mark.parametrize("spec", [{"method": "whiten"}, {"mean": 0.5, "std": 0.5}, {}])
def test_unknown_method_is_refused_with_the_choices(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not exist; choose one of") as caught:
        build_normalization(spec)
    assert repr(spec.get("method")) in str(caught.value)
    for method in METHODS:
        assert method in str(caught.value)


@pytest.mark.parametrize("std", ["abc", None, 0, -1])
def test_a_deviation_must_be_a_number_above_0(std: Any) -> None:
    with pytest.raises(ValueError, match=r"normalization std is .*, must be"):
        build_normalization({"method": "affine", "mean": 0.5, "std": std})


def test_description_is_not_modified() -> None:
    spec = {"method": "affine", "mean": 0.5, "std": 0.5}
    build_normalization(spec)
    assert spec == {"method": "affine", "mean": 0.5, "std": 0.5}
