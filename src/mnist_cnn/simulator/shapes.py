"""Symbols and small drawings as lines; x and y are from -1 to 1, y downwards."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mnist_cnn.simulator.common import Bytes, Floats

Lines = list[Floats]  # each (N, 2)
FINE = 8  # glyphs are drawn on an image so many times as large: OpenCV's widths are integers


def draw_lines(lines: Sequence[Floats], width: float) -> Bytes:
    """A glyph as MNIST's are: (28, 28), uint8, light on 0.

    Args:
        lines: Each (N, 2), from -1 to 1.
        width: Of the lines, in pixels.
    """
    canvas = np.zeros((28 * FINE, 28 * FINE), np.uint8)
    points = [np.round((14 + 10 * line) * 16 * FINE).astype(np.int32) for line in lines]
    cv2.polylines(canvas, points, False, 255, round(FINE * width), cv2.LINE_AA, 4)
    return np.asarray(cv2.resize(canvas, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)


def line(*points: tuple[float, float]) -> Floats:
    """Straight from point to point: (N, 2)."""
    return np.array(points, np.float32)


def arc(x: float, y: float, radius: float, start: float = 0, end: float = 360) -> Floats:
    """A part of a circle, (40, 2); degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 40))
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1).astype(
        np.float32
    )


def curve(*points: tuple[float, float]) -> Floats:
    """A cubic Bézier curve by its start, two bends and its end, (40, 2)."""
    t = np.linspace(0, 1, 40)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return np.asarray(weights @ np.array(points), np.float32)


def _polygon(corners: int, step: int, turn: float) -> Lines:
    angles = np.radians(turn) + 2 * np.pi * step * np.arange(corners + 1) / corners
    return [np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)]


def _arrow(rng: np.random.Generator) -> Lines:
    # Never upright: up, it would be like a 1.
    angle = np.radians(rng.uniform(-40, 40) + rng.choice((0, 180)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    return [line((-1, 0), (1, 0)) @ turn, line((0.3, -0.6), (1, 0), (0.3, 0.6)) @ turn]


def _heart(rng: np.random.Generator) -> Lines:
    t = np.linspace(0, 2 * np.pi, 60)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([np.sin(t) ** 3, -y / 16], axis=1).astype(np.float32)]


def _spiral(rng: np.random.Generator) -> Lines:
    t = np.linspace(0, 1, 120)
    angles = rng.uniform(0, 7) + 2 * np.pi * rng.uniform(2.6, 3.2) * t
    return [np.stack([t * np.cos(angles), t * np.sin(angles)], axis=1).astype(np.float32)]


def _face(rng: np.random.Generator) -> Lines:
    eyes = [line((side * 0.35, -0.4), (side * 0.35, -0.15)) for side in (-1, 1)]
    mouth = arc(0, 0.1, 0.5, 20, 160) if rng.random() < 0.7 else line((-0.4, 0.45), (0.4, 0.45))
    return [arc(0, 0, 1), *eyes, mouth]


def _stick_figure(rng: np.random.Generator) -> Lines:
    arms = rng.uniform(-0.5, 0.3)
    return [
        arc(0, -0.95, 0.3),
        line((0, -0.65), (0, 0.3)),
        line((-0.7, arms), (0, -0.35), (0.7, arms)),
        line((-0.55, 1.2), (0, 0.3), (0.55, 1.2)),
    ]


SHAPES: dict[str, Callable[[np.random.Generator], Lines]] = {
    "arrow": _arrow,
    "star": lambda rng: _polygon(5, 2, -90 + rng.uniform(-10, 10)),
    "tick": lambda rng: [line((-0.8, 0.1), (-0.25, 0.8), (1.1, -0.9))],
    "cross": lambda rng: [line((-0.8, -0.8), (0.8, 0.8)), line((0.8, -0.8), (-0.8, 0.8))],
    "plus": lambda rng: [line((-0.9, 0), (0.9, 0)), line((0, -0.9), (0, 0.9))],
    "equals": lambda rng: [line((-0.9, -0.35), (0.9, -0.35)), line((-0.9, 0.35), (0.9, 0.35))],
    "hash": lambda rng: [
        *(line((x, -0.9), (x, 0.9)) for x in (-0.35, 0.35)),
        *(line((-0.9, y), (0.9, y)) for y in (-0.35, 0.35)),
    ],
    "face": _face,
    "heart": _heart,
    "square": lambda rng: [0.9 * side for side in _polygon(4, 1, 45)],
    "triangle": lambda rng: _polygon(3, 1, -90),
    "house": lambda rng: [
        line((-0.8, -0.1), (0, -1), (0.8, -0.1), (0.8, 1), (-0.8, 1), (-0.8, -0.1), (0.8, -0.1))
    ],
    "spiral": _spiral,
    "stick_figure": _stick_figure,
}
