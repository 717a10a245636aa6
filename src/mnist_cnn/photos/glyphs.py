"""From a piece of ink to what a network sees: the piece as MNIST has it, and what is around it."""

import math

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes
from mnist_cnn.photos.pieces import Piece

SIDE = 28  # of an MNIST image
BOX = 20  # MNIST's digits fit into a box of this side (LeCun, the MNIST page)
# Strokes thinner than this, in pixels of the 20-pixel box, would fade when the image shrinks.
THINNEST_STROKE = 2.0
FINE = 4  # a piece is brought to this many boxes first: from there on all cost the same
SAMPLES = 4  # across the narrowest stroke of the surroundings
EDGE = 100  # ink below this is a soft edge, which counts for no box
AROUND = 1.0  # heights of the line that are shown to each side of a piece's middle
# The usual level beyond the frame; other ink has 127 at most, the piece's own 255 at most.
BEYOND = 64


def to_mnist(piece: Piece, ink: Bytes) -> Bytes:
    """Cuts out a piece, scales it to the 20-pixel box and centres its mass, as MNIST was made.

    Args:
        piece: What belongs to the digit.
        ink: (H, W), uint8: how much ink each pixel of the image has, full ink is 255.

    Returns:
        (28, 28), uint8, ink is 255.
    """
    longer = max(piece.width, piece.height)
    shrink = max(1.0, longer / (FINE * BOX))
    missing = THINNEST_STROKE * longer / BOX - piece.stroke_width
    soft = _soft(piece, ink)
    if missing > 0:
        # To two pixels of the smaller image: a hairline between two of them would fade.
        grown = max(1, math.ceil(2 * shrink - piece.stroke_width) + 1)
        soft = cv2.dilate(_pad(soft, grown), np.ones((grown, grown), np.uint8)).astype(np.uint8)
        missing -= grown - 1
    if shrink > 1:
        size = (max(1, round(soft.shape[1] / shrink)), max(1, round(soft.shape[0] / shrink)))
        soft = cv2.resize(soft, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    side = round(missing / shrink) + 1
    if side > 1:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        soft = cv2.dilate(_pad(soft, side), kernel).astype(np.uint8)
    return _centre(_to_box(soft))


def surroundings(piece: Piece, ink: Bytes, height: float, beyond: int = BEYOND) -> Bytes:
    """A piece amid its neighbours: is it as high as they are, or cut off one of them?

    Args:
        piece: What may be a digit.
        ink: (H, W), uint8: how much ink each pixel of the image has, full ink is 255.
        height: Of the line's digits, in pixels.
        beyond: The level of what is beyond the frame; 0 where paper went on there.

    Returns:
        (28, 28), uint8: a square of twice that height (more for larger pieces) about the middle of
        the piece; other ink at half its strength.
    """
    reach = max(2, round(AROUND * max(height, 0.55 * max(piece.width, piece.height))))
    left, top = piece.x + piece.width // 2 - reach, piece.y + piece.height // 2 - reach
    x, y = max(left, 0), max(top, 0)
    window = ink[y : top + 2 * reach, x : left + 2 * reach] >> 1
    own = window[piece.y - y : piece.bottom - y, piece.x - x : piece.right - x]
    part = ink[piece.y : piece.bottom, piece.x : piece.right]
    np.maximum(own, part & piece.mask, out=own)
    # Thin strokes would fade: they grow by half a pixel of the small image.
    growth = max(1, reach // SIDE)
    grown = cv2.dilate(window, np.ones((growth, growth), np.uint8))
    below, right = 2 * reach - (y - top) - len(grown), 2 * reach - (x - left) - grown.shape[1]
    framed = cv2.copyMakeBorder(
        grown, y - top, below, x - left, right, cv2.BORDER_CONSTANT, value=beyond
    )
    # No stroke is narrower than that now: samples show it as well as all pixels, and sooner.
    step = max(1, growth // SAMPLES)
    samples = framed[step // 2 :: step, step // 2 :: step]
    method = cv2.INTER_AREA if 2 * reach > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(samples, (SIDE, SIDE), interpolation=method), np.uint8)


def stands_alone(images: Bytes) -> Bytes:
    """What a network sees of images that are digits already, as MNIST's are.

    Args:
        images: (N, 28, 28), uint8, ink is 255.

    Returns:
        (N, 2, 28, 28), uint8: each with its surroundings, in which there is nothing else.
    """
    views = np.zeros((len(images), 2, SIDE, SIDE), np.uint8)
    views[:, 0] = images
    for view, image in zip(views, images, strict=True):
        x, y, width, height = cv2.boundingRect(image)
        mask = np.where(image[y : y + height, x : x + width] > 0, 255, 0).astype(np.uint8)
        view[1] = surroundings(Piece(SIDE + x, SIDE + y, mask), _pad(image, SIDE), height)
    return views


def _soft(piece: Piece, ink: Bytes) -> Bytes:
    """The ink of a piece alone, with its anti-aliased edges."""
    y, x = max(0, piece.y - 1), max(0, piece.x - 1)
    part = ink[y : piece.bottom + 1, x : piece.right + 1]
    mask = np.zeros_like(part)
    mask[piece.y - y : piece.bottom - y, piece.x - x : piece.right - x] = piece.mask
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.uint8)
    # What the mask calls ink is not faint.
    return np.asarray(np.maximum(part & near, mask >> 1), np.uint8)


def _pad(soft: Bytes, by: int) -> Bytes:
    return np.asarray(cv2.copyMakeBorder(soft, by, by, by, by, cv2.BORDER_CONSTANT), np.uint8)


def _to_box(soft: Bytes) -> Bytes:
    edge = min(EDGE, int(soft.max()) // 2)
    x, y, width, height = cv2.boundingRect((soft > edge).astype(np.uint8))
    scale = BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = soft[y : y + height, x : x + width]
    return np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)


def _centre(small: Bytes) -> Bytes:
    height, width = small.shape
    moments = cv2.moments(small)
    mass = max(moments["m00"], 1e-6)
    # Whole pixels, as MNIST has it; the box of 20 always stays within the 28.
    left = round((SIDE - 1) / 2 - moments["m10"] / mass)
    top = round((SIDE - 1) / 2 - moments["m01"] / mass)
    left, top = min(max(left, 0), SIDE - width), min(max(top, 0), SIDE - height)
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = small
    return image
