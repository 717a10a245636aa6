"""Which images shall be read, and which files that writes: known and checked before the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_cnn.outputs import make_writable
from mnist_cnn.photos.files import find_images
from mnist_cnn.photos.images import ImageError, printable

STANDARD_INPUT = "-"


class UsageError(ValueError):
    """The command line asks for what can't be done; the message is one line."""


@dataclass(frozen=True)
class Source:
    """An image that is asked for.

    Attributes:
        name: Its path, or `-` for standard input.
        error: Why there is none, if so.
    """

    name: str
    error: str | None = None


def find_sources(paths: Sequence[str]) -> list[Source]:
    """All images that the paths stand for, in their order; `find_images` says which."""
    sources = []
    for path in paths:
        try:
            found = [path] if path == STANDARD_INPUT else map(str, find_images(path))
            sources += [Source(name) for name in found]
        except ImageError as error:
            sources.append(Source(path, str(error)))
    return sources


def picture_names(sources: Sequence[Source]) -> list[str]:
    """A name for a picture of each image, after it: `photo.png`, and `photo-2.png` for another."""
    names: list[str] = []
    taken = set()
    for source in sources:
        stem = "stdin" if source.name == STANDARD_INPUT else Path(source.name).stem
        name, number = f"{stem}.png", 1
        # Some file systems don't tell upper from lower case.
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(name.casefold())
        names.append(name)
    return names


def check_targets(
    folder: Path, targets: Sequence[Path], option: str, sources: Sequence[Source]
) -> None:
    """Makes sure that files can be written, and makes their folder.

    Args:
        folder: Where all of them are.
        targets: The files.
        option: What chooses others, for the message.
        sources: Images that must not be overwritten.

    Raises:
        UsageError: A file can't be written, or would replace an image or what is no file.
    """
    try:
        make_writable(folder, option)
    except OSError as error:
        raise UsageError(printable(str(error))) from error
    images = {Path(source.name).resolve() for source in sources if source.error is None}
    for target in targets:
        if target.resolve() in images:
            raise UsageError(
                f"{printable(target)} is an image to be read; write to another place with {option}"
            )
        # What /dev/stdout leads to would be replaced by a new file.
        if target.absolute().parent == Path("/dev") or (target.exists() and not target.is_file()):
            raise UsageError(
                f"{printable(target)} is no file that could be replaced; choose another with "
                f"{option}"
            )
