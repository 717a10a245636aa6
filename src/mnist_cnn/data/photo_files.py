"""Writes simulated photos' digits as a data set in MNIST's file format."""

from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mnist_cnn.data.idx import read_idx, write_idx
from mnist_cnn.data.photo_digits import simulate_digits
from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.photos.glyphs import stands_alone
from mnist_cnn.photos.ink import Bytes

# Scenes that a process makes at a time: results don't depend on the number of processes.
CHUNK = 100
TEST_SHARE = 10  # one scene of the test part for so many of the training part
# The last twelfth of the training digits is in no training photo: a network knows the digits
# that it has seen, so the reader's constants are tuned with digits that it hasn't.
TUNING_SHARE = 12


def write_photo_files(out: Path, data: str, scenes: int, seed: int, processes: int) -> None:
    """Writes the four files, `train` from MNIST's training digits and `t10k` from its test digits.

    The training part begins with MNIST's own images. All are (N, 2, 28, 28): digits with their
    surroundings, see `photos.glyphs`. The class behind the digits, 10, is "no digit". The last
    training digits are left out: see `read_part`.

    Args:
        out: Folder; the files go to `MNIST/raw` below it, where the data module looks for them.
        data: Folder of MNIST, which is fetched if it isn't there.
        scenes: Photos of the training part.
        seed: Of all choices.
        processes: That work at a time; the result is the same for any number.

    Raises:
        ValueError: A file of MNIST is altered, or `out` is MNIST's own folder.
        FileNotFoundError: MNIST is missing and no source has it.
    """
    mnist, folder = Path(data, "MNIST", "raw"), out / "MNIST" / "raw"
    if folder.resolve() == mnist.resolve():
        raise ValueError(
            f"--out {out} is the folder of MNIST itself, whose files would be replaced; choose "
            "another"
        )
    provide_files(mnist, MNIST_SHA256)
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, tuple[Bytes, Bytes]] = {}
    for part, share in (("train", 1), ("t10k", TEST_SHARE)):
        chunks = [(seed, share, index) for index in range(max(1, scenes // share // CHUNK))]
        # spawn: a process that was forked while OpenCV has threads can hang.
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            made = pool.map(partial(_simulate, mnist, part), chunks)
            bar = tqdm(made, f"{part} photos", len(chunks), unit=" photos", unit_scale=CHUNK)
            found = list(bar)
        if part == "train":
            digits, labels = read_part(mnist, part)
            found.insert(0, (stands_alone(digits), labels))
        images, classes = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        parts[part] = images, classes
    for part, (images, classes) in parts.items():  # at last: an interrupt leaves the files alike
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", classes)
        counts = ", ".join(map(str, np.bincount(classes)))
        print(f"{part}: {len(images):,} images; of 0 to 9 and no digit: {counts}")
    print(f"python train.py experiment=photos data.data_dir={out}")


def _simulate(mnist: Path, part: str, seed: tuple[int, int, int]) -> tuple[Bytes, Bytes]:
    cv2.setNumThreads(1)  # one process a core
    return simulate_digits(np.random.default_rng(seed), *read_part(mnist, part), CHUNK)


@cache  # once in each process
def read_part(folder: Path, part: str) -> tuple[Bytes, Bytes]:
    """The images (N, 28, 28) and labels (N,), uint8, of a part of MNIST.

    Args:
        folder: Of the four files.
        part: `train`, the training digits without the last twelfth, `tuning`, that, or `t10k`.

    Raises:
        FileNotFoundError: They are not there.
    """
    file = "t10k" if part == "t10k" else "train"
    if not (folder / f"{file}-labels-idx1-ubyte").exists():
        raise FileNotFoundError(
            f"{folder} lacks MNIST's {file} files; python train.py trainer=smoke fetches them"
        )
    images = read_idx(folder / f"{file}-images-idx3-ubyte")
    labels = read_idx(folder / f"{file}-labels-idx1-ubyte")
    first = len(labels) - len(labels) // TUNING_SHARE
    cut = {"train": slice(first), "tuning": slice(first, None), "t10k": slice(None)}[part]
    return images[cut], labels[cut]
