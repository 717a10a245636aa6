"""What was read, as plain data, as text for a person and as rows of a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NotRequired, TypedDict

import numpy as np

from mnist_cnn.photos.images import printable
from mnist_cnn.prediction import ReadDigit, Reading

NOTHING = "no digits found"
GAP = "   "  # between columns
TEXT_WIDTH = 6  # of the column of digits: numbers up to this length leave the next one aligned
PER_ROW = 10  # probabilities
COLUMNS = ["image", "line", "position", "digit", "probability", "x", "y", "width", "height"]


class DigitRecord(TypedDict):
    """A digit that was read.

    Attributes:
        digit: From 0 to 9, or `?`.
        probability: Of the most probable digit.
        box: x, y, width, height in pixels of the image as displayed.
        line: Index of its line.
        top: The most probable digits with their probabilities, if asked for.
    """

    digit: int | str
    probability: float
    box: list[int]
    line: int
    top: NotRequired[list[tuple[int, float]]]


class Record(TypedDict):
    """What was read in an image.

    Attributes:
        image: Its path, or `-`.
        text: The digits in reading order.
        lines: The same, line by line.
        digits: The same, one by one.
        error: Why the image could not be read, if so.
    """

    image: str
    text: str
    lines: list[str]
    digits: list[DigitRecord]
    error: NotRequired[str]


def make_record(image: str, reading: Reading, min_probability: float, top: int | None) -> Record:
    """Describes a reading as plain data.

    Args:
        image: Name of the image.
        reading: What was read in it.
        min_probability: Digits below it are `?`.
        top: How many alternatives to list of each digit, from 1 to 10.
    """
    lines = reading.lines(min_probability)
    digits = [_digit_record(digit, min_probability, top) for digit in reading.digits]
    return Record(image=image, text="".join(lines), lines=lines, digits=digits)


def make_error(image: str, error: str) -> Record:
    """Describes an image that could not be read, as plain data."""
    return Record(image=image, text="", lines=[], digits=[], error=error)


def _digit_record(digit: ReadDigit, min_probability: float, top: int | None) -> DigitRecord:
    record = DigitRecord(
        digit=digit.shown(min_probability),
        probability=round(digit.probability, 6),
        box=list(digit.box),
        line=digit.line,
    )
    if top is not None:
        best = np.argsort(-digit.probabilities, kind="stable")[:top].tolist()
        record["top"] = [(index, round(float(digit.probabilities[index]), 6)) for index in best]
    return record


def format_text(record: Record, name_width: int) -> str:
    """A record as a block of text: the name, the digits of each line, their probabilities.

    Args:
        record: Of an image that could be read.
        name_width: Of the column of names, in characters.
    """
    rows = []
    width = max(TEXT_WIDTH, *map(len, record["lines"]), 0)
    for index, line in enumerate(record["lines"]):
        digits = [digit for digit in record["digits"] if digit["line"] == index]
        details = _alternatives(digits) if "top" in digits[0] else _percents(digits)
        rows += [
            (text or "").ljust(width) + GAP + row for text, row in zip_longest([line], details)
        ]
    names = [printable(record["image"])]
    return "\n".join(
        (name or "").ljust(name_width) + GAP + row
        for name, row in zip_longest(names, rows or [NOTHING])
    )


def _percents(digits: Sequence[DigitRecord]) -> list[str]:
    percents = [f"{100 * digit['probability']:5.1f}" for digit in digits]
    parts = [percents[at : at + PER_ROW] for at in range(0, len(percents), PER_ROW)]
    return [" ".join(part) + " %" for part in parts]


def _alternatives(digits: Sequence[DigitRecord]) -> list[str]:
    return [GAP.join(f"{d} {100 * p:5.1f} %" for d, p in digit["top"]) for digit in digits]


def format_csv(records: Sequence[Record], top: int | None) -> str:
    """Records as a table: a row for each digit, or one with a note where there is none."""
    ranks = range(1, (top or 0) + 1)
    tops = [name for rank in ranks for name in (f"top_{rank}", f"top_{rank}_probability")]
    content = io.StringIO(newline="")
    writer = csv.DictWriter(content, [*COLUMNS, *tops, "note"], lineterminator="\n")
    writer.writeheader()
    for record in records:
        image = printable(record["image"])
        for row in _rows(record):
            writer.writerow({"image": image, **row})
    return content.getvalue()


def _rows(record: Record) -> Iterator[dict[str, object]]:
    if not record["digits"]:
        yield {"note": record.get("error", NOTHING)}
    positions = [0] * len(record["lines"])
    for digit in record["digits"]:
        line = digit["line"]
        x, y, width, height = digit["box"]
        row: dict[str, object] = {"line": line, "position": positions[line]}
        row |= {"digit": digit["digit"], "probability": digit["probability"]}
        row |= {"x": x, "y": y, "width": width, "height": height}
        for rank, (other, probability) in enumerate(digit.get("top", []), 1):
            row |= {f"top_{rank}": other, f"top_{rank}_probability": probability}
        positions[line] += 1
        yield row
