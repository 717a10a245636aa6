"""Odd and damaged images: whatever comes, reading ends soon, and what it says is possible."""

import os
import time
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mnist_cnn.photos.images import ImageError, read_image
from mnist_cnn.prediction.classifiers import Classifier, bundled_classifier
from mnist_cnn.prediction.reading import read_digits

Pixels = npt.NDArray[np.uint8]

# Of each of the two tests; FUZZ_EXAMPLES=5000 tries 10,000 in about an hour.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
SLOW = 5.0  # seconds of processor time that no small image may take
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)


@cache
def classifier() -> Classifier:
    return bundled_classifier()


def constant(rng: np.random.Generator, height: int, width: int) -> Pixels:
    return np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)


def noise(rng: np.random.Generator, height: int, width: int) -> Pixels:
    low, high = sorted(rng.integers(0, 257, 2).tolist())
    return rng.integers(low, high + 1, (height, width, 3)).clip(0, 255).astype(np.uint8)


def extremes(rng: np.random.Generator, height: int, width: int) -> Pixels:
    inked = rng.random((height, width, 1)) < rng.choice([0.001, 0.05, 0.5, 0.95, 0.999])
    return np.where(inked, 0, 255).astype(np.uint8).repeat(3, axis=2)


def gradient(rng: np.random.Generator, height: int, width: int) -> Pixels:
    rows, columns = np.mgrid[:height, :width]
    down, across = rng.normal(0, 6, 2)
    light = rng.integers(0, 256) + down * rows + across * columns
    light = light % 256 if rng.random() < 0.3 else light.clip(0, 255)
    return np.asarray(light, np.uint8)[..., None].repeat(3, axis=2)


def checkerboard(rng: np.random.Generator, height: int, width: int) -> Pixels:
    side = int(rng.integers(1, 12))
    rows, columns = np.mgrid[:height, :width] // side
    light, dark = rng.integers(0, 256, 2)
    board = np.where((rows + columns) % 2 == 0, light, dark)
    return np.asarray(board, np.uint8)[..., None].repeat(3, axis=2)


def shapes(rng: np.random.Generator, height: int, width: int) -> Pixels:
    image = constant(rng, height, width)
    for _ in range(rng.integers(1, 15)):
        ends = rng.integers(-5, [width + 5, height + 5], (2, 2)).tolist()
        ink = rng.choice([0, 255], 3) if rng.random() < 0.5 else rng.integers(0, 256, 3)
        thickness = int(rng.integers(1, 9))
        draw = cv2.line if rng.random() < 0.6 else cv2.rectangle
        filled = draw is cv2.rectangle and rng.random() < 0.4
        draw(image, ends[0], ends[1], ink.tolist(), -1 if filled else thickness)
    return image


def framed_shapes(rng: np.random.Generator, height: int, width: int) -> Pixels:
    image = shapes(rng, height, width)
    image[:1], image[-1:], image[:, :1], image[:, -1:] = rng.integers(0, 256, (4, 3))
    return image


CONTENTS: list[Callable[[np.random.Generator, int, int], Pixels]] = [
    constant, noise, extremes, gradient, checkerboard, shapes, shapes, shapes, framed_shapes,
]  # fmt: skip
SIZES = st.one_of(
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.sampled_from([(1, 5000), (5000, 1), (2, 5000), (5000, 3), (1, 1), (1, 1599), (1600, 2)]),
)


def check_reading(image: Pixels, single: bool) -> None:
    """Reads an image; fails where what was read can't be."""
    before, start = image.copy(), time.process_time()
    reading = read_digits(image, classifier(), single=single)
    assert time.process_time() - start < SLOW, f"slow at {image.shape}"
    assert np.array_equal(image, before)
    height, width = image.shape[:2]
    for digit in reading.digits:
        x, y, w, h = digit.box
        assert min(x, y) >= 0, digit.box
        assert min(w, h) >= 1, digit.box
        assert x + w <= width, digit.box
        assert y + h <= height, digit.box
        assert digit.probabilities.shape == (10,)
        assert (digit.probabilities >= 0).all()
        assert digit.probabilities.sum() <= 1 + 1e-5
        assert digit.image.shape == (28, 28)
        assert digit.image.any()
    assert "".join(reading.lines()) == "".join(str(digit.digit) for digit in reading.digits)
    assert all(reading.lines()), "a line without digits"
    if single:
        assert len(reading.digits) == (reading.page is not None)


@SETTINGS
@given(
    size=SIZES,
    content=st.sampled_from(CONTENTS),
    seed=st.integers(0, 2**32 - 1),
    single=st.booleans(),
)
def test_no_image_is_too_odd(
    size: tuple[int, int],
    content: Callable[[np.random.Generator, int, int], Pixels],
    seed: int,
    single: bool,
) -> None:
    check_reading(content(np.random.default_rng(seed), *size), single)


def drawn_page() -> Pixels:
    image = np.full((60, 90, 3), 225, np.uint8)
    cv2.putText(image, "42", (6, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (50, 30, 20), 4)
    return image


FILES = {
    ending: cv2.imencode(ending, drawn_page())[1].tobytes() for ending in (".png", ".jpg", ".bmp")
}
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12)


@SETTINGS
@given(
    ending=st.sampled_from(sorted(FILES)), changes=CHANGES, cut=st.floats(0.3, 1), at=st.booleans()
)
def test_damaged_files_are_read_or_refused(
    ending: str, changes: list[tuple[float, int]], cut: float, at: bool
) -> None:
    content = bytearray(FILES[ending])
    for place, value in changes:
        content[round(place * (len(content) - 1))] = value
    if at:
        del content[round(cut * len(content)) :]
    try:
        image = read_image(bytes(content)).pixels
    except ImageError:
        return
    if image.size > 3 * 4_000_000:  # a damaged header can promise any size
        return
    check_reading(image, single=False)


@pytest.mark.parametrize("ending", sorted(FILES))
def test_undamaged_files_are_read(ending: str) -> None:
    reading = read_digits(read_image(FILES[ending]).pixels, classifier())
    assert reading.lines() == ["42"]
