"""How long does a photo take? 12 megapixels with 24 digits, and `predict.py` as a whole process.

python benchmarks/photo_speed.py [--repeats N] [--data DIR]

The photo is made from MNIST's test digits; reading includes decoding, after one reading to warm up.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from mnist_cnn.data.photo_files import read_part
from mnist_cnn.errors import Parser, ends_with_one_line, number
from mnist_cnn.photos.images import read_image
from mnist_cnn.photos.page import LARGEST
from mnist_cnn.prediction import Classifier, bundled_classifier, read_digits
from mnist_cnn.simulator import simulate

SEED = 12
SIZE = (3000, 4000)
LINES = (8, 8, 8)
ROOT = Path(__file__).parent.parent
NOTE = Path("benchmarks", "pictures", "note.jpg")


def write_photo(path: Path, data: str) -> tuple[str, ...]:
    """Writes the large photo; returns what is written on it."""
    rng = np.random.default_rng(SEED)
    digits, labels = read_part(Path(data, "MNIST", "raw"), "t10k")
    scene = simulate(rng, digits, labels, "light_gradient", LINES)
    zoom = min(0.9 * side / have for side, have in zip(SIZE, scene.image.shape, strict=False))
    large = cv2.resize(scene.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    room = [side - have for side, have in zip(SIZE, large.shape, strict=False)]
    top, left = (side // 2 for side in room)
    page = cv2.copyMakeBorder(large, top, room[0] - top, left, room[1] - left, cv2.BORDER_REPLICATE)
    noisy = page + rng.normal(0, 3, page.shape)
    cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8))
    return scene.lines


def time_reading(path: Path, classify: Classifier, repeats: int) -> tuple[list[str], list[float]]:
    """The lines that are read, and the seconds that each reading took."""
    seconds: list[float] = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        reading = read_digits(read_image(path, LARGEST).pixels, classify)
        seconds.append(time.perf_counter() - start)
    return reading.lines(), seconds[1:]


def time_process(repeats: int) -> list[float]:
    """The seconds that `predict.py` takes for the note, from its start to its end."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        command = [sys.executable, "predict.py", str(NOTE)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measures and prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=7, help="of each measurement")
    parser.add_argument("--data", default="data", help="folder of the MNIST files")
    options = parser.parse_args()
    with ends_with_one_line(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.jpg")
        truth = write_photo(path, options.data)
        lines, seconds = time_reading(path, bundled_classifier(), options.repeats)
    print(f"{SIZE[0] * SIZE[1] / 1e6:.0f} megapixels, {_summary(seconds)}")
    print(f"written {' '.join(truth)}, read {' '.join(lines)}")
    print(f"predict.py {NOTE}, {_summary(time_process(options.repeats))}")
    print(
        f"{platform.machine()}, {cv2.getNumThreads()} threads, Python "
        f"{platform.python_version()}, OpenCV {cv2.__version__}"
    )


def _summary(seconds: list[float]) -> str:
    return (
        f"{statistics.median(seconds):.2f} s, median of {len(seconds)} from "
        f"{min(seconds):.2f} to {max(seconds):.2f}"
    )


if __name__ == "__main__":
    main()
