"""How well are simulated photos read? By condition, against the pipelines of two of the texts.

python benchmarks/photos.py [--singles N] [--strings N] [--part train|test] [--out DIR]

Writes table.md, results.json and failures.png. Digits come from MNIST's test files; with
`--part train` from the training files, which is the part to tune with.
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from mnist_cnn.data.idx import read_idx
from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.tutorials import PIPELINES
from mnist_cnn.prediction import Classifier, bundled_classifier, checkpoint_classifier, read_digits
from mnist_cnn.simulator import CONDITIONS, NON_DIGITS, simulate, simulate_non_digit

SEED = 2026
CONFIDENT = 0.9
KEPT = 3  # failures of each condition and kind, for the picture
COLUMNS = 6  # of the picture
LAYOUTS = ((2,), (3,), (4,), (5,), (6,), (8,), (10,), (12,), (4, 4), (5, 3, 6))


@dataclass
class Tally:
    """Counts of one condition, for singles or strings."""

    images: int = 0
    exact: int = 0
    digits: int = 0
    errors: int = 0  # digits substituted, missed or invented
    confident: int = 0  # images with a digit at least CONFIDENT
    milliseconds: list[float] = field(default_factory=list)
    tutorials: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PIPELINES, 0))
    failures: list[tuple[Bytes, str, str]] = field(default_factory=list)


@cache
def _digits(folder: str, part: str) -> tuple[Bytes, Bytes]:
    name = {"train": "train", "test": "t10k"}[part]
    raw = Path(folder, "MNIST", "raw")
    return read_idx(raw / f"{name}-images-idx3-ubyte"), read_idx(raw / f"{name}-labels-idx1-ubyte")


@cache
def _classifier(checkpoint: str | None) -> Classifier:
    return checkpoint_classifier(checkpoint) if checkpoint else bundled_classifier()


def distance(read: str, truth: str) -> int:
    """Digits that were substituted, missed or invented (Levenshtein 1965)."""
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
    rng = np.random.default_rng(
        [SEED, [*CONDITIONS, *NON_DIGITS].index(condition), kind == "single"]
    )
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
                probabilities = classify(pipeline(image)[None])[0, :10]
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
    scene = simulate(rng, *_digits(options.data, options.part), condition, lengths)
    return scene.image, list(scene.lines)


def table(results: dict[tuple[str, str], Tally]) -> str:
    """The results as Markdown."""
    lines = [
        "| condition | singles, % | by text 000, % | by text 001, % | strings, % "
        "| wrong digits in strings, % | ms a single | ms a string |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in CONDITIONS:
        lines.append(_row(name, results[name, "single"], results[name, "string"]))
    singles, strings = (
        _total([results[name, kind] for name in CONDITIONS]) for kind in ("single", "string")
    )
    none = _total([results[kind, "none"] for kind in NON_DIGITS])
    by_kind = (results[kind, "none"] for kind in NON_DIGITS)
    shares = [
        f"{kind} {_percent(tally.confident, tally.images)}"
        for kind, tally in zip(NON_DIGITS, by_kind, strict=True)
    ]
    return "\n".join(
        [
            *lines,
            _row("**all**", singles, strings),
            "",
            f"A digit of at least {CONFIDENT:.0%} is seen in "
            f"{_percent(none.confident, none.images)} % of {none.images} images without any "
            f"({', '.join(shares)}), and in "
            f"{_percent(singles.confident, singles.images)} % of the single digits.",
        ]
    )


def _row(name: str, singles: Tally, strings: Tally) -> str:
    cells = [
        _percent(singles.exact, singles.images),
        *(_percent(singles.tutorials[pipeline], singles.images) for pipeline in PIPELINES),
        _percent(strings.exact, strings.images),
        _percent(strings.errors, strings.digits),
        f"{np.median(singles.milliseconds):.0f}",
        f"{np.median(strings.milliseconds):.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}"


def _total(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.images += tally.images
        total.exact += tally.exact
        total.digits += tally.digits
        total.errors += tally.errors
        total.confident += tally.confident
        total.milliseconds += tally.milliseconds
        for pipeline, count in tally.tutorials.items():
            total.tutorials[pipeline] += count
    return total


def failures_picture(results: dict[tuple[str, str], Tally]) -> Bytes:
    """What was misread, with truth and reading."""
    tiles = [
        _tile(image, f"{name}: {truth} read {read or 'nothing'}")
        for (name, kind), tally in results.items()
        for image, truth, read in tally.failures
        if kind != "none" or read
    ]
    tiles += [np.full_like(tiles[0], 255) for _ in range(-len(tiles) % COLUMNS)] if tiles else []
    rows = [np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows) if rows else np.full((40, 40, 3), 255, np.uint8)


def _tile(image: Bytes, text: str) -> Bytes:
    height, width = 130, 330
    scale = min(height / image.shape[0], width / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    tile = np.full((height + 24, width + 6, 3), 255, np.uint8)
    tile[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cv2.putText(
        tile, text, (2, height + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA
    )
    return tile


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--singles", type=int, default=150, help="single digits a condition")
    parser.add_argument("--strings", type=int, default=50, help="images of strings a condition")
    parser.add_argument("--none", type=int, default=200, help="images of each kind without digits")
    parser.add_argument("--part", choices=("train", "test"), default="test")
    parser.add_argument("--checkpoint", help="instead of the bundled weights")
    parser.add_argument("--data", default="data", help="folder of the MNIST files")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/photos"))
    options = parser.parse_args()
    jobs = [
        (options, name, kind, count)
        for kind, names, count in (
            ("single", CONDITIONS, options.singles),
            ("string", CONDITIONS, options.strings),
            ("none", NON_DIGITS, options.none),
        )
        for name in names
    ]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        results = {
            (job[1], job[2]): tally
            for job, tally in zip(jobs, pool.map(measure, jobs), strict=True)
        }
    text = table(results)
    print(text)
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"OpenCV {cv2.__version__}, seed {SEED}, digits of the {options.part} files"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "table.md").write_text(text + "\n")
    plain = {
        f"{name} {kind}": {
            k: v for k, v in vars(t).items() if k not in ("failures", "milliseconds")
        }
        for (name, kind), t in results.items()
    }
    (options.out / "results.json").write_text(json.dumps(plain, indent=1) + "\n")
    cv2.imwrite(str(options.out / "failures.png"), failures_picture(results))


if __name__ == "__main__":
    main()
