"""What is written with, on what, and how it is photographed: plain ranges."""

from dataclasses import dataclass, replace

from mnist_cnn.simulator.common import Range

Colour = tuple[int, int, int]  # blue, green, red

BLACKS: tuple[Colour, ...] = ((25, 22, 20), (40, 38, 36), (60, 55, 52), (45, 30, 25))
BLUES: tuple[Colour, ...] = ((140, 50, 25), (165, 70, 40), (120, 40, 40), (190, 90, 30))
REDS: tuple[Colour, ...] = ((40, 35, 185), (50, 40, 160), (60, 30, 205))
GREENS: tuple[Colour, ...] = ((50, 110, 30), (60, 130, 50))
CHALKS: tuple[Colour, ...] = ((255, 255, 255), (240, 245, 245), (180, 240, 250), (235, 215, 190))


@dataclass(frozen=True)
class Pen:
    """A pen.

    Args:
        radius: Half the width of its strokes; a digit is 20 high. Never below half a pixel.
        even: Strokes are equally wide everywhere.
        colours: On light surfaces; on dark ones everything is chalk.
        strength: Opacity.
        pressure: By how much the opacity varies along a stroke.
        grain: Share of the ink that the grain of the surface keeps away.
    """

    radius: Range
    even: bool = False
    colours: tuple[Colour, ...] = BLACKS
    strength: Range = (0.8, 1.0)
    pressure: float = 0.12
    grain: Range = (0.0, 0.1)


PENS = {
    "ink": Pen((0.9, 1.6), colours=BLACKS + BLACKS + BLUES),
    "pencil": Pen(
        (0.5, 1.0), colours=((70, 68, 66), (90, 88, 88)), strength=(0.45, 0.75), pressure=0.2,
        grain=(0.2, 0.5),
    ),
    "ballpoint": Pen((0.35, 0.75), True, BLACKS + BLUES + REDS, (0.75, 0.95), 0.15, (0.05, 0.25)),
    "marker": Pen((1.5, 2.8), colours=BLACKS + BLUES + REDS + GREENS, strength=(0.85, 1.0)),
    "chalk": Pen((0.9, 1.6), strength=(0.75, 0.95), pressure=0.2, grain=(0.2, 0.5)),
    "hairline": Pen((0.0, 0.05), True, ((0, 0, 0), *BLACKS), (0.9, 1.0), 0.0, (0.0, 0.0)),
    "drawn": Pen((0.9, 1.6), False, ((0, 0, 0), *BLACKS), (0.95, 1.0), 0.0, (0.0, 0.0)),
    "brush": Pen((0.8, 2.8), True, ((0, 0, 0), *BLACKS), (0.95, 1.0), 0.0, (0.0, 0.0)),
}  # fmt: skip


@dataclass(frozen=True)
class Surface:
    """What is written on.

    Args:
        colours: One is chosen and varied a little.
        grain: Standard deviation from pixel to pixel, in grey levels.
        clouds: Standard deviation of large patches, in grey levels.
    """

    colours: tuple[Colour, ...]
    grain: Range = (0.0, 0.0)
    clouds: Range = (0.0, 0.0)


WHITE = (250, 250, 250)
PAPERS: tuple[Colour, ...] = (
    WHITE, (242, 244, 246), (222, 236, 244), (205, 208, 208), (150, 226, 240), (240, 228, 212),
)  # fmt: skip

SURFACES = {
    "scan": Surface((WHITE, (255, 255, 255), (242, 246, 248)), (0.0, 1.5), (0.0, 1.0)),
    "paper": Surface(PAPERS, (0.5, 3.0), (0.0, 4.0)),
    "whiteboard": Surface(((238, 238, 236), (226, 224, 220)), (0.0, 0.8), (2.0, 7.0)),
    "blackboard": Surface(((52, 66, 44), (40, 40, 40), (70, 62, 58)), (1.0, 3.0), (3.0, 9.0)),
    "light_screen": Surface(((255, 255, 255), (255, 255, 255), (240, 240, 240))),
    "dark_screen": Surface(((0, 0, 0), (0, 0, 0), (30, 30, 30), (70, 30, 10))),
}


@dataclass(frozen=True)
class Condition:
    """Circumstances of a scene. A chance is a share of the scenes; a height is a digit's.

    Args:
        pens: Keys of PENS.
        surfaces: Keys of SURFACES.
        height: Of a single digit, in pixels.
        string_height: Of the digits of strings, in pixels.
        margin: Between ink and frame, in heights.
        frame: Limits of the sides of a single digit's frame, in pixels; None: the margins decide.
        hard: Ink or none: no shades at the edges of strokes.
        slant: Degrees either way.
        wander: How far digits leave the base line, in heights.
        size_spread: Standard deviation of the digits' sizes, as a share.
        gap: Between neighbours' ink, in heights; negative ones overlap.
        variants: Chance that a 0, 1, 4, 7 or 9 is written in another way, see `vary`.
        broken: Chance that a digit's strokes have gaps.
        ruled: Chance of ruled or squared paper.
        signs: There is a sign, or several, before, behind or between the digits.
        words: There is a word before or behind the digits of a line.
        framed: There are boxes, cells, a ring or a border around the digits, or lines under them.
        gradient: Share of the light that is lost at the darkest corner.
        cast: Largest difference of the light's colours, as a share.
        shadow: Chance of a shadow with an edge.
        dirt: Chance of dirt, smudges, salt and pepper.
        clutter: Chance of things in the frame.
        turn: Degrees either way.
        perspective: How much narrower the far side of the page is, as a share.
        blur: Standard deviation, in heights.
        noise: Standard deviation of the sensor, in grey levels.
        jpeg: Quality; None saves without losses.
    """

    pens: tuple[str, ...] = ("ink",)
    surfaces: tuple[str, ...] = ("paper",)
    height: Range = (40, 300)
    string_height: Range = (32, 110)
    margin: Range = (0.08, 1.3)
    frame: Range | None = (60, 700)
    hard: bool = False
    slant: float = 8.0
    wander: float = 0.05
    size_spread: float = 0.05
    gap: Range = (0.07, 0.5)
    variants: float = 0.2
    broken: float = 0.0
    ruled: float = 0.0
    signs: bool = False
    words: bool = False
    framed: bool = False
    gradient: Range = (0.0, 0.12)
    cast: float = 0.02
    shadow: float = 0.0
    dirt: float = 0.0
    clutter: float = 0.0
    turn: float = 2.0
    perspective: float = 0.02
    blur: Range = (0.0, 0.012)
    noise: Range = (0.5, 3.5)
    jpeg: Range | None = (60, 95)


