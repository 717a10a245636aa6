"""Batch normalisation for few channels, against torch's own."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from mnist_cnn.models import BnCnn
from mnist_cnn.models.batch_norm import BatchNorm2d

SHAPES = [(6, 8, 4, 6), (5, 10, 3, 3), (2, 20, 1, 1), (1, 3, 5, 7), (3, 1, 4, 4)]
OUR_OWN = "_NormalizationBackward"


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def make_maps(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> Tensor:
    """Maps with channels side by side, whose means and variances differ from 0 and 1."""
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 2
    return maps.to(dtype).to(memory_format=torch.channels_last).requires_grad_()


def make_pair(channels: int, dtype: torch.dtype) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    """Ours and torch's, with the same weights, none of them 1 or 0."""
    ours, theirs = BatchNorm2d(channels).to(dtype), nn.BatchNorm2d(channels).to(dtype)
    nn.init.uniform_(theirs.weight, 0.5, 2)
    nn.init.uniform_(theirs.bias, -1, 1)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def backward_of(layer: nn.Module, maps: Tensor) -> str:
    """Name of what computes the gradient."""
    return type(layer(maps).grad_fn).__name__


def run(layer: nn.BatchNorm2d, shape: tuple[int, ...], dtype: torch.dtype) -> list[Tensor | None]:
    """Two steps: values, gradients, statistics."""
    seen: list[Tensor | None] = []
    for seed in (1, 2):
        maps = make_maps(shape, dtype, seed)
        result = layer(maps)
        result.square().mul(make_maps(shape, dtype, seed + 2)).sum().backward()
        seen += [result.detach(), maps.grad, layer.weight.grad, layer.bias.grad]
        layer.zero_grad()
    return [*seen, layer.running_mean, layer.running_var, layer.num_batches_tracked]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_gradients_and_statistics_are_those_of_torch(shape: tuple[int, ...]) -> None:
    ours, theirs = make_pair(shape[1], torch.float64)
    assert backward_of(ours, make_maps(shape, torch.float64)) == OUR_OWN
    theirs(make_maps(shape, torch.float64))
    for own, expected in zip(
        run(ours, shape, torch.float64), run(theirs, shape, torch.float64), strict=True
    ):
        torch.testing.assert_close(own, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-7)], ids=str
)
def test_sums_are_exact_where_the_mean_is_large(dtype: torch.dtype, tolerance: float) -> None:
    maps = make_maps((40, 8, 12, 12), torch.float32).detach() / 3 + 100
    maps = maps.to(dtype)
    result = BatchNorm2d(8)(maps)
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=torch.channels_last)
    exact = nn.BatchNorm2d(8).double()(maps.double()).to(dtype)
    torch.testing.assert_close(result, exact, rtol=tolerance, atol=10 * tolerance)


def test_a_gradient_of_any_memory_format_is_taken() -> None:
    ours, theirs = make_pair(8, torch.float64)
    gradients = []
    for layer in (ours, theirs):
        maps = make_maps((4, 8, 6, 6), torch.float64)
        (layer(maps).contiguous() ** 3).sum(dim=(2, 3)).sum().backward()
        gradients.append(maps.grad)
    torch.testing.assert_close(*gradients)


def test_it_is_torch_s_own_where_that_is_as_quick() -> None:
    maps, layer = make_maps((4, 8, 6, 6), torch.float32), BatchNorm2d(8)
    assert backward_of(layer, maps) == OUR_OWN
    assert backward_of(layer, maps.detach().contiguous().requires_grad_()) != OUR_OWN
    torch.set_num_threads(1)
    assert backward_of(layer, maps) != OUR_OWN
    torch.set_num_threads(2)
    assert backward_of(layer.eval(), maps) != OUR_OWN


@pytest.mark.parametrize(
    ("channels", "own"), [(8, True), (20, True), (16, False), (32, False), (40, False)]
)
def test_few_channels_that_share_cache_lines_are_ours(channels: int, own: bool) -> None:
    maps = make_maps((2, channels, 4, 4), torch.float32)
    assert (backward_of(BatchNorm2d(channels), maps) == OUR_OWN) == own


def test_a_single_value_has_no_variance() -> None:
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        BatchNorm2d(8)(make_maps((1, 8, 1, 1), torch.float32))


def test_a_network_trains_with_it() -> None:
    network = BnCnn((1, 28, 28), 10).to(memory_format=torch.channels_last)
    first = next(layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    computed_by = []
    first.register_forward_hook(
        lambda _, __, result: computed_by.append(type(result.grad_fn).__name__)
    )
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert computed_by == [OUR_OWN]
    assert all(weights.grad is not None for weights in network.parameters())
    assert first.weight.grad is not None
    assert first.weight.grad.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_weights_of_every_type_are_trained(dtype: torch.dtype) -> None:
    layer, maps = BatchNorm2d(8).to(dtype), make_maps((4, 8, 6, 6), dtype)
    result = layer(maps)
    result.square().sum().backward()
    assert type(result.grad_fn).__name__ == OUR_OWN
    assert result.dtype == layer.running_mean.dtype == dtype
    for tensor in (maps, layer.weight, layer.bias):
        assert tensor.grad is not None
        assert tensor.grad.dtype == dtype
    assert layer.running_mean.any()


def test_means_over_all_batches_are_torch_s() -> None:
    layer = BatchNorm2d(8)
    layer.momentum = None  # as torch.optim.swa_utils.update_bn sets it
    batches = [make_maps((4, 8, 6, 6), torch.float32, seed) for seed in (1, 2)]
    for maps in batches:
        layer(maps)
    torch.testing.assert_close(layer.running_mean, torch.cat(batches).mean(dim=(0, 2, 3)))
