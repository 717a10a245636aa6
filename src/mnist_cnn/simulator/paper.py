"""Surfaces before anybody writes on them, the light on them and the dirt."""

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats, choose, draw, smooth_noise
from mnist_cnn.simulator.conditions import Surface

RULES = ((200, 150, 110), (215, 180, 150), (170, 170, 170), (140, 140, 220), (160, 200, 150))


def lay_surface(rng: np.random.Generator, surface: Surface, size: tuple[int, int]) -> Floats:
    """An empty surface.

    Args:
        rng: For colour and texture.
        surface: Gives the ranges.
        size: Height and width.

    Returns:
        (H, W, 3), float32, blue, green, red from 0 to 255.
    """
    colour = np.array(choose(rng, surface.colours), np.float32)
    if surface.grain[1] > 0:  # a screen's colours are exact
        colour += rng.normal(0, 3, 3).astype(np.float32)
    texture = np.zeros(size, np.float32)
    if surface.clouds[1] > 0:
        texture += smooth_noise(rng, size, 4) * np.float32(draw(rng, surface.clouds))
    if surface.grain[1] > 0:
        grain = rng.standard_normal(size, np.float32) * np.float32(draw(rng, surface.grain))
        texture += cv2.GaussianBlur(grain, (0, 0), 0.6) * 2
    return np.asarray(cv2.merge([np.clip(level + texture, 0, 255) for level in colour]), np.float32)


def draw_rules(
    rng: np.random.Generator, page: Floats, to_frame: Floats, height: float, base: float
) -> None:
    """Prints the lines of a ruled or squared sheet, in place.

    Args:
        rng: For distance, colour and width.
        page: (H, W, 3), of a light colour.
        to_frame: (3, 3), from the page to the frame.
        height: Of a digit, in pixels.
        base: Row of the page on which the first digits stand.
    """
    squared = rng.random() < 0.5
    pitch = height * rng.uniform(0.45, 0.9 if squared else 1.7)
    pitch = max(pitch, 7.0)
    thickness = max(1, round(pitch * rng.uniform(0.01, 0.06)))
    reach = 2 * max(page.shape)
    offsets = (base + height * rng.normal(0, 0.12)) + pitch * np.arange(-120, 120)
    offsets = offsets[np.abs(offsets) < reach]
    ends = [((-reach, y), (reach, y)) for y in offsets]
    if squared:
        shift = rng.uniform(0, pitch)
        ends += [((x + shift, -reach), (x + shift, reach)) for x in offsets]
    else:
        margin = page.shape[1] * rng.uniform(-0.3, 0.15)  # often out of sight
        ends.append(((margin, -reach), (margin, reach)))
    segments = cv2.perspectiveTransform(np.array(ends, np.float32), to_frame)
    print_ = np.zeros(page.shape[:2], np.uint8)
    for start, end in np.round(segments * 16).astype(int).tolist():
        cv2.line(print_, start, end, 255, thickness, cv2.LINE_AA, shift=4)
    colour = np.array(choose(rng, RULES), np.float32)
    alpha = print_[..., None] * np.float32(rng.uniform(0.4, 0.95) / 255)
    page *= 1 - alpha * (1 - colour / 255)


def light(rng: np.random.Generator, page: Floats, loss: float, cast: float) -> None:
    """Lights a page unevenly, with a slight colour, in place.

    Args:
        rng: For the direction.
        page: (H, W, 3), from 0 to 255.
        loss: Share that is lost in the darkest corner.
        cast: Largest difference of the colours, as a share.
    """
    rows, columns = page.shape[:2]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None]
    angle, vignette = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1)
    slope = (0.5 + x * np.cos(angle) / 2.83) + y * np.sin(angle) / 2.83
    falloff = x**2 / 2 + y**2 / 2
    fade = 1 - loss * ((1 - vignette) * slope + vignette * falloff)
    page *= cv2.merge([fade * (1 - cast * rng.random()) for _ in range(3)])


def cast_shadow(rng: np.random.Generator, page: Floats) -> None:
    """Darkens a part of a page, (H, W, 3), that ends at an edge, in place."""
    size = np.array(page.shape[:2])
    reach = float(size.sum())
    angle = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-normal[1], normal[0]])
    centre = size[::-1] * rng.uniform(0.2, 0.8, 2)
    bends = rng.normal(0, 0.04, 7) * reach * (rng.random() < 0.5)  # a hand's or a table's
    places = np.linspace(-1, 1, 7)[:, None] * reach * along
    edge = centre + places + bends[:, None] * normal
    outline = np.concatenate([edge, edge[::-1] + reach * normal])
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(mask, (0, 0), draw(rng, (0.3, 0.012 * float(size.max()) + 0.4)))
    # What still reaches a shadow comes from the sky, so it is bluish.
    depth = rng.uniform(0.2, 0.55) * np.array([0.9, 0.97, 1.0]) / 255
    page *= cv2.merge([1 - soft * np.float32(share) for share in depth])


def add_dirt(rng: np.random.Generator, page: Floats, height: float) -> None:
    """Spots, smudges and stray pixels, in place.

    Args:
        rng: For their places.
        page: (H, W, 3), from 0 to 255.
        height: Of a digit in pixels: no spot is so large that it could be one.
    """
    size: tuple[int, int] = page.shape[:2]
    mask = _spots(rng, size, height)
    tint = np.array([rng.uniform(0.2, 0.6), 0.5, 0.55], np.float32)
    page *= 1 - mask[..., None] * (1 - tint)
    if rng.random() < 0.6:
        smudge = np.maximum(smooth_noise(rng, size, int(rng.integers(4, 9))) - 0.6, 0)
        page *= 1 - np.minimum(smudge * np.float32(rng.uniform(0.05, 0.2)), 0.3)[..., None]
    if rng.random() < 0.5:
        share = rng.uniform(0.0005, 0.01)
        stray = rng.random(size, np.float32)
        page[stray < share] = 30
        page[stray > 1 - share] = 250


def _spots(rng: np.random.Generator, size: tuple[int, int], height: float) -> Floats:
    """Dark specks, (H, W), from 0 to 1."""
    mask: Bytes = np.zeros(size, np.uint8)
    area = size[0] * size[1] / height**2
    for _ in range(int(rng.uniform(0.5, 3) * area + 3)):
        centre = (rng.random(2) * size[::-1] * 16).astype(int).tolist()
        axes = (rng.uniform(0.004, 0.035, 2) * height * 16 + 6).astype(int).tolist()
        strength = int(rng.integers(90, 255))
        cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, strength, -1, cv2.LINE_AA, 4)
    return np.asarray(mask / np.float32(255), np.float32)
