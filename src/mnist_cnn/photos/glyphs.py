"""From a piece of ink to an image as MNIST has them: 28×28, light on dark, centred by mass."""

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes, Floats
from mnist_cnn.photos.pieces import Piece

SIDE = 28  # of an MNIST image
BOX = 20  # MNIST's digits fit into a box of this side (LeCun, the MNIST page)
# Strokes thinner than this, in pixels of the 20-pixel box, would fade when the image shrinks.
THINNEST_STROKE = 2.0


def to_mnist(piece: Piece, ink: Floats) -> Bytes:
    """Cuts out a piece, scales it to the 20-pixel box and centres its mass, as MNIST was made.

    Args:
        piece: What belongs to the digit.
        ink: (H, W), float32, in [0, 1]: share of full ink of every pixel of the image.

    Returns:
        (28, 28), uint8, ink is 255.
    """
    grown = 2  # pixels around the mask, where anti-aliased edges fade
    y0, x0 = max(0, piece.y - grown), max(0, piece.x - grown)
    part = ink[y0 : piece.bottom + grown, x0 : piece.right + grown]
    mask = np.zeros(part.shape, np.uint8)
    mask[piece.y - y0 : piece.bottom - y0, piece.x - x0 : piece.right - x0] = piece.mask
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    soft = np.where(near > 0, part, 0).astype(np.float32)
    soft = np.maximum(soft, 0.5 * (mask > 0))  # what the mask calls ink is not faint
    scale = BOX / max(piece.width, piece.height)
    wanted = THINNEST_STROKE / scale
    if piece.stroke_width < wanted:
        soft = _thicken(soft, wanted - piece.stroke_width)
    return _centre(_shrink(soft))


def _thicken(soft: Floats, by: float) -> Floats:
    side = max(2, round(by) + 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    padded = cv2.copyMakeBorder(soft, side, side, side, side, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.dilate(padded, kernel), np.float32)


def _shrink(soft: Floats) -> Floats:
    rows, columns = np.flatnonzero((soft > 0.4).any(1)), np.flatnonzero((soft > 0.4).any(0))
    soft = soft[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(soft.shape)
    size = (max(1, round(soft.shape[1] * scale)), max(1, round(soft.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(soft, size, interpolation=method)
    return np.asarray(np.clip(small, 0, 1), np.float32)


def _centre(small: Floats) -> Bytes:
    height, width = small.shape
    moments = cv2.moments(small)
    mass = max(moments["m00"], 1e-6)
    # Whole pixels, as MNIST has it; the box of 20 always stays within the 28.
    left = round((SIDE - 1) / 2 - moments["m10"] / mass)
    top = round((SIDE - 1) / 2 - moments["m01"] / mass)
    left, top = min(max(left, 0), SIDE - width), min(max(top, 0), SIDE - height)
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = np.rint(small * 255)
    return image
