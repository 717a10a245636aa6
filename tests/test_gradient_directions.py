"""Directions of the gradient: against a naive computation, and on edges that one knows."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from mnist_cnn.models.gradient_directions import DIRECTIONS, GradientDirections

directions = GradientDirections()


def naive(image: Tensor) -> Tensor:
    """(H, W) to (8, H // 2, W // 2), pixel by pixel."""
    height, width = image.shape
    rows = image.tolist()

    def grey(y: int, x: int) -> float:
        value: float = rows[min(max(y, 0), height - 1)][min(max(x, 0), width - 1)]
        return value

    weights = ((-1, 1), (0, 2), (1, 1))
    result = torch.zeros(8, height // 2, width // 2)
    for y in range(height // 2 * 2):
        for x in range(width // 2 * 2):
            right = sum(w * (grey(y + d, x + 1) - grey(y + d, x - 1)) for d, w in weights) / 4
            down = sum(w * (grey(y + 1, x + d) - grey(y - 1, x + d)) for d, w in weights) / 4
            for k in range(8):
                part = right * math.cos(k * math.pi / 4) + down * math.sin(k * math.pi / 4)
                result[k, y // 2, x // 2] += max(part, 0) / 4
    return result


@pytest.mark.parametrize("size", [(8, 8), (7, 10)], ids=["even", "odd"])
def test_equals_a_naive_computation(size: tuple[int, int]) -> None:
    image = torch.randn(size, generator=torch.Generator().manual_seed(0))
    assert_close(directions(image[None, None])[0], naive(image))


@pytest.mark.parametrize("turns", range(4))
def test_an_edge_shows_in_the_direction_it_brightens(turns: int) -> None:
    brighter_to_the_right = torch.zeros(1, 1, 12, 12)
    brighter_to_the_right[..., 6:] = 1
    # rot90 turns counterclockwise: right, up, left, down.
    image = torch.rot90(brighter_to_the_right, turns, dims=(2, 3))
    strengths = directions(image).sum(dim=(0, 2, 3))
    strongest = (-2 * turns) % DIRECTIONS
    assert strengths.argmax() == strongest
    assert_close(strengths[strongest - 4], torch.tensor(0.0))


def test_even_grey_has_no_direction_not_even_at_the_edge() -> None:
    assert_close(directions(torch.full((2, 1, 28, 28), -0.42)), torch.zeros(2, 8, 14, 14))


def test_channels_stay_apart() -> None:
    images = torch.rand(3, 2, 10, 12)
    maps = directions(images)
    assert maps.shape == (3, 2 * DIRECTIONS, 5, 6)
    assert_close(maps[:, :DIRECTIONS], directions(images[:, :1]))
    assert_close(maps[:, DIRECTIONS:], directions(images[:, 1:]))


def test_nothing_is_learned_or_stored() -> None:
    assert list(directions.parameters()) == []
    assert directions.state_dict() == {}
