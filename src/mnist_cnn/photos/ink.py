"""Where is ink, and how much? From pixels to a map of ink, whatever the light and the paper.

Letters for shapes: H × W pixels of the image at working size.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int_]
Polarity = Literal["dark", "light"]

# Side of the image at which the background is estimated: it is smooth but for shadows' edges.
BACKGROUND_SIDE = 240
# Across a strip light falls off, too: its longer side counts as so many shorter ones at most.
STRIP = 2.0
PAPER_BLUR = 0.08  # of the longer side: how far paper tells of the paper beside it
# Ink is told from noise by this many standard deviations of the noise, and by this contrast.
NOISE_FACTOR = 4.0
FAINTEST_INK = 0.04
# Share of the longer side that the widest margin of a picture has that was cropped to its ink.
WIDEST_MARGIN = 0.06
FAINTER = 0.33  # of the strength of the ink beside it, at least: less is what shines through
SOFT_EDGE = np.ones((7, 7), np.uint8)  # of strokes: that is no fainter ink


@dataclass(frozen=True)
class Ink:
    """What is darker (or lighter) than the paper around it.

    Attributes:
        contrast: (H, W), float32, in [0, 1]: distance from the paper, as a share of the paper's
            light for dark ink and of full light for light ink.
        mask: (H, W), uint8: 255 where there is ink, else 0.
        strength: Contrast of a fully inked pixel, in [0, 1]; 0 on a blank page.
        polarity: Whether the ink is darker or lighter than the paper.
        floor: Contrast up to which it may be noise; above 1 where all is noise.
        sheet: (H, W), uint8, 255 on the sheet that it is on; None where that is all of the picture.
    """

    contrast: Floats
    mask: Bytes
    strength: float
    polarity: Polarity
    floor: float
    sheet: Bytes | None = None

    @cached_property
    def unevenness(self) -> float:
        """The ink's coefficient of variation: standard deviation by mean; inf without ink."""
        inked = self.contrast[self.mask > 0]
        return float(inked.std() / inked.mean()) if inked.size else math.inf

    @cached_property
    def share(self) -> Bytes:
        """Share of full ink of each pixel: (H, W), uint8, all is 255; pencil is as dark as ink."""
        share = cv2.convertScaleAbs(self.contrast, alpha=255 / max(self.strength, 1e-6))
        return np.asarray(share, np.uint8)


