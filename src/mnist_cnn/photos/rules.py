"""Printed lines of ruled and squared paper: found by their straightness, taken out again."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from mnist_cnn.photos.ink import Bytes, Floats, Ink, components_with, size_within

SIDE = 256  # pixels of the longer side at which rules are looked for
SMALLEST = 8  # pixels of the shorter side, below which nothing can be told from a line
# That are tried; of equally good ones the first, which is the least steep.
STEP = 0.5  # degrees
SLOPES = np.tan(np.radians(sorted(np.arange(-12, 12.1, STEP), key=abs)))
MOST_SLOPES = 4
PAD = 0.12  # of the width: rows beyond the image in which a sheared line may start
COVERED = 0.6  # share of its line on the paper that a rule covers; no row of digits does
FAINT = 0.42  # the same for a rule that is parallel to a better one
THICKEST = 0.05  # of its length; a stroke of that length is thicker
ENDS = 0.04  # of its line: a rule begins and ends this near to the edges of the paper
CRUMBS = 0.1  # share of the ink that is nothing but the rest of lines
STRONGER = 1.35  # times a rule's contrast: that is ink on top of it


def remove_rules(ink: Ink, *, faint: bool = False) -> Bytes:
    """The mask of the ink without printed lines; strokes that cross them are kept whole.

    Args:
        ink: Of the page, at working size (H, W).
        faint: Looks for rules in all that is above the noise: only parts of them are ink.

    Returns:
        (H, W), uint8; the ink's own mask where one or two lines are all there is.
    """
    mask = ink.mask
    if faint:
        ink = replace(ink, mask=np.where(ink.contrast > ink.floor, 255, 0).astype(np.uint8))
    across = _bands(ink.mask, ink.sheet)
    sheet = None if ink.sheet is None else np.ascontiguousarray(ink.sheet.T)
    turned = _bands(np.ascontiguousarray(ink.mask.T), sheet)
    along = [(band.T, thickness) for band, thickness in turned]
    found = across + along
    if not found:
        return mask
    lines = np.zeros_like(mask)
    for band, _ in found:
        lines[band] = 255
    without = mask & ~lines
    for bands, upright in ((across, True), (along, False)):
        for band, thickness in bands:
            without |= mask & strokes_across(ink, without, band, thickness, upright=upright)
    # A slope may be wrong by half a step. What is no further from a line is the line's own edge.
    reach = 1 + round(np.tan(np.radians(STEP / 2)) * max(mask.shape) / 2)
    beside = cv2.dilate(lines, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    without = components_with(without, beside == 0)
    left = cv2.countNonZero(without)
    # One or two lines that are all there is are no print: a 1 across the frame, say.
    if len(found) <= 2 and left < CRUMBS * cv2.countNonZero(mask):
        return mask
    return without


def strokes_across(
    ink: Ink, without: Bytes, band: npt.NDArray[np.bool_], thickness: int, *, upright: bool
) -> Bytes:
    """Pixels of lines that belong to strokes: between ink on both sides, or darker than print.

    Args:
        ink: (H, W).
        without: (H, W), uint8, 255 where there is ink but no line.
        band: (H, W), the lines.
        thickness: Of a line, in pixels.
        upright: The strokes are, for the lines are horizontal; otherwise the other way round.

    Returns:
        (H, W), uint8, 255 where they are.
    """
    reach = 2 * thickness + 4  # a slanting stroke comes out elsewhere than it went in
    kernel = np.ones((reach, 1) if upright else (1, reach), np.uint8)
    last = (0, reach - 1) if upright else (reach - 1, 0)
    before, behind = (cv2.dilate(without, kernel, anchor=anchor) for anchor in (last, (0, 0)))
    both = cv2.bitwise_and(before, behind) > 0
    printed = ink.contrast[band & (ink.mask > 0)]
    if not printed.size:
        return np.zeros_like(ink.mask)
    strong = ink.contrast > STRONGER * float(np.median(printed))
    return np.where(band & (both | strong), ink.mask, 0).astype(np.uint8)


def shrink_mask(mask: Bytes) -> Bytes:
    """A mask with a longer side of SIDE pixels at most, 255 where there is ink."""
    # A quarter of a pixel: thin rules fade when the mask shrinks.
    small = cv2.resize(mask, size_within(mask.shape, SIDE), interpolation=cv2.INTER_AREA) > 60
    return np.where(small, 255, 0).astype(np.uint8)


def _bands(mask: Bytes, sheet: Bytes | None) -> list[tuple[npt.NDArray[np.bool_], int]]:
    """The strips of the image, with their thickness, along a sheet's nearly horizontal rules."""
    small = shrink_mask(mask)
    if min(small.shape) < SMALLEST:
        return []
    shrink = min(1.0, SIDE / max(mask.shape))
    width = small.shape[1]
    bands = []
    paper = np.ones(small.shape, bool) if sheet is None else shrink_mask(sheet) > 0
    for slope, row, thickness in _straight_lines((small > 0).astype(np.float32), paper):
        band = np.zeros(mask.shape, np.uint8)
        ends = [(round(x / shrink), round((y + 0.5) / shrink)) for x, y in _ends(slope, row, width)]
        thick = round((thickness + 1.5) / shrink)
        cv2.line(band, ends[0], ends[1], 1, max(2, thick))
        bands.append((band > 0, thick))
    return bands


