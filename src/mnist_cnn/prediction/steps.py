"""The way from an image to what the classifier saw, as one picture. Colours are BGR."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mnist_cnn.photos.glyphs import SIDE
from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.page import Page
from mnist_cnn.photos.pieces import Piece
from mnist_cnn.prediction import ReadDigit, Reading
from mnist_cnn.prediction.drawing import (
    WHITE,
    Colour,
    Rectangle,
    colour,
    draw_box,
    percent,
    put_text,
    scaled,
    text_size,
)
from mnist_cnn.prediction.report import NOTHING

GROUND: Colour = (235, 235, 235)
BLACK: Colour = (0, 0, 0)
FRAME: Colour = (160, 160, 160)
# Brightness and saturation of the segments; hues a golden angle apart stay far from each other.
VALUE, SATURATION, GOLDEN_ANGLE = 200, 230, 137.508

# In pixels.
WIDTH = 1600
MARGIN = 20
TEXT = 20  # height
TALLEST = 640  # panel
LARGEST_ZOOM = 8  # of images smaller than their panel
CELL = 96  # width of a digit's column
GLYPH = 3 * SIDE


class Panel(NamedTuple):
    """A step: its title, its image (H, W) or (H, W, 3), uint8, and boxes to draw on it."""

    title: str
    image: Bytes
    boxes: Sequence[tuple[Rectangle, Colour]] = ()


def draw_steps(image: Bytes, reading: Reading) -> Bytes:
    """Draws the steps, to understand a mistake.

    Args:
        image: (H, W, 3), uint8, BGR.
        reading: What was read in it.

    Returns:
        (height, 1600, 3), uint8: the image in grey, flattened and binarised, the segments with the
        boxes of the digits, and the digits as 28×28 images with what they were read as. Where no
        page was found, the steps between are missing.
    """
    panels = _panels(image, reading)
    height, width = panels[0].image.shape[:2]
    columns = min(len(panels), _columns(width / height))
    rows = [panels[at : at + columns] for at in range(0, len(panels), columns)]
    parts = [_draw_row(row, columns) for row in rows]
    return np.vstack([*parts, *_draw_digits(reading.digits)])


def _columns(aspect: float) -> int:
    """Panels side by side: wide ones are stacked, high ones stand in a row."""
    if aspect > 2.5:
        return 1
    return 2 if aspect > 0.6 else 4


def _panels(image: Bytes, reading: Reading) -> list[Panel]:
    page = reading.page
    if page is None:
        return [Panel("grey", cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8))]
    boxes = [scaled(digit.box, page.scale) for digit in reading.digits]
    colours = [colour(digit) for digit in reading.digits]
    return [
        Panel("grey", page.grey),
        Panel("flattened", 255 - page.ink.share),
        Panel("binarised", 255 - page.ink.mask),
        Panel("segments", _segments(page, boxes), list(zip(boxes, colours, strict=True))),
    ]


def _segments(page: Page, boxes: Sequence[Rectangle]) -> Bytes:
    """The pieces in colours of their own, those within the box of a digit in one."""
    picture = np.full((*page.grey.shape, 3), WHITE, np.uint8)
    for index, piece in enumerate(page.pieces, len(boxes)):
        digits = (number for number, box in enumerate(boxes) if _holds(box, piece))
        part = picture[piece.y : piece.bottom, piece.x : piece.right]
        part[piece.mask > 0] = _hue(next(digits, index))
    return picture


def _holds(box: Rectangle, piece: Piece) -> bool:
    x, y, width, height = box
    across, down = piece.x + piece.width / 2 - x, piece.y + piece.height / 2 - y
    return 0 <= across <= width and 0 <= down <= height


def _hue(index: int) -> Colour:
    hue = round(index * GOLDEN_ANGLE) % 360 // 2  # OpenCV halves degrees to fit a byte
    pixel = np.array([[[hue, SATURATION, VALUE]]], np.uint8)
    blue, green, red = (int(value) for value in cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0])
    return blue, green, red


def _draw_row(panels: Sequence[Panel], columns: int) -> Bytes:
    widest = (WIDTH - MARGIN) // columns - MARGIN
    images = [_draw_panel(panel, widest) for panel in panels]
    top = 2 * MARGIN + TEXT // 2
    row = _canvas(top + max(image.shape[0] for image in images) + MARGIN // 2)
    for index, (panel, image) in enumerate(zip(panels, images, strict=True)):
        x = MARGIN + index * (widest + MARGIN)
        put_text(row, panel.title, TEXT, x, top - TEXT // 2, BLACK)
        row[top : top + image.shape[0], x : x + image.shape[1]] = image
    return row


def _draw_panel(panel: Panel, widest: int) -> Bytes:
    height, width = panel.image.shape[:2]
    zoom = min(widest / width, TALLEST / height, LARGEST_ZOOM)
    size = (max(1, round(zoom * width)), max(1, round(zoom * height)))
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST
    image = cv2.resize(panel.image, size, interpolation=method).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    for box, colour_ in panel.boxes:
        draw_box(image, scaled(box, zoom), colour_, 1)
    draw_box(image, (0, 0, *size), FRAME, 1)
    return image


def _draw_digits(digits: Sequence[ReadDigit]) -> list[Bytes]:
    title = _canvas(2 * MARGIN)
    text = "what the network saw, and read" if digits else NOTHING
    put_text(title, text, TEXT, MARGIN, MARGIN + TEXT // 2, BLACK)
    per_row = (WIDTH - MARGIN) // CELL
    rows = [_draw_glyphs(digits[at : at + per_row]) for at in range(0, len(digits), per_row)]
    return [title, *rows]


def _draw_glyphs(digits: Sequence[ReadDigit]) -> Bytes:
    row = _canvas(GLYPH + 2 * TEXT)
    for index, digit in enumerate(digits):
        x = MARGIN + index * CELL
        glyph = cv2.resize(digit.image, (GLYPH, GLYPH), interpolation=cv2.INTER_NEAREST)
        row[:GLYPH, x : x + GLYPH] = glyph[..., None]
        caption = f"{digit.digit} {percent(digit)}"
        left = x + (GLYPH - text_size(caption, TEXT)[1]) // 2
        put_text(row, caption, TEXT, left, GLYPH + TEXT, colour(digit))
    return row


def _canvas(height: int) -> Bytes:
    return np.full((height, WIDTH, 3), GROUND, np.uint8)