def size_within(shape: tuple[int, ...], longest: int) -> tuple[int, int]:
    """Width and height, for OpenCV, of a picture of a shape (H, W), shrunk to a longer side."""
    height, width = shape
    shrink = min(1.0, longest / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _reach(size: tuple[int, int]) -> float:
    """The longer side, but of a strip only STRIP times the shorter one."""
    return min(max(size), STRIP * min(size))


def estimate_background(grey: Bytes, window: float) -> Bytes:
    """The paper without what is written on it: a median over a window wider than any stroke.

    A median keeps the hard edges of shadows, where a blur would make a halo that looks like ink.

    Args:
        grey: (H, W), uint8.
        window: Side of the window, as a share of the longer side of the image, see STRIP.

    Returns:
        (H, W), uint8.
    """
    size = size_within(grey.shape, BACKGROUND_SIDE)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    side = round(window * _reach(size)) | 1  # odd, as a window with a centre is
    margin = side // 2
    # The default border repeats the outermost pixels: ink that touches the frame would grow.
    padded = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    median = cv2.medianBlur(padded, side)[margin : margin + size[1], margin : margin + size[0]]
    return cv2.resize(median, grey.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def close_strokes(grey: Bytes, side: int, mostly_paper: npt.NDArray[np.bool_]) -> Bytes:
    """The paper without dark strokes, but with what is darker and wider: shadows.

    Morphological closing leaves straight edges where they are, also where strokes cross them; of a
    median they draw some of their own. Round ends and what touches the frame lose a little.

    Args:
        grey: (H, W), uint8.
        side: What is narrower is a stroke; pixels, odd.
        mostly_paper: (H, W), True somewhere: pixels of which more than half are paper.

    Returns:
        (H, W), uint8.
    """
    smooth = cv2.medianBlur(grey, 5)
    closed = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    # The brightest of many pixels is too bright by the noise.
    excess = np.uint8(np.median((closed - smooth)[mostly_paper]))
    return np.asarray(closed - np.minimum(closed, excess), np.uint8)


def paper_around(grey: Bytes, ink: Bytes) -> Bytes:
    """The paper under thick strokes: what the pixels without ink continue to.

    Args:
        grey: (H, W), uint8.
        ink: (H, W), uint8, not 0 where there is ink.

    Returns:
        (H, W), uint8; constant where all is ink.
    """
    size = size_within(grey.shape, BACKGROUND_SIDE)
    # Soft edges of strokes are no paper either.
    paper = cv2.erode((ink == 0).astype(np.uint8), np.ones((3, 3)))
    middle = float(np.median(grey[::4, ::4]))
    weight, light = (
        cv2.resize(sums.astype(np.float32), size, interpolation=cv2.INTER_AREA) + 1e-4 * usual
        for sums, usual in ((paper, 1), (cv2.multiply(paper, grey), middle))
    )
    sigma = PAPER_BLUR * _reach(size)
    blurred = [
        cv2.GaussianBlur(m, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) for m in (light, weight)
    ]
    background = np.clip(blurred[0] / blurred[1], 0, 255).astype(np.uint8)
    full = cv2.resize(background, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.uint8)


def split_levels(grey: Bytes, polarity: Polarity) -> Bytes:
    """A first guess at ink thick enough to outweigh the paper: the darker or the lighter pixels.

    Args:
        grey: (H, W), uint8.
        polarity: Of the ink.

    Returns:
        (H, W), uint8: 255 on one side of Otsu's threshold (Otsu 1979), else 0.
    """
    kind = cv2.THRESH_BINARY_INV if polarity == "dark" else cv2.THRESH_BINARY
    return cv2.threshold(grey, 0, 255, kind | cv2.THRESH_OTSU)[1].astype(np.uint8)


def measure_contrast(grey: Bytes, background: Bytes, polarity: Polarity) -> Floats:
    """How far each pixel is from the paper, in the direction of the ink.

    Ink swallows a share of the light that falls on the paper, so dark ink is divided by it: the
    same stroke has the same contrast in the light and in the shadow.

    Args:
        grey: (H, W), uint8.
        background: (H, W), uint8.
        polarity: Of the ink.

    Returns:
        (H, W), float32, in [0, 1].
    """
    if polarity == "dark":
        # 64: in the blackest shadows a grey level or two is noise, no contrast.
        paper = np.maximum(background, 64)
        darker = cv2.divide(cv2.subtract(background, grey), paper, dtype=cv2.CV_32F)
        return np.asarray(np.clip(darker, 0, 1), np.float32)
    return np.asarray(cv2.subtract(grey, background) / np.float32(255), np.float32)


def find_ink(
    grey: Bytes, background: Bytes, polarity: Polarity, ignored: Bytes | None = None
) -> Ink:
    """Tells ink from paper.

    Args:
        grey: (H, W), uint8.
        background: (H, W), uint8, of `estimate_background`, `paper_around` or `close_strokes`.
        polarity: Of the ink.
        ignored: (H, W), uint8, not 0 where there is neither.
    """
    contrast = measure_contrast(grey, background, polarity)
    if ignored is not None:
        contrast[ignored > 0] = 0
    # The 30 % of the pixels nearest to the background are paper even where ink prevails; a normal
    # distribution has 30 % within 0.385 standard deviations.
    other: Polarity = "light" if polarity == "dark" else "dark"
    opposite = measure_contrast(grey[::2, ::2], background[::2, ::2], other)
    some = np.maximum(contrast[::2, ::2], opposite)
    rank = int(0.3 * (some.size - 1))
    noise = float(np.partition(some, rank, axis=None)[rank]) / 0.385
    return _ink_above(max(NOISE_FACTOR * noise, FAINTEST_INK), contrast, polarity)


def ink_on_even_paper(grey: Bytes, split: Bytes, polarity: Polarity) -> Ink:
    """Tells ink from paper of one grey, of which so little is seen that noise can't be judged.

    Args:
        grey: (H, W), uint8.
        split: (H, W), uint8, of `split_levels`; 0 somewhere.
        polarity: Of the ink.
    """
    even = np.full_like(grey, np.median(grey[split == 0]))
    return _ink_above(FAINTEST_INK, measure_contrast(grey, even, polarity), polarity)


def separability(grey: Bytes, split: Bytes) -> float:
    """How well two levels describe a picture: their share of its variance (Otsu 1979, eta).

    Args:
        grey: (H, W), uint8, of two levels at least.
        split: (H, W), uint8, of `split_levels`; 0 somewhere, and not 0 somewhere.

    Returns:
        From 0 to 1; 0.75 where all greys are as frequent, as where light falls off evenly.
    """
    inked = split > 0
    share = float(inked.mean())
    distance = float(grey[inked].mean() - grey[~inked].mean())
    return share * (1 - share) * distance**2 / float(grey.var())


def fills_picture(mask: Bytes) -> bool:
    """Whether ink comes near all four sides, as where a picture was cropped to what is written.

    Args:
        mask: (H, W), uint8, not 0 where there is ink.
    """
    x, y, width, height = cv2.boundingRect(mask)
    rows, columns = mask.shape
    widest = max(x, y, columns - x - width, rows - y - height)
    return bool(widest <= WIDEST_MARGIN * max(rows, columns))


def ink_beside(ink: Ink, dismissed: Bytes) -> Ink:
    """The ink that is left, also what is too faint to count beside the ink that was dismissed.

    Args:
        ink: On a page (H, W).
        dismissed: (H, W), uint8, not 0 on what was dismissed.
    """
    contrast = np.where(dismissed > 0, np.float32(0), ink.contrast)
    return replace(_ink_above(ink.floor, contrast, ink.polarity), sheet=ink.sheet)


def with_fainter(ink: Ink) -> Ink | None:
    """The ink and a fainter one beside it, such as pencil beside a marker; both as dark then.

    Args:
        ink: On a page (H, W).

    Returns:
        None where there is no other ink.
    """
    dark = np.asarray(cv2.dilate(ink.mask, SOFT_EDGE), np.uint8)
    fainter = ink_beside(ink, dark)
    if fainter.strength <= FAINTER * ink.strength:
        return None
    as_dark = np.minimum(ink.contrast * (ink.strength / fainter.strength), 1)
    contrast = np.where(dark > 0, ink.contrast, as_dark).astype(np.float32)
    return replace(ink, contrast=contrast, mask=ink.mask | fainter.mask)


def _ink_above(floor: float, contrast: Floats, polarity: Polarity) -> Ink:
    inked = contrast[contrast > floor]
    if inked.size < 8:  # nothing, or specks of noise
        return Ink(contrast, np.zeros(contrast.shape, np.uint8), 0.0, polarity, floor)
    threshold = _otsu(inked)
    strength = float(np.median(inked[inked >= threshold]))
    low = max(floor, 0.6 * threshold)
    return Ink(contrast, _hysteresis(contrast, low, threshold), strength, polarity, floor)


def _otsu(values: Floats) -> float:
    levels = (values * 255).astype(np.uint8).reshape(1, -1)
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # The first level above it, where there is one: all ink may be of one level.
    return min(level + 1, float(levels.max())) / 255


def _hysteresis(contrast: Floats, low: float, high: float) -> Bytes:
    # A stroke that fades out is one stroke: faint ink counts where it continues strong ink.
    faint = (contrast > low).astype(np.uint8)
    return components_with(faint, contrast >= high)


def components_with(mask: Bytes, seeds: npt.NDArray[np.bool_]) -> Bytes:
    """The components of a mask that have seeds in them.

    Args:
        mask: (H, W), uint8, not 0 where there is ink.
        seeds: (H, W).

    Returns:
        (H, W), uint8: 255 on these components, else 0.
    """
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    seeded = np.zeros(count, np.uint8)
    seeded[labels[seeds]] = 255
    seeded[0] = 0  # what is no ink
    return np.asarray(seeded[labels], np.uint8)
