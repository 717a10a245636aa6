"""How two tutorials prepare a photo of one digit for their networks, for comparison."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from mnist_cnn.photos.glyphs import SIDE
from mnist_cnn.photos.ink import Bytes

LEVEL = 127  # fixed, whatever the light


def threshold(image: Bytes) -> Bytes:
    """Grey, black or white by a fixed level, inverted, squeezed into a square.

    Args:
        image: (H, W, 3), uint8, BGR: dark ink on light paper.

    Returns:
        (28, 28), uint8.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    inverted = 255 - cv2.threshold(grey, LEVEL, 255, cv2.THRESH_BINARY)[1]
    # What torchvision's Resize does with an image of Pillow's.
    small = Image.fromarray(inverted).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, np.uint8)


def resize(image: Bytes) -> Bytes:
    """Grey, squeezed into a square.

    Args:
        image: (H, W, 3), uint8, BGR: light ink on a dark ground, for it is not inverted.

    Returns:
        (28, 28), uint8.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)


PIPELINES: dict[str, Callable[[Bytes], Bytes]] = {"threshold": threshold, "resize": resize}
