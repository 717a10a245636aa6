"""From a file or its bytes to pixels, as a person sees them."""

import contextlib
import io
import math
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from mnist_cnn.photos.modes import to_bgr

# Only formats of photos, scans and drawings. Pillow's list is longer: its EPS starts Ghostscript,
# others are rare, little tested doors for crafted files.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")

# A decompression bomb is a small file of a huge image. Phones save 12 to 50 megapixels; decoding
# takes 8 bytes a pixel at most, and 16 from WebP, whose decoder keeps copies: 0.8 GB.
MAX_PIXELS = 100_000_000
MAX_WEBP_PIXELS = 50_000_000
MAX_BYTES = 8 * MAX_PIXELS  # such an image of 16-bit red, green, blue and alpha, not compressed

# EXIF's orientation (0x0112) → what makes the image upright; 1 is upright.
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = frozenset(TRANSPOSES[orientation] for orientation in (5, 6, 7, 8))


class ImageError(ValueError):
    """An image can't be had; the message names it, the fault and the remedy in one line."""


class Photo(NamedTuple):
    """An image as a person sees it.

    Attributes:
        pixels: (H, W, 3), uint8, in the order blue, green, red; at least 1 × 1.
        size: Height and width as displayed; larger than `pixels` where that was reduced.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]


def read_image(source: Path | bytes, enough: int | None = None) -> Photo:
    """Reads an image as a person sees it.

    The EXIF orientation is applied, the first frame of several is taken, 16-bit and floating-point
    grey is scaled to 8 bits, transparency is laid on white, or on black if the drawing is light.
    Colour profiles are ignored.

    Args:
        source: A file, or the content of one that came by standard input: `-` in messages.
        enough: Pixels of the longer side. A JPEG that is at least twice, four or eight times as
            large is reduced by that while it is decoded, which takes a third of the time.

    Raises:
        ImageError: The file can't be read, or isn't a whole image of one of `FORMATS` with at most
            `MAX_PIXELS` pixels, `MAX_WEBP_PIXELS` in WebP.
    """
    name = "-" if isinstance(source, bytes) else printable(source)
    content = source if isinstance(source, bytes) else _read_file(source, name)
    if not content:
        raise ImageError(f"{name} is empty; give an image")
    with warnings.catch_warnings(), _silent_stderr():
        warnings.simplefilter("ignore")  # of odd metadata and of sizes that are checked here
        try:
            return _decode(content, enough)
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{name} is no image in the format {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or "
                "its beginning is damaged; save it as PNG or JPEG"
            ) from error
        except Image.DecompressionBombError as error:
            raise ImageError(
                f"{name} has more than {MAX_PIXELS:,} pixels (or {MAX_WEBP_PIXELS:,} as WebP); "
                "scale it down"
            ) from error
        except MemoryError as error:
            raise ImageError(f"{name} takes more memory than there is; scale it down") from error
        except Exception as error:  # Pillow's decoders raise a dozen types on damaged files
            reason = printable(str(error) or type(error).__name__)
            raise ImageError(
                f"{name} is damaged or cut short ({reason}); replace it by a whole copy"
            ) from error


def printable(text: str | Path) -> str:
    """A name as one line: as it is, or quoted if it holds line breaks or the like."""
    return str(text) if str(text).isprintable() else ascii(str(text))


def _read_file(path: Path, name: str) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device could wait for ever
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            raise ImageError(f"{name} is {kind}; give an image file")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"{name} has more than {MAX_BYTES:,} bytes; scale it down")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{name} can't be read ({error.strerror}); check its path and permissions"
        ) from error


def _decode(content: bytes, enough: int | None) -> Photo:
    # Not cv2.imdecode, which is 50 ms faster on 12 megapixels: it prints to stderr, returns half
    # of a truncated photo as if it were whole, and reads fewer modes.
    image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
    if _area(image) > (MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS):
        raise Image.DecompressionBombError
    full = image.size
    if enough:  # without effect on other formats than JPEG
        share = enough / max(full)
        image.draft(None, (math.ceil(share * full[0]), math.ceil(share * full[1])))
    reduced = image.size != full
    image.load()
    transpose = _transpose(image)  # known after loading: PNG may have EXIF at its end
    if transpose is not None:
        image = image.transpose(transpose)
    # TIFFs have turned themselves when they were loaded.
    width, height = full if reduced else image.size
    lying = reduced and transpose in ON_ITS_SIDE
    return Photo(to_bgr(image), (width, height) if lying else (height, width))


def _area(image: Image.Image) -> int:
    """Pixels that are decoded at once: the tiles of a TIFF may be larger than the image."""
    tags = getattr(image, "tag_v2", {})
    tile: int = tags.get(TiffImagePlugin.TILEWIDTH, 0) * tags.get(TiffImagePlugin.TILELENGTH, 0)
    return max(image.width * image.height, tile)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keeps off the screen what Pillow logs of a damaged TIFF and what libtiff, in C, prints."""
    try:
        before = os.dup(2)
    except OSError:  # closed by whoever started the process
        yield
        return
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _transpose(image: Image.Image) -> Image.Transpose | None:
    try:
        return TRANSPOSES.get(image.getexif()[ExifTags.Base.Orientation])
    except Exception:  # of many types; damaged notes about a photo don't make it unreadable
        return None
