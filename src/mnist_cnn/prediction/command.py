"""Reads the images of a command line and reports what is in them: behind predict.py."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mnist_cnn.errors import one_line, show_traceback
from mnist_cnn.outputs import write_whole
from mnist_cnn.photos.glyphs import stands_alone
from mnist_cnn.photos.images import MAX_BYTES, ImageError, Photo, printable, read_image
from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.page import LARGEST
from mnist_cnn.photos.tutorials import PIPELINES
from mnist_cnn.prediction import (
    Classifier,
    ReadDigit,
    Reading,
    bundled_classifier,
    checkpoint_classifier,
    read_digits,
)
from mnist_cnn.prediction.classifiers import DIGITS
from mnist_cnn.prediction.drawing import draw_reading
from mnist_cnn.prediction.files import (
    STANDARD_INPUT,
    Source,
    UsageError,
    check_targets,
    find_sources,
    picture_names,
)
from mnist_cnn.prediction.report import Record, format_csv, format_text, make_error, make_record
from mnist_cnn.prediction.steps import draw_steps

__all__ = ["Settings", "UsageError", "predict"]


@dataclass(frozen=True)
class Settings:
    """What a command line asks for.

    Attributes:
        paths: Images, folders, patterns, or `-` for standard input.
        checkpoint: Of the network, or None for the bundled one.
        json: Print JSON instead of text.
        csv: File for a table.
        save: Folder for the images with what was read in them.
        show_steps: Folder for pictures of the steps.
        top: How many alternatives to list of each digit, from 1 to 10.
        single: Each image is one digit.
        min_probability: Digits below it are `?`.
        preprocess: Name in `PIPELINES`; each image is one digit then.
    """

    paths: list[str]
    checkpoint: str | None
    json: bool
    csv: Path | None
    save: Path | None
    show_steps: Path | None
    top: int | None
    single: bool
    min_probability: float
    preprocess: str | None


def predict(settings: Settings) -> bool:
    """Reads all images, prints what is in them, writes what is asked for.

    Returns:
        Whether all images could be read.

    Raises:
        UsageError: Something can't be had or written; then no image was read.
        OSError: A file could not be written after all.
    """
    sources = find_sources(settings.paths)
    names = picture_names(sources)
    _check_outputs(settings, sources, names)
    read = _reader(settings)
    shown = [printable(source.name) for source in sources if source.error is None]
    name_width = max(map(len, shown), default=0)
    records = []
    for source, name in zip(sources, names, strict=True):
        record = _predict_one(source, name, read, settings)
        _show(record, name_width, as_json=settings.json)
        records.append(record)
    if settings.csv:
        write_whole(settings.csv, format_csv(records, settings.top).encode())
    errors = ["error" in record for record in records]
    if not settings.json:  # what a program reads has nothing beside it
        _show_places(settings, any_picture=not all(errors))
    return not any(errors)


def _show_places(settings: Settings, any_picture: bool) -> None:
    """Where what was asked for has been written; a table is, also where no image could be read."""
    pictures = (settings.save, settings.show_steps) if any_picture else ()
    places = ", ".join(printable(path) for path in (*pictures, settings.csv) if path)
    if places:
        _tell(f"written to {places}")


def _check_outputs(settings: Settings, sources: list[Source], names: list[str]) -> None:
    pictures = []
    for folder, option in (
        (settings.save, "--save DIR"),
        (settings.show_steps, "--show-steps DIR"),
    ):
        if folder:
            targets = [
                folder / name
                for source, name in zip(sources, names, strict=True)
                if source.error is None
            ]
            check_targets(folder, targets, option, sources)
            pictures += [target.resolve() for target in targets]
    if settings.csv:
        check_targets(settings.csv.parent, [settings.csv], "--csv FILE", sources)
        if settings.csv.resolve() in pictures:
            raise UsageError(
                f"--csv {printable(settings.csv)} is the name of a picture that is written, too; "
                "choose another"
            )
    if settings.save and settings.show_steps and settings.save.samefile(settings.show_steps):
        raise UsageError(
            f"--save and --show-steps are both {printable(settings.save)}; pictures of one would "
            "replace those of the other, so choose two folders"
        )


def _reader(settings: Settings) -> Callable[[Photo], Reading]:
    try:
        path = settings.checkpoint
        classify = bundled_classifier() if path is None else checkpoint_classifier(path)
    except (ValueError, OSError) as error:
        raise UsageError(one_line(error)) from error
    if settings.preprocess:
        prepare = PIPELINES[settings.preprocess]
        return lambda photo: _read_whole(photo, classify, prepare)
    return lambda photo: read_digits(
        photo.pixels, classify, single=settings.single, size=photo.size
    )


def _read_whole(photo: Photo, classify: Classifier, prepare: Callable[[Bytes], Bytes]) -> Reading:
    height, width = photo.size
    small = prepare(photo.pixels)
    row = classify(stands_alone(small[None]))[0, :DIGITS]
    row = row / row.sum()  # the tutorials' networks know nothing but digits
    return Reading([ReadDigit(row, (0, 0, width, height), 0, small)], None)


def _predict_one(
    source: Source, name: str, read: Callable[[Photo], Reading], settings: Settings
) -> Record:
    if source.error is not None:
        return make_error(source.name, source.error)
    try:
        # Pictures are drawn on the whole image, and the tutorials' ways shrink it in their own way.
        reduced = not (settings.save or settings.show_steps or settings.preprocess)
        photo = _read_source(source, LARGEST if reduced else None)
        reading = read(photo)
        record = make_record(source.name, reading, settings.min_probability, settings.top)
        pictures = _draw(photo.pixels, reading, settings)
    except ImageError as error:
        return make_error(source.name, str(error))
    except Exception as error:  # whatever is wrong with one image, the others are read
        if show_traceback():
            raise
        return make_error(source.name, f"{printable(source.name)}: {one_line(error)}")
    for folder, picture in pictures:
        write_whole(folder / name, np.asarray(cv2.imencode(".png", picture)[1]).tobytes())
    return record


def _draw(image: Bytes, reading: Reading, settings: Settings) -> list[tuple[Path, Bytes]]:
    """The pictures that are asked for, each with its folder."""
    pictures = []
    if settings.save:
        pictures.append((settings.save, draw_reading(image, reading, settings.min_probability)))
    if settings.show_steps:
        pictures.append((settings.show_steps, draw_steps(image, reading)))
    return pictures


def _read_source(source: Source, enough: int | None) -> Photo:
    if source.name != STANDARD_INPUT:
        return read_image(Path(source.name), enough)
    if sys.stdin is None:
        raise ImageError("- is closed; pipe an image in, or name a file")
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ImageError(f"- has more than {MAX_BYTES:,} bytes; scale it down")
    return read_image(content, enough)


def _show(record: Record, name_width: int, *, as_json: bool) -> None:
    # Flushed, so that errors stand between the readings, and a closed pipe is noticed here.
    if as_json:
        print(json.dumps(record), flush=True)
    elif "error" in record:
        _tell(f"error: {record['error']}")
    else:
        print(format_text(record, name_width), flush=True)


def _tell(text: str) -> None:
    """Beside what was read: standard output is for that."""
    if sys.stderr:  # print would take the standard output for a closed one
        print(text, file=sys.stderr, flush=True)
