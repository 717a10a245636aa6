"""What was read, drawn into the image. Colours are BGR."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes
from mnist_cnn.prediction import ReadDigit, Reading
from mnist_cnn.prediction.reading import UNKNOWN

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]  # x, y, width, height, in pixels

# Blue and vermilion, which the colour-blind tell apart (Okabe and Ito 2008).
SURE: Colour = (178, 114, 0)
UNSURE: Colour = (0, 94, 213)
WHITE: Colour = (255, 255, 255)
DOUBTFUL = 0.5  # probability below which a digit has the other colour
CERTAIN = 0.985  # probability from which a label is the digit alone, to leave room for the others
FONT = cv2.FONT_HERSHEY_SIMPLEX

# In pixels of the picture. The height of a text is that of its line: digits have 3/4 of it.
SMALLEST_TEXT = 14
SMALLEST_SIDE, LARGEST_SIDE = 400, 3200  # images are enlarged to the one, but not beyond the other
LARGEST_TEXT = 0.05  # share of the picture's shorter side, or of half the longer one
LABEL_WIDTH = 4.5  # of "8 99%", in heights of the text
LABEL_HEIGHT = 1.6


def draw_reading(image: Bytes, reading: Reading, min_probability: float) -> Bytes:
    """An image with a box around each digit, and a label that says what it is.

    Where that is not as good as certain, the label says how probable it is; where it is doubtful,
    or `?`, label and box have another colour.

    Args:
        image: (H, W, 3), uint8, BGR.
        reading: What was read in it.
        min_probability: Digits below it are `?`.

    Returns:
        (k·H, k·W, 3), uint8, and white margins where labels would not fit; k is a whole number,
        above 1 for images too small for text.
    """
    spacing = _spacing(reading.digits, image.shape[1])
    scale = _enlargement(image.shape[0], image.shape[1], spacing)
    picture = image.repeat(scale, axis=0).repeat(scale, axis=1)
    if not reading.digits:
        return picture
    text = _text_height(picture, scale * spacing)
    boxes = [scaled(digit.box, scale) for digit in reading.digits]
    picture, boxes = _with_margins(picture, boxes, text)
    shown = [digit.shown(min_probability) for digit in reading.digits]
    colours = [
        UNSURE if what == UNKNOWN else colour(digit)
        for what, digit in zip(shown, reading.digits, strict=True)
    ]
    for box, own in zip(boxes, colours, strict=True):
        draw_box(picture, box, own, max(1, text // 8))
    labels: list[Rectangle] = []
    for what, digit, box, own in zip(shown, reading.digits, boxes, colours, strict=True):
        label = str(what) if digit.probability >= CERTAIN else f"{what} {percent(digit)}"
        labels.append(_place(label, text, box, picture, labels, boxes))
        _draw_label(picture, label, text, labels[-1], own)
    return picture


def _spacing(digits: Sequence[ReadDigit], width: int) -> float:
    """How much room, in pixels, a digit's label has from side to side."""
    rooms = [
        following.box[0] - digit.box[0]
        for digit, following in pairwise(digits)
        if following.line == digit.line
    ] or [max(digit.box[2:]) for digit in digits]
    return max(1.0, median(rooms)) if rooms else float(width)


def _enlargement(height: int, width: int, spacing: float) -> int:
    wanted = max(SMALLEST_SIDE / max(height, width), SMALLEST_TEXT * LABEL_WIDTH / spacing)
    return max(1, min(math.ceil(wanted), LARGEST_SIDE // max(height, width)))


def _text_height(picture: Bytes, spacing: float) -> int:
    shorter, longer = sorted(picture.shape[:2])
    largest: float = LARGEST_TEXT * max(shorter, longer / 2)
    return round(max(min(spacing / LABEL_WIDTH, largest), SMALLEST_TEXT))


def scaled(box: Rectangle, scale: float) -> Rectangle:
    """A rectangle in the pixels of an image that was scaled; it never vanishes."""
    x, y, width, height = (round(scale * value) for value in box)
    return x, y, max(1, width), max(1, height)


def colour(digit: ReadDigit) -> Colour:
    """Of its box and label: says whether it is doubtful."""
    return SURE if digit.probability >= DOUBTFUL else UNSURE


def percent(digit: ReadDigit) -> str:
    """Its probability."""
    return f"{100 * digit.probability:.0f}%"


def draw_box(picture: Bytes, box: Rectangle, colour: Colour, thickness: int) -> None:
    """Draws a rectangle into a picture."""
    x, y, width, height = box
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), colour, thickness)


def text_size(text: str, height: int) -> tuple[float, int]:
    """Scale of the font and width of a text whose digits are as high as wanted, in pixels."""
    scale = height / cv2.getTextSize("0", FONT, 1, 1)[0][1]
    return scale, cv2.getTextSize(text, FONT, scale, 1)[0][0]


def put_text(picture: Bytes, text: str, height: int, x: int, y: int, colour: Colour) -> None:
    """Writes a text whose digits are `height` pixels high with its lower left corner at x, y."""
    scale, _ = text_size(text, height)
    cv2.putText(picture, text, (x, y), FONT, scale, colour, max(1, height // 10), cv2.LINE_AA)


def _with_margins(
    picture: Bytes, boxes: Sequence[Rectangle], text: int
) -> tuple[Bytes, list[Rectangle]]:
    """Makes room for labels above and below the outermost boxes, and for the width of one."""
    height, width = picture.shape[:2]
    room = round(LABEL_HEIGHT * text)
    top = max(0, room - min(y for _, y, _, _ in boxes))
    bottom = max(0, max(y + h for _, y, _, h in boxes) + room - height)
    right = max(0, text_size("8 100%", text)[1] + text - width)
    wider = cv2.copyMakeBorder(picture, top, bottom, 0, right, cv2.BORDER_CONSTANT, value=WHITE)
    return wider.astype(np.uint8), [(x, y + top, w, h) for x, y, w, h in boxes]


def _place(
    label: str,
    text: int,
    box: Rectangle,
    picture: Bytes,
    labels: Sequence[Rectangle],
    boxes: Sequence[Rectangle],
) -> Rectangle:
    """Where a label has room: near its box, on no other label and, if possible, no box."""
    x, y, _, box_height = box
    width, height = text_size(label, text)[1] + text, round(LABEL_HEIGHT * text)
    x = max(0, min(x, picture.shape[1] - width))
    # Not further away: it would seem to belong to another digit.
    above = [y - row * height for row in (1, 2)]
    below = [y + box_height + row * height for row in (0, 1)]
    tops = [top for pair in zip(above, below, strict=True) for top in pair]
    places = [(x, t, width, height) for t in tops if 0 <= t <= picture.shape[0] - height]

    def hidden(place: Rectangle) -> tuple[int, int]:
        return sum(_overlap(place, o) for o in labels), sum(_overlap(place, o) for o in boxes)

    return min(places, key=hidden)


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def _draw_label(picture: Bytes, label: str, text: int, place: Rectangle, colour: Colour) -> None:
    x, y, width, height = place
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), colour, cv2.FILLED)
    put_text(picture, label, text, x + text // 2, y + height - round(0.42 * text), WHITE)
