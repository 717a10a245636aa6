"""From a lit page to the file of a camera or a scanner."""

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats, draw
from mnist_cnn.simulator.conditions import Condition


def view(
    rng: np.random.Generator, size: tuple[int, int], turn: float, perspective: float
) -> Floats:
    """How a page lies before the camera.

    Args:
        rng: For the direction.
        size: The frame's height and width.
        turn: Degrees either way.
        perspective: How much narrower the far side may be, as a share.

    Returns:
        (3, 3), from the page's pixels to the frame's, about its centre.
    """
    rows, columns = size
    angle = np.radians(rng.uniform(-turn, turn))
    tilt = rng.uniform(-perspective, perspective, 2) / (columns, rows)
    to_centre = np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1]])
    back = np.array([[1, 0, columns / 2], [0, 1, rows / 2], [0, 0, 1]])
    turned = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [*tilt, 1]]
    )
    return np.asarray(back @ turned @ to_centre, np.float32)


def keep_inside(matrix: Floats, corners: Floats, size: tuple[int, int]) -> Floats:
    """Steps back and aside, so that the ink that was in the frame still is.

    Args:
        matrix: (3, 3), from the page to the frame.
        corners: (N, 2), of the ink on the page.
        size: The frame's height and width.
    """
    frame = np.array(size[::-1], np.float32)
    points = cv2.perspectiveTransform(corners[None], matrix)[0]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = min(corners.min(), (frame - corners.max(axis=0)).min())
    room = 0.5 * max(float(margin), 0.0)
    scale = min(1.0, float(((frame - 2 * room) / (high - low)).min()))
    shift = np.clip(scale * low, room, np.maximum(frame - room - scale * (high - low), room))
    move = shift - scale * low
    step = np.array([[scale, 0, move[0]], [0, scale, move[1]], [0, 0, 1]])
    return np.asarray(step @ matrix, np.float32)


def photograph(
    rng: np.random.Generator, page: Floats, condition: Condition, height: float
) -> Bytes:
    """Blur, noise and compression.

    Args:
        rng: For all of them.
        page: (H, W, 3), from 0 to 255.
        condition: Gives the ranges.
        height: Of a digit, in pixels: blur is relative to it.
    """
    page = _blur(rng, page, draw(rng, condition.blur) * height)
    if condition.noise[1] > 0:
        grains = rng.standard_normal(page.shape, np.float32)
        page = page + grains * np.float32(draw(rng, condition.noise))
    image: Bytes = np.clip(page + 0.5, 0, 255).astype(np.uint8)
    if condition.jpeg is None:
        return image
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw(rng, condition.jpeg))]
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR), np.uint8
    )


def _blur(rng: np.random.Generator, page: Floats, sigma: float) -> Floats:
    """Out of focus, or moved while the shutter was open."""
    if sigma < 0.25:
        return page
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(page, (0, 0), sigma), np.float32)
    length = 3.0 * sigma  # about the standard deviation of the other one, along its way
    side = 2 * int(np.ceil(length / 2)) + 1
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = np.array([side // 2, side // 2])
    start, end = (np.round((middle + way * reach) * 16).astype(int).tolist() for way in (-1, 1))
    trail = np.zeros((side, side), np.uint8)
    cv2.line(trail, start, end, 255, 1, cv2.LINE_AA, shift=4)
    kernel = (trail / max(int(trail.sum()), 1)).astype(np.float32)
    return np.asarray(cv2.filter2D(page, -1, kernel), np.float32)
