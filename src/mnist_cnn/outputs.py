"""Folders and small files that commands write."""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any


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
            f"output folder {folder} can't be written ({error.strerror}); choose another with "
            f"{option}"
        ) from error


def check_writable(folder: Path, option: str) -> None:
    """As `make_writable`, but ends the process with one line if it can't be done."""
    try:
        make_writable(folder, option)
    except OSError as error:
        sys.exit(f"error: {error}")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes plain data; whoever reads it, a sweep's summary say, never sees half a file."""
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)


def shown(path: str | Path) -> str:
    """A path as a person at the screen would type it."""
    return os.path.relpath(path)
