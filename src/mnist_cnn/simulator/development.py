"""From ink on a page to a photo of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mnist_cnn.simulator.camera import photograph
from mnist_cnn.simulator.clutter import add_clutter
from mnist_cnn.simulator.common import Box, Bytes, Floats, choose, draw, smooth_noise
from mnist_cnn.simulator.conditions import CHALKS, SURFACES, Condition, Pen
from mnist_cnn.simulator.frames import draw_frames
from mnist_cnn.simulator.layout import Placed
from mnist_cnn.simulator.paper import add_dirt, cast_shadow, draw_rules, lay_surface, light
from mnist_cnn.simulator.strokes import OUTSIDE, SIDE, ZOOM

VISIBLE = 0.4  # opacity from which ink counts for its box
OTHERS = 255  # owner of what is written beside the digits: signs and letters


@dataclass(frozen=True)
class Drawing:
    """What is to be seen in the frame before there is paper or light.

    Args:
        ink: (H, W), opacity from 0 to 1.
        box: Around all ink; nothing may cover it.
        height: Of a digit, in pixels.
        to_frame: (3, 3), from the page's pixels to the frame's.
        base: The page's row on which the first line stands.
        frames: Strokes around the ink, each (N, 2), in pixels of the page.
    """

    ink: Floats
    box: Box
    height: float
    to_frame: Floats
    base: float
    frames: Sequence[Floats] = ()


def ink_bounds(ink: Floats) -> Box:
    """The box around all ink of an opacity, (H, W)."""
    left, top, width, height = cv2.boundingRect((ink > VISIBLE).astype(np.uint8))
    return left, top, width, height


def print_ink(
    glyphs: Sequence[Placed], matrix: Floats, size: tuple[int, int], hard: bool
) -> tuple[Floats, Bytes, list[Box]]:
    """The ink in the frame.

    Args:
        glyphs: On the page.
        matrix: (3, 3), from the page to the frame.
        size: The frame's height and width.
        hard: All or nothing.

    Returns:
        Opacity (H, W) from 0 to 1; whose ink it is, (H, W), uint8, 1 for the first digit's and
        OTHERS for that of signs and letters; and the box of each digit's ink.
    """
    ink, owners = np.zeros(size, np.float32), np.zeros(size, np.uint8)
    boxes: list[Box] = []
    for placed in glyphs:
        part, x, y = _warp(placed, matrix, size)
        part = (part > 0).astype(np.float32) if hard else np.clip(part + 0.5, 0, 1)
        if placed.glyph.digit:
            left, top, width, height = ink_bounds(part)
            boxes.append((x + left, y + top, width, height))
        window = ink[y : y + part.shape[0], x : x + part.shape[1]]
        owned = owners[y : y + part.shape[0], x : x + part.shape[1]]
        owned[(part > VISIBLE) & (part >= window)] = len(boxes) if placed.glyph.digit else OTHERS
        np.maximum(window, part, out=window)
    return ink, owners, boxes


def _warp(placed: Placed, matrix: Floats, size: tuple[int, int]) -> tuple[Floats, int, int]:
    """A glyph's field in the frame, in pixels of it, with the place of its upper left corner."""
    to_frame = matrix @ placed.to_page()
    end = SIDE * ZOOM
    corners = np.array([[[0, 0], [end, 0], [0, end], [end, end]]], np.float32)
    points = cv2.perspectiveTransform(corners, to_frame)[0]
    x, y = np.maximum(np.floor(points.min(axis=0)).astype(int), 0).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int), size[::-1]).tolist()
    move = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float32)
    part = cv2.warpPerspective(
        placed.glyph.field, move @ to_frame, (right - x, bottom - y), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE,
    )  # fmt: skip
    step = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    return np.asarray(part * np.float32(placed.scale * step), np.float32), x, y


def develop(rng: np.random.Generator, drawing: Drawing, condition: Condition, pen: Pen) -> Bytes:
    """Puts ink on a surface, lights and photographs it: (H, W, 3), blue, green, red."""
    size: tuple[int, int] = drawing.ink.shape[:2]
    page = lay_surface(rng, SURFACES[choose(rng, condition.surfaces)], size)
    dark = bool(page.mean() < 128)
    if rng.random() < condition.ruled and not dark:
        draw_rules(rng, page, drawing.to_frame, drawing.height, drawing.base)
    if drawing.frames and not dark:
        draw_frames(rng, page, drawing.frames, drawing.to_frame, drawing.height)
    if drawing.ink.any():
        _apply_ink(rng, page, drawing, pen, dark)
    if rng.random() < condition.dirt:
        add_dirt(rng, page, drawing.height)
    if rng.random() < condition.clutter:
        add_clutter(rng, page, drawing.box)
    if condition.gradient[1] > 0:
        light(rng, page, draw(rng, condition.gradient), condition.cast)
    if rng.random() < condition.shadow:
        cast_shadow(rng, page)
    return photograph(rng, page, condition, drawing.height)


def _apply_ink(
    rng: np.random.Generator, page: Floats, drawing: Drawing, pen: Pen, dark: bool
) -> None:
    """Lays ink over a page, in place: chalk where the page is dark, else it takes light away."""
    x, y, width, height = cv2.boundingRect((drawing.ink > 0).astype(np.uint8))
    part = np.s_[y : y + height, x : x + width]
    opacity = drawing.ink[part] * np.float32(draw(rng, pen.strength))
    if pen.pressure > 0:
        knots = int(np.ceil(4 * max(width, height) / drawing.height))
        pressure = 1 + pen.pressure * (smooth_noise(rng, (height, width), knots) - 1)
        opacity *= np.clip(pressure, 0.3, 1)
    grain = draw(rng, pen.grain)
    if grain > 0.02:
        tooth = cv2.GaussianBlur(rng.random((height, width), np.float32), (0, 0), 0.7)
        opacity *= np.clip(1 + grain * (1.5 - 4 * tooth), 0, 1)
    colour = np.array(choose(rng, CHALKS if dark else pen.colours), np.float32)
    target = colour if dark else page[part] * colour / 255
    page[part] += cv2.merge([opacity] * 3) * (target - page[part])
