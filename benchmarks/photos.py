"""How well are simulated photos read? By condition, against the ways of two of the texts.

python benchmarks/photos.py [--singles N] [--strings N] [--none N] [--part tuning|test]
                            [--checkpoint FILE] [--data DIR] [--out DIR]

Writes table.md, results.json and failures.png. Digits come from MNIST's test files; with
`--part tuning` from the training digits that are in no training photo.
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from mnist_cnn.data.photo_files import read_part
from mnist_cnn.errors import Parser, ends_with_one_line, number
from mnist_cnn.outputs import check_writable
from mnist_cnn.photos.glyphs import stands_alone
from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.tutorials import PIPELINES
from mnist_cnn.prediction import Classifier, bundled_classifier, checkpoint_classifier, read_digits
from mnist_cnn.simulator import CONDITIONS, NON_DIGITS, simulate, simulate_non_digit
from photo_tables import CONFIDENT, Tally, failures_picture, table

SEED = 2026
PARTS = {"tuning": "tuning", "test": "t10k"}
KINDS = "string", "single", "none"
KEPT = 3  # failures of each condition and kind, for the picture
LAYOUTS = ((2,), (3,), (4,), (5,), (6,), (8,), (10,), (12,), (4, 4), (5, 3, 6))


@cache
def _classifier(checkpoint: str | None) -> Classifier:
    return checkpoint_classifier(checkpoint) if checkpoint else bundled_classifier()


def distance(read: str, truth: str) -> int:
    """Characters, digits or lines' ends, substituted, missed or invented (Levenshtein 1965)."""
    row = list(range(len(truth) + 1))
    for i, mine in enumerate(read, start=1):
        last, row[0] = row[0], i
        for j, other in enumerate(truth, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (mine != other))
    return row[-1]


def measure(job: tuple[argparse.Namespace, str, str, int]) -> Tally:
    """Reads the images of one condition."""
    options, condition, kind, count = job
    cv2.setNumThreads(1)
    classify = _classifier(options.checkpoint)
    names = list(NON_DIGITS if kind == "none" else CONDITIONS)
    rng = np.random.default_rng([SEED, names.index(condition), KINDS.index(kind)])
    tally = Tally()
    for index in range(count):
        image, lines = _make(rng, options, condition, kind, index)
        start = time.perf_counter()
        reading = read_digits(image, classify)
        tally.milliseconds.append(1000 * (time.perf_counter() - start))
        read = reading.lines()
        tally.images += 1
        tally.exact += read == lines
        tally.digits += sum(map(len, lines))
        tally.errors += distance("\n".join(read), "\n".join(lines))
        best = max((digit.probability for digit in reading.digits), default=0.0)
        tally.confident += best >= CONFIDENT
        if kind == "single":
            for name, pipeline in PIPELINES.items():
                probabilities = classify(stands_alone(pipeline(image)[None]))[0, :10]
                tally.tutorials[name] += str(probabilities.argmax()) == lines[0]
        if read != lines and len(tally.failures) < KEPT:
            tally.failures.append((image, "/".join(lines), "/".join(read)))
    return tally


def _make(
    rng: np.random.Generator, options: argparse.Namespace, condition: str, kind: str, index: int
) -> tuple[Bytes, list[str]]:
    if kind == "none":
        return simulate_non_digit(rng, condition), []
    lengths = (1,) if kind == "single" else LAYOUTS[index % len(LAYOUTS)]
    scene = simulate(
        rng, *read_part(Path(options.data, "MNIST", "raw"), PARTS[options.part]), condition, lengths
    )
    return scene.image, list(scene.lines)


def main() -> None:
    """Measures, prints, writes."""
    options = parse_arguments()
    check_writable(options.out, "--out DIR")
    jobs = [
        (options, name, kind, count)
        for kind, names, count in (
            ("single", CONDITIONS, options.singles),
            ("string", CONDITIONS, options.strings),
            ("none", NON_DIGITS, options.none),
        )
        for name in names
    ]
    processes = ProcessPoolExecutor(os.cpu_count(), get_context("spawn"))
    with ends_with_one_line(), processes as pool:
        results = {
            (job[1], job[2]): tally
            for job, tally in zip(jobs, pool.map(measure, jobs), strict=True)
        }
    text = table(results)
    print(text)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"OpenCV {cv2.__version__}, seed {SEED}, digits: {options.part}"
    )
    write(options.out, text, results)


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual, what in (
        ("--singles", 150, "single digits a condition"),
        ("--strings", 50, "images of strings a condition"),
        ("--none", 200, "images of each kind without digits"),
    ):
        parser.add_argument(name, type=number(int, 1), default=usual, help=what)
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--checkpoint", help="instead of the bundled weights")
    parser.add_argument("--data", default="data", help="folder of the MNIST files")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/photos"))
    return parser.parse_args()


def write(folder: Path, text: str, results: dict[tuple[str, str], Tally]) -> None:
    """Writes the table, the counts and the picture of failures."""
    (folder / "table.md").write_text(text + "\n")
    counts = {
        f"{name} {kind}": {
            key: value
            for key, value in vars(tally).items()
            if key not in ("failures", "milliseconds")
        }
        for (name, kind), tally in results.items()
    }
    (folder / "results.json").write_text(json.dumps(counts, indent=1) + "\n")
    cv2.imwrite(str(folder / "failures.png"), failures_picture(results))


if __name__ == "__main__":
    main()
