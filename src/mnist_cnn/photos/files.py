"""Which images a path on the command line stands for."""

import glob
import re
from pathlib import Path

from PIL import Image

from mnist_cnn.photos.images import FORMATS, ImageError, printable

# Of the files in a folder, these are images; a file that is named is tried whatever its suffix.
IMAGE_SUFFIXES = frozenset(
    suffix for suffix, format_ in Image.registered_extensions().items() if format_ in FORMATS
)


def find_images(path: str) -> list[Path]:
    """Finds the images that a path stands for.

    Args:
        path: A file; or a folder, for the images directly in it; or a pattern such as
            `scans/*.jpg` or `**/*.png`, for all files that match. Folders and patterns leave out
            hidden files. A file or folder whose name looks like a pattern is itself.

    Returns:
        At least one path, in natural order (`2.png` before `10.png`).

    Raises:
        ImageError: The path is empty, or there is no such file, no image in the folder or no match.
    """
    if not path:
        raise ImageError("a path is empty; name an image, a folder or a pattern")
    place = Path(path)
    try:
        if place.is_dir():
            images = [file for file in place.iterdir() if _is_image(file)]
            fault = f"is a folder without images of its own ({', '.join(sorted(IMAGE_SUFFIXES))})"
        elif place.exists():
            return [place]
        else:
            # Path.glob takes no absolute patterns and doesn't leave out hidden files.
            matches = glob.iglob(path, recursive=True)  # noqa: PTH207
            images = [file for file in map(Path, matches) if file.is_file()]
            fault = "is no file or folder, and no file matches it as a pattern"
    except OSError as error:
        images, fault = [], f"can't be read ({error.strerror})"
    if not images:
        raise ImageError(f"{printable(path)} {fault}; check the path")
    return sorted(images, key=_natural_order)


def _is_image(file: Path) -> bool:
    return (
        file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()
    )


def _natural_order(path: Path) -> tuple[list[str | int], Path]:
    # Text and numbers alternate, so that like is compared with like; the path settles ties.
    parts = re.split(r"(\d+)", str(path).casefold())
    return [int(part) if part.isdecimal() else part for part in parts], path
