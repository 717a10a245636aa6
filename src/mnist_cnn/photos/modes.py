"""Pillow's modes: from palettes, deep grey, CMYK, transparency and the like to plain pixels."""

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# Pixels that are converted at a time: whole copies in other modes would double the memory.
BAND_PIXELS = 1_000_000

# A drawing on a transparent ground is light if no more than this share of it is dark. Not the mean:
# a sheet of paper that was cut out of its photo is light, yet its ink is dark.
DARK_SHARE = 0.001
SAMPLE_SIDE = 1000  # pixels; enough to know that share

Convert = Callable[[Image.Image], Image.Image]


def to_bgr(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Turns a decoded image of any mode into opaque 8-bit pixels.

    Grey of 16 bits or more is scaled, transparency is laid on white, or on black if the drawing is
    light.

    Args:
        image: At least 1 × 1.

    Returns:
        (H, W, 3), uint8, in the order blue, green, red.

    Raises:
        ValueError: Pillow can't convert the mode.
    """
    convert = _conversion(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    top = 0
    for band in _bands(image):
        rgb = np.asarray(convert(band))
        pixels[top : top + band.height] = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        top += band.height
    return pixels


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _conversion(image: Image.Image) -> Convert:
    """How to make 8-bit RGB of each band of an image."""
    if image.mode == "LAB":
        lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(n)) for n in ("LAB", "sRGB"))
        return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB").apply
    if image.mode.startswith(("I", "F")):
        return partial(_scale, white=_white(image))
    if image.has_transparency_data:
        return partial(_lay, ground=_ground(image))
    return lambda band: band.convert("RGB")


def _white(image: Image.Image) -> float:
    """The value of white in grey of 16 or 32 bits or floating point."""
    if image.mode.startswith("I;16"):
        return 65535
    # The format doesn't say: the usual one that just holds the brightest value.
    brightest = max(float(_finite(band).max()) for band in _bands(image))
    return next((usual for usual in (1, 255, 65535) if usual >= brightest), brightest)


def _scale(grey: Image.Image, white: float) -> Image.Image:
    values = np.rint(np.clip(_finite(grey) / white, 0, 1) * 255)
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _finite(grey: Image.Image) -> npt.NDArray[np.float32]:
    return np.nan_to_num(np.asarray(grey, np.float32), nan=0, posinf=0, neginf=0)


def _ground(image: Image.Image) -> str:
    """The colour to lay a transparent image on: white, unless that would swallow the drawing."""
    size = min(image.width, SAMPLE_SIDE), min(image.height, SAMPLE_SIDE)
    sample = image.resize(size, Image.Resampling.NEAREST).convert("RGBA")
    opacity = np.asarray(sample.getchannel("A"))
    # The rims of strokes are half transparent and of any colour, which says nothing.
    drawn = opacity >= max(1, 0.9 * opacity.max())
    dark = np.asarray(sample.convert("L"))[drawn] < 128
    return "black" if dark.size and dark.mean() <= DARK_SHARE else "white"


def _lay(transparent: Image.Image, ground: str) -> Image.Image:
    drawing = transparent.convert("RGBA")
    page = Image.new("RGB", drawing.size, ground)
    page.paste(drawing, mask=drawing.getchannel("A"))
    return page