PLAIN = Condition()
SCAN = Condition(
    surfaces=("scan",), gradient=(0.0, 0.02), cast=0.0, turn=1.0, perspective=0.0, noise=(0.0, 1.5)
)
DRAWN = replace(SCAN, gradient=(0.0, 0.0), blur=(0.0, 0.0), noise=(0.0, 0.0), jpeg=None)

CONDITIONS = {
    "clean": SCAN,
    "light_on_dark": replace(
        PLAIN, pens=("chalk", "drawn", "brush"), surfaces=("blackboard", "dark_screen")
    ),
    "light_gradient": replace(PLAIN, gradient=(0.3, 0.7), cast=0.15),
    "shadow": replace(PLAIN, shadow=1.0, gradient=(0.0, 0.25)),
    "pencil": replace(PLAIN, pens=("pencil",)),
    "ballpoint": replace(PLAIN, pens=("ballpoint",)),
    "marker": replace(PLAIN, pens=("marker",), surfaces=("paper", "whiteboard"), gap=(0.1, 0.5)),
    "hairline": replace(
        DRAWN, pens=("hairline",), surfaces=("light_screen", "dark_screen"), height=(120, 320),
        string_height=(70, 130), margin=(0.1, 0.8), frame=(300, 600),
    ),
    "blocky": replace(
        DRAWN, pens=("brush", "drawn"), surfaces=("light_screen", "dark_screen"), height=(15, 30),
        string_height=(14, 24), margin=(0.0, 0.3), frame=(20, 40), hard=True, gap=(0.1, 0.5),
    ),
    "ruled": replace(PLAIN, pens=("ink", "ballpoint"), ruled=1.0, turn=4.0),
    "framed": replace(
        PLAIN, pens=("ink", "ballpoint", "marker"), framed=True, margin=(0.6, 1.6)
    ),
    "specks": replace(PLAIN, pens=("ink", "marker"), dirt=1.0, jpeg=(30, 60)),
    "blur": replace(PLAIN, pens=("ink", "marker"), blur=(0.02, 0.045), gap=(0.12, 0.5)),
    "perspective": replace(PLAIN, turn=10.0, perspective=0.25, margin=(0.2, 1.3)),
    "clutter": replace(PLAIN, clutter=1.0, margin=(0.5, 1.6), pens=("ink", "ballpoint", "marker")),
    "small": replace(
        PLAIN, height=(12, 18), string_height=(12, 18), margin=(0.5, 8.0), frame=(60, 300),
        noise=(0.5, 2.0), jpeg=(75, 95),
    ),
    "frame_filling": replace(
        PLAIN, pens=("ink", "marker"), margin=(0.0, 0.04), turn=0.0, perspective=0.0
    ),
    "broken": replace(PLAIN, pens=("ink", "ballpoint"), broken=0.85),
    "touching": replace(PLAIN, gap=(-0.07, 0.01)),
    "slanted": replace(PLAIN, slant=30.0),
    "variants": replace(PLAIN, variants=1.0),
    "uneven": replace(PLAIN, wander=0.22, size_spread=0.18),
    "mixed": replace(
        PLAIN, pens=("ink", "ink", "ballpoint", "marker", "pencil"), margin=(0.2, 1.2),
        surfaces=("paper", "paper", "whiteboard"), slant=15.0, wander=0.1, size_spread=0.1,
        ruled=0.3, gradient=(0.0, 0.4), cast=0.08, shadow=0.3, dirt=0.15, clutter=0.25, turn=6.0,
        perspective=0.1, blur=(0.0, 0.02), jpeg=(40, 95),
    ),
    "signs": replace(PLAIN, pens=("ink", "ballpoint", "marker"), signs=True, gap=(0.1, 0.5)),
    "words": replace(PLAIN, pens=("ink", "ballpoint", "marker"), words=True, gap=(0.07, 0.4)),
    "cropped": replace(
        SCAN, pens=("ink", "marker", "drawn", "brush"), margin=(0.0, 0.02), frame=None, turn=0.0,
        surfaces=("scan", "paper", "light_screen", "dark_screen"), blur=(0.0, 0.045),
    ),
}  # fmt: skip
