"""Folders and small files that commands write."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Any


def make_writable(folder: Path, option: str) -> None:
    """Makes a folder, and sure that files can be written to it.

    Args:
        folder: Where results shall go.
        option: What chooses another folder, for the message.

    Raises:
        OSError: It can't be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"folder {folder} can't be written ({error.strerror}); choose another with {option}"
        ) from error


def check_writable(folder: Path, option: str) -> None:
    """As `make_writable`, but ends the process with one line if it can't be done."""
    try:
        make_writable(folder, option)
    except OSError as error:
        sys.exit(f"error: {error}")


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to; nobody ever sees half of it, and a failure leaves what was there before.

    It is written beside its place, flushed to the disk, and renamed.

    Args:
        path: Its place.

    Raises:
        OSError: It can't be written.
    """
    path = path.resolve()  # a link stays one
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o666 & ~_umask())  # it was for this user alone
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OSError(
            f"{path} can't be written ({error.strerror}); choose another place or make room"
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file in one go, see `whole_file`."""
    with whole_file(path) as file:
        file.write(content)


def _umask() -> int:
    mask = os.umask(0)  # there is no way to ask without setting it
    os.umask(mask)
    return mask


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes plain data; whoever reads it, a sweep's summary say, never sees half a file."""
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def shown(path: str | Path) -> str:
    """A path as a person at the screen would type it."""
    return os.path.relpath(path)
