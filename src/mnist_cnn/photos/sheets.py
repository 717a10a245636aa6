"""Is there a sheet of paper, or a note, smaller than the picture? Where?"""

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes, size_within, split_levels

SIDE = 800  # pixels of the longer side at which a sheet is looked for: its sides are straight
# Shares of the picture.
SMALLEST, LARGEST = 0.08, 0.85
CORNERS = 4, 5  # five where the frame cuts one off
BENT = 0.02  # of the outline, how far it may be from straight sides
SOLID = 0.6  # of a sheet, what stands out: the rest is written on
BESIDE = 0.25  # of what is no sheet, what stands out: more is paper beyond a printed line
SECOND = 0.3  # of a sheet, the next largest: more is another note
EDGE = 0.85  # of its own grey, what is beside its edge, at most
RIM = 0.012  # of the longer side: soft edges and their shadow


def find_sheet(grey: Bytes) -> Bytes:
    """A sheet of paper or a note on a darker table.

    Args:
        grey: (H, W), uint8.

    Returns:
        (H, W), uint8, 255 on the sheet without its rim; nowhere if there is none.
    """
    size = size_within(grey.shape, SIDE)
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    light = split_levels(small, "light")
    side = round(RIM * max(size)) | 1
    # Printed rules cut a sheet into strips; closed, it may grow together with what is beside it.
    kernel = np.ones((side, side), np.uint8)
    whole = np.asarray(cv2.morphologyEx(light, cv2.MORPH_CLOSE, kernel), np.uint8)
    sheet = _largest_sheet(small, whole)
    if not sheet.any():
        sheet = _largest_sheet(small, light)
    large = cv2.resize(sheet, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)


def _largest_sheet(grey: Bytes, mask: Bytes) -> Bytes:
    """The largest solid component with straight sides and four corners, on a table without others.

    Args:
        grey: (H, W), uint8.
        mask: (H, W), uint8, 255 where it is light.

    Returns:
        (H, W), uint8, 255 on the sheet without its rim; nowhere if there is none.
    """
    sheet = np.zeros_like(mask)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not areas.size:
        return sheet
    largest = (labels == 1 + areas.argmax()).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(outlines[0])
    corners = cv2.approxPolyDP(hull, BENT * cv2.arcLength(hull, closed=True), closed=True)
    cv2.fillConvexPoly(sheet, corners, 255)
    area = cv2.countNonZero(sheet)
    within = cv2.countNonZero(sheet & mask)
    second = max(np.delete(areas, areas.argmax()), default=0)
    if (
        len(corners) not in CORNERS
        or not SMALLEST <= area / mask.size <= LARGEST
        or within < SOLID * area
        or second > SECOND * area
        or cv2.countNonZero(mask) - within > BESIDE * (mask.size - area)
    ):
        return np.zeros_like(mask)
    side = 2 * round(RIM * max(mask.shape)) + 1
    kernel = np.ones((side, side), np.uint8)
    inside = np.asarray(cv2.erode(sheet, kernel, borderValue=255), np.uint8)
    beyond = cv2.dilate(sheet, kernel)
    table, rim = beyond > sheet, sheet > inside
    # Where light fades there is no edge.
    if not rim.any() or np.median(grey[table]) > EDGE * np.median(grey[rim]):
        return np.zeros_like(mask)
    return inside
