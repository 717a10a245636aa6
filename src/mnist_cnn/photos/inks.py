"""What is the ink of a picture? Several answers, for nobody knows before it is read."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from mnist_cnn.photos.clutter import (
    find_clutter,
    find_objects,
    find_wide,
    is_shadow,
    widest_stroke,
)
from mnist_cnn.photos.enclosures import find_borders
from mnist_cnn.photos.ink import (
    Bytes,
    Ink,
    Polarity,
    close_strokes,
    estimate_background,
    fills_picture,
    find_ink,
    ink_beside,
    ink_on_even_paper,
    paper_around,
    separability,
    split_levels,
)
from mnist_cnn.photos.sheets import find_sheet

POLARITIES: tuple[Polarity, ...] = ("dark", "light")
WINDOW = 0.4  # of `estimate_background`
# `floor` of the ink above which light changes faster than WINDOW can follow, or all is ink; and the
# window then. Everywhere it would swallow more of thick strokes.
ROUGH = 0.35
SMALLER_WINDOW = 0.2
# The ink on the paper around it comes first if its unevenness is below this share of the other's.
EVENER = 0.6
MOST_INK = 0.8  # of the picture, at most: with more, what is called ink is the paper
TWO_LEVELS = 0.78  # `separability` of a crop, at least: tuning digits have 0.80, light 0.75
MOST_PARTS = 30  # of what a picture is cropped to: with more, it is a texture
# `floor` of the likeliest ink, as a share of its strength, above which thin strokes may be lost in
# noise, so that it is looked for in a smoother picture, too: simulated scenes have 0.1, as a rule.
NEAR_NOISE = 0.3
SMOOTHING = 1.0  # standard deviation of that blur, in pixels at working size
SHADED = 0.6  # of the picture, at most: larger, it is no shadow in it, but paper or a texture


def find_inks(grey: Bytes) -> Iterator[Ink]:
    """All that may be the ink of a picture, the likeliest first.

    On a sheet, if one is seen, and in all of the picture; dark and light; in a picture that was
    cropped to it; on a background that is narrow or wide; in the light and in a shadow; with and
    without what else is in the picture. At last, where ink is little stronger than noise may be,
    the same in a smoother picture: there thin and faint strokes hold together.

    Args:
        grey: (H, W), uint8.
    """
    inks = _on_sheet_or_not(grey)
    likeliest = next(inks)
    yield likeliest
    yield from inks
    if likeliest.floor > NEAR_NOISE * likeliest.strength:
        yield from _on_sheet_or_not(cv2.GaussianBlur(grey, (0, 0), SMOOTHING).astype(np.uint8))


def _on_sheet_or_not(grey: Bytes) -> Iterator[Ink]:
    """On a sheet, if one is seen, then in all of the picture."""
    sheet = find_sheet(grey)
    # Light that falls through a window is no sheet: there is writing beside it, too.
    if sheet.any() and _across_shadow(grey, ~sheet) is None:
        table_covered = np.where(sheet > 0, grey, np.uint8(np.median(grey[sheet > 0])))
        for ink in _in_picture(table_covered):
            yield replace(ink, sheet=sheet)
    yield from _in_picture(grey)


def _in_picture(grey: Bytes) -> Iterator[Ink]:
    """Ink of either polarity on either background, with and without what enters from the frame."""
    inks = _on_median_paper(grey)
    splits = {polarity: split_levels(grey, polarity) for polarity in POLARITIES}
    # A crop's paper can't be told from noise, and its writing from what enters the frame.
    for ink in inks:
        yield from _if_cropped(grey, splits[ink.polarity], ink.polarity)
    for ink in inks:
        ways, split = [ink], splits[ink.polarity]
        if cv2.countNonZero(split) <= MOST_INK * split.size:
            around = find_ink(grey, paper_around(grey, split), ink.polarity)
            # Where the median has swallowed strokes, ink is of all shades.
            is_evener = around.unevenness < EVENER * ink.unevenness
            ways.insert(0 if is_evener else 1, around)
        for way in ways:
            yield from _with_and_without_clutter(grey, way)


def _on_median_paper(grey: Bytes) -> list[Ink]:
    """Ink of either polarity, first the one of which there is more with the usual window."""
    paper = estimate_background(grey, WINDOW)
    inks = [find_ink(grey, paper, polarity) for polarity in POLARITIES]
    inks.sort(key=lambda ink: float(ink.contrast[ink.mask > 0].sum()), reverse=True)
    if inks[0].floor <= ROUGH:  # it is the same for both
        return inks
    paper = estimate_background(grey, SMALLER_WINDOW)
    return [find_ink(grey, paper, ink.polarity) for ink in inks]


def _if_cropped(grey: Bytes, split: Bytes, polarity: Polarity) -> Iterator[Ink]:
    """The ink, if the picture may be cropped to it, so that hardly any paper is seen.

    Before it what is written in a shadow, if that is what fills the picture.
    """
    share = cv2.countNonZero(split) / split.size
    if share <= MOST_INK and fills_picture(split) and separability(grey, split) >= TWO_LEVELS:
        ink = ink_on_even_paper(grey, split, polarity)
        parts = cv2.connectedComponents(ink.mask)[0] - 1
        if fills_picture(ink.mask) and parts <= MOST_PARTS:
            if ink.mask[[0, -1]][:, [0, -1]].any():  # a shadow fills corners
                yield from _in_shadow(grey, ink, most=MOST_INK)
            yield ink


def _with_and_without_clutter(grey: Bytes, ink: Ink) -> Iterator[Ink]:
    clutter = find_clutter(ink.mask)
    if clutter.any():
        yield from _in_shadow(grey, ink, most=1.0)
        paper = paper_around(grey, ink.mask | clutter)
        yield find_ink(grey, paper, ink.polarity, clutter)
        yield ink
    else:
        yield ink
        # A shadow that doesn't reach the frame is rare, and looking for it takes long.
        yield from _in_shadow(grey, ink, most=SHADED)
    for other in (find_borders(ink.mask), find_objects(ink.mask)):
        if other.any():
            yield ink_beside(ink, other)


def _in_shadow(grey: Bytes, ink: Ink, most: float) -> Iterator[Ink]:
    """The ink, if part of it is a shadow that covers at most that share of the picture."""
    if ink.polarity == "light":
        return
    wide = find_wide(ink.mask)
    shaded = _across_shadow(grey, wide) if cv2.countNonZero(wide) <= most * wide.size else None
    if shaded is not None:
        yield shaded


def _across_shadow(grey: Bytes, dark: Bytes) -> Ink | None:
    """The ink in the light and in the dark, if the dark is a shadow with writing in it."""
    if not dark.any() or dark.all():
        return None
    side = widest_stroke(grey.shape)
    paper = close_strokes(grey, side, dark == 0)
    ink = find_ink(grey, paper, "dark")
    if not is_shadow(grey, paper, ink.mask, dark, rim=side):
        return None
    clutter = find_clutter(ink.mask)
    return find_ink(grey, paper, "dark", clutter) if clutter.any() else ink
