"""A small data set in MNIST's own format: seven-segment digits, shifted and noisy, learnable."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

TRAIN_SIZE = 2000
TEST_SIZE = 500

# Segments: top, top left, top right, middle, bottom left, bottom right, bottom.
SEGMENTS = ["1110111", "0010010", "1011101", "1011011", "0111010",
            "1101011", "1101111", "1010010", "1111111", "1111011"]  # fmt: skip
BARS = [
    np.s_[4:6, 9:19], np.s_[5:14, 8:10], np.s_[5:14, 18:20], np.s_[13:15, 9:19],
    np.s_[14:23, 8:10], np.s_[14:23, 18:20], np.s_[22:24, 9:19],
]  # fmt: skip


def draw_digit(digit: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One digit, (28, 28), uint8, light on dark, up to three pixels off the centre."""
    image = np.zeros((28, 28), np.uint8)
    for wanted, bar in zip(SEGMENTS[digit], BARS, strict=True):
        if wanted == "1":
            image[bar] = generator.integers(150, 256)
    shift = generator.integers(-3, 4, size=2)
    noise = generator.integers(0, 60, (28, 28), np.uint8)
    return np.asarray(np.roll(image, shift, axis=(0, 1)) // 2 + noise, np.uint8)


def write_idx(path: Path, array: npt.NDArray[np.uint8]) -> None:
    """Writes an array as an IDX file of unsigned bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.tobytes())


def write_fake_mnist(data_dir: Path) -> dict[str, str]:
    """Writes the four files below `data_dir`; returns file name → SHA-256."""
    folder = data_dir / "MNIST" / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, size in (("train", TRAIN_SIZE), ("t10k", TEST_SIZE)):
        labels = generator.integers(0, 10, size).astype(np.uint8)
        images = np.stack([draw_digit(int(label), generator) for label in labels])
        write_idx(folder / f"{name}-images-idx3-ubyte", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
