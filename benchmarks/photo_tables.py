"""Counts of the benchmark of photos, as a table and as a picture of what went wrong."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.tutorials import PIPELINES
from mnist_cnn.simulator import CONDITIONS, NON_DIGITS

CONFIDENT = 0.9  # probability from which a digit counts as surely read
COLUMNS = 6  # of the picture


@dataclass
class Tally:
    """Counts of one condition, for singles or strings."""

    images: int = 0
    exact: int = 0
    digits: int = 0
    errors: int = 0  # digits substituted, missed or invented; a line's end counts as one
    confident: int = 0  # images with a digit at least CONFIDENT
    milliseconds: list[float] = field(default_factory=list)
    tutorials: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PIPELINES, 0))
    failures: list[tuple[Bytes, str, str]] = field(default_factory=list)


def table(results: dict[tuple[str, str], Tally]) -> str:
    """The results as Markdown."""
    lines = [
        "| condition | singles, % | by `threshold`, % | by `resize`, % | strings, % "
        "| wrong digits in strings, % | ms a single, median | ms a string, median |",
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
        for (name, _), tally in results.items()
        for image, truth, read in tally.failures
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