def _straight_lines(
    small: Floats, paper: npt.NDArray[np.bool_]
) -> Iterator[tuple[float, float, int]]:
    """Slope, row in the middle column and thickness of each rule."""
    left = small.copy()
    lengths = _lengths(paper.tobytes(), *paper.shape)
    for _ in range(MOST_SLOPES):  # perspective gives the rules of one page several
        profiles = [
            # Lines that leave through the upper or lower edge are shorter than the page is wide.
            np.asarray(_sums(left, slope) / np.maximum(length, 0.5 * length.max()), np.float32)
            for slope, length in zip(SLOPES, lengths, strict=True)
        ]
        best = int(np.argmax([profile.max() for profile in profiles]))
        if profiles[best].max() < COVERED:
            return
        slope, found = float(SLOPES[best]), False
        for centre, thickness in _peaks(profiles[best]):
            centre -= round(PAD * small.shape[1])
            thin = thickness <= max(2.0, THICKEST * lengths[best].max())
            if thin and (found or _reaches_edges(left, paper, slope, centre, thickness)):
                yield slope, centre, thickness
                found = True
            start, end = _ends(slope, centre, small.shape[1])
            cv2.line(left, start, end, 0.0, thickness + 2)


def _peaks(profile: Floats) -> Iterator[tuple[float, int]]:
    """Centre and thickness of each stretch of rows with ink along much of their length."""
    rest = profile.copy()
    while rest.max() >= FAINT:
        top = bottom = int(rest.argmax())
        half = 0.5 * rest[top]
        while top > 0 and rest[top - 1] > half:
            top -= 1
        while bottom < len(rest) - 1 and rest[bottom + 1] > half:
            bottom += 1
        yield (top + bottom) / 2, bottom - top + 1
        rest[top : bottom + 1] = 0


def _ends(slope: float, centre: float, width: int) -> list[tuple[int, int]]:
    return [(x, round(centre + slope * (x - width / 2))) for x in (0, width)]


def _reaches_edges(
    small: Floats, paper: npt.NDArray[np.bool_], slope: float, centre: float, thickness: int
) -> bool:
    """Whether there is ink at both ends of a line, where it leaves the paper."""
    height, width = small.shape
    columns = np.arange(width)
    rows = np.rint(centre + slope * (columns - width / 2)).astype(int)
    columns = columns[(rows >= 0) & (rows < height)]
    columns = columns[paper[rows[columns], columns]]
    reach = np.arange(-thickness, thickness + 1)
    near = np.clip(rows[columns, None] + reach, 0, height - 1)
    inked = small[near, columns[:, None]].any(1)
    margin = max(2, round(ENDS * len(columns)))
    return bool(inked[:margin].any() and inked[-margin:].any())


@lru_cache(maxsize=8)
def _lengths(paper: bytes, height: int, width: int) -> list[Floats]:
    """Of the part of each line that is on the paper; asked for each ink of a picture."""
    on_paper = np.frombuffer(paper, np.bool_).reshape(height, width).astype(np.float32)
    return [_sums(on_paper, slope) for slope in SLOPES]


def _sums(small: Floats, slope: float) -> Floats:
    """Of the pixels along each line of a slope, by its row in the middle column."""
    height, width = small.shape
    pad = round(PAD * width)
    shear = np.array([[1, 0, 0], [-slope, 1, slope * width / 2 + pad]], np.float32)
    flat = cv2.warpAffine(small, shear, (width, height + 2 * pad), flags=cv2.INTER_NEAREST)
    return np.asarray(cv2.reduce(flat, 1, cv2.REDUCE_SUM)[:, 0], np.float32)
