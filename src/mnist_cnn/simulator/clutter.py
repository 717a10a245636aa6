"""Things in the frame that are not the page: a finger, a pen, the table, a pasted patch.

None of them covers ink: each stays in the margin it comes from.
"""

import cv2
import numpy as np

from mnist_cnn.simulator.common import Box, Bytes, Floats, choose, smooth_noise

TABLES = ((60, 90, 130), (40, 60, 90), (50, 50, 50), (90, 95, 100), (110, 140, 170), (70, 50, 35))
SKINS = ((140, 165, 220), (110, 140, 200), (70, 95, 150), (45, 60, 100))
BARRELS = ((30, 30, 30), (160, 70, 20), (40, 40, 190), (60, 180, 220), (90, 140, 40))


Room = dict[str, int]  # pixels between the ink and each side


def add_clutter(rng: np.random.Generator, page: Floats, ink: Box) -> None:
    """Lets one thing into the frame, in place.

    Args:
        rng: For the thing and its place.
        page: (H, W, 3), from 0 to 255.
        ink: Box of everything that is written.
    """
    rows, columns = page.shape[:2]
    left, top, width, height = ink
    room = {
        "left": left,
        "top": top,
        "right": columns - left - width,
        "bottom": rows - top - height,
    }
    thing = choose(rng, (_finger, _pen, _table_edge, _table_around, _patch))
    thing(rng, page, room)


def _paint(page: Floats, mask: Bytes, colour: Floats) -> None:
    """Covers what is under a mask of 0 to 255; the colour is one or an image."""
    alpha = mask[..., None] * np.float32(1 / 255)
    page += alpha * (colour - page)


def _from_side(side: str, size: tuple[int, int], depth: float, along: float) -> Floats:
    """A point of the frame, (2,), at a depth from a side and a share of the way along it."""
    rows, columns = size
    across = {"left": depth, "right": columns - depth, "top": depth, "bottom": rows - depth}[side]
    if side in ("left", "right"):
        return np.array([across, along * rows], np.float32)
    return np.array([along * columns, across], np.float32)


def _limb(page: Floats, ends: tuple[Floats, Floats], half: float) -> tuple[Bytes, Floats]:
    """A long rounded thing: its mask, and how deep inside each pixel is, (H, W, 1), 0 to 1."""
    mask = np.zeros(page.shape[:2], np.uint8)
    start, end = (np.round(16 * point).astype(int).tolist() for point in ends)
    cv2.line(mask, start, end, 255, max(2, round(2 * half)), cv2.LINE_AA, shift=4)
    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 3)
    return mask, np.clip(depth / max(half, 1), 0, 1)[..., None].astype(np.float32)


def _finger(rng: np.random.Generator, page: Floats, room: Room) -> None:
    """The finger that holds the page."""
    size: tuple[int, int] = page.shape[:2]
    side = max(room, key=lambda name: room[name])
    half = min(rng.uniform(0.06, 0.12) * max(size), 0.6 * room[side])
    depth = rng.uniform(0.6, 0.9) * room[side] - half
    along = rng.uniform(0.1, 0.9)
    tip = _from_side(side, size, depth, along)
    root = _from_side(side, size, -2.0 * half - 10, along + rng.uniform(-0.2, 0.2))
    mask, inside = _limb(page, (root, tip), half)
    skin = np.array(choose(rng, SKINS), np.float32)
    _cover_with_shadow(
        rng, page, mask, skin * np.float32(0.6) + skin * np.float32(0.4) * inside**0.5
    )


def _pen(rng: np.random.Generator, page: Floats, room: Room) -> None:
    """A pen that lies beside what it wrote."""
    size: tuple[int, int] = page.shape[:2]
    side = max(room, key=lambda name: room[name])
    half = min(rng.uniform(0.012, 0.03) * max(size), 0.2 * room[side])
    depths = rng.uniform(0.0, 0.85, 2) * room[side] - half
    start = rng.choice((-0.1, 1.1))
    root = _from_side(side, size, depths[0], start)
    tip = _from_side(side, size, depths[1], abs(start - rng.uniform(0.35, 1.2)))
    mask, inside = _limb(page, (root, tip), half)
    barrel = np.array(choose(rng, BARRELS), np.float32)
    _cover_with_shadow(rng, page, mask, barrel * (0.5 + 0.5 * inside) + 60 * inside**4)


def _cover_with_shadow(rng: np.random.Generator, page: Floats, mask: Bytes, colour: Floats) -> None:
    """Paints a thing and the soft shadow beside it."""
    shade = cv2.GaussianBlur(mask, (0, 0), 0.01 * max(page.shape) + 1)
    page *= 1 - shade[..., None] * np.float32(rng.uniform(0.1, 0.4) / 255)
    _paint(page, mask, colour)


def _table(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """A table's top, plain or of wood."""
    colour = np.array(choose(rng, TABLES), np.float32)
    fibres = smooth_noise(rng, size, 3)
    if rng.random() < 0.5:
        wood = rng.standard_normal((size[0], 1), np.float32)
        fibres = fibres + cv2.GaussianBlur(wood, (1, 9), 2) * 3
    return np.asarray(colour + 5 * fibres[..., None], np.float32)


def _table_edge(rng: np.random.Generator, page: Floats, room: Room) -> None:
    """The page ends on one side."""
    _cut(rng, page, [max(room, key=lambda name: room[name])], room)


def _table_around(rng: np.random.Generator, page: Floats, room: Room) -> None:
    """The page is smaller than the photo."""
    _cut(rng, page, list(room), room)


def _cut(rng: np.random.Generator, page: Floats, sides: list[str], room: Room) -> None:
    """Shows the table beyond the page's edges at some sides."""
    size: tuple[int, int] = page.shape[:2]
    mask = np.zeros(size, np.uint8)
    for side in sides:
        depth = rng.uniform(0.2, 0.85) * room[side]
        lean = rng.uniform(0.7, 1.0, 2)
        outline = [
            _from_side(side, size, depth * lean[0], -0.05),
            _from_side(side, size, depth * lean[1], 1.05),
            _from_side(side, size, -9, 1.05),
            _from_side(side, size, -9, -0.05),
        ]
        points = np.round(np.array(outline) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, shift=4)
    _cover_with_shadow(rng, page, mask, _table(rng, size))


def _patch(rng: np.random.Generator, page: Floats, room: Room) -> None:
    """The ink is on a patch that was pasted: around it the page is of another shade."""
    rows, columns = page.shape[:2]
    left, top, right, bottom = (
        rng.uniform(0.3, 0.9) * room[side] for side in ("left", "top", "right", "bottom")
    )
    mask = np.full((rows, columns), 255, np.uint8)
    corners = ((int(left), int(top)), (int(columns - right), int(rows - bottom)))
    cv2.rectangle(mask, *corners, 0, -1)
    shade = rng.uniform(0.75, 0.95) + rng.normal(0, 0.015, 3)
    page *= 1 - mask[..., None] * np.asarray((1 - shade) / 255, np.float32)
    if rng.random() < 0.6:
        cv2.rectangle(mask, *corners, 128, 1)
        page *= 1 - np.float32(0.2) * (mask == 128)[..., None]
