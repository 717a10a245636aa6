"""The tutorials' ways to prepare an image."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from torchvision.transforms import Resize

from mnist_cnn.photos.tutorials import PIPELINES, resize, threshold

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(params=[(20, 20), (28, 28), (90, 61), (300, 421)])
def image(request: pytest.FixtureRequest) -> Pixels:
    height, width = request.param
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", PIPELINES)
def test_result_is_an_mnist_image(name: str, image: Pixels) -> None:
    result = PIPELINES[name](image)
    assert result.shape == (28, 28)
    assert result.dtype == np.uint8


def test_threshold_is_torchvision_s_resize_of_the_inverted_binary_image(image: Pixels) -> None:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    binary = np.where(grey > 127, 0, 255).astype(np.uint8)
    expected = np.asarray(Resize((28, 28))(Image.fromarray(binary)))
    np.testing.assert_array_equal(threshold(image), expected)


@pytest.mark.parametrize(("level", "expected"), [(0, 255), (127, 255), (128, 0), (255, 0)])
def test_threshold_inverts_at_a_fixed_level(level: int, expected: int) -> None:
    assert (threshold(np.full((40, 50, 3), level, np.uint8)) == expected).all()


def test_resize_averages_areas_and_does_not_invert() -> None:
    image = np.zeros((56, 56, 3), np.uint8)
    image[::2] = 100
    assert (resize(image) == 50).all()
    image[:] = (255, 0, 0)  # blue counts little
    assert (resize(image) == 29).all()
