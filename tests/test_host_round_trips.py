"""A step asks the device for no value: on a GPU the host would wait for it.

There is no GPU here; what would wait there is an operation of its own on a CPU, too.
"""
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mnist_cnn.data import Chain, Cutout, MnistDataModule, Warp, unchanged
from mnist_cnn.data.augmentation import Augmentation
from mnist_cnn.models import BnCnn, CompactCnn, DigitClassifier, StridedCnn, UnpaddedCnn

# A value for Python, or a result whose shape depends on values.
WAITING = ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "unique", "equal")
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": unchanged,
    "all": Chain({"warp": Warp(10, 10, 0.1, 0.07, 0.7), "cutout": Cutout(8)}),
}


class NoRoundTrips(TorchDispatchMode):
    """Refuses operations that would wait."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in WAITING, f"a step calls {name}"
        return func(*args, **(kwargs or {}))


@pytest.fixture
def refuse_copies(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Refuses what copies between host and device from now on; on a CPU it copies nothing."""

    def refuse(name: str, *arguments: object, **options: object) -> None:
        raise AssertionError(f"a step calls {name}")

    def start() -> None:
        for name in ("cpu", "numpy", "tolist"):
            monkeypatch.setattr(Tensor, name, partial(refuse, name))
        for name in ("tensor", "as_tensor", "from_numpy"):
            monkeypatch.setattr(torch, name, partial(refuse, name))

    return start


@pytest.mark.parametrize("ask", [Tensor.item, Tensor.nonzero, bool, float])
def test_waiting_is_noticed(ask: Callable[[Tensor], object]) -> None:
    with pytest.raises(AssertionError, match="a step calls"), NoRoundTrips():
        ask(torch.ones(1))


@pytest.mark.parametrize("augment", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
@pytest.mark.parametrize(
    "network",
    [BnCnn, CompactCnn, StridedCnn, partial(UnpaddedCnn, moments=True, gradients=True)],
    ids=["BnCnn", "CompactCnn", "StridedCnn", "UnpaddedCnn"],
)
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_a_training_step_does_not_wait(
    label_smoothing: float,
    network: Callable[..., DigitClassifier],
    augment: Augmentation,
    make_data: Callable[..., MnistDataModule],
    refuse_copies: Callable[[], None],
) -> None:
    data = make_data(augment=augment, batch_size=8)
    model = network(data.image_shape, data.num_classes, label_smoothing=label_smoothing)
    batches = iter(data.train_dataloader())
    next(batches)  # an epoch begins with its order, which the host makes
    model.training_step(next(batches), 0)  # the first step copies what is kept from then on
    refuse_copies()
    with NoRoundTrips():
        for step in range(3):
            model.training_step(next(batches), step)["loss"].backward()
    assert model.train_metrics["accuracy"].update_count == 4


def test_an_evaluation_step_does_not_wait(
    make_data: Callable[..., MnistDataModule], refuse_copies: Callable[[], None]
) -> None:
    data = make_data()
    model = BnCnn(data.image_shape, data.num_classes).eval()
    batches = iter(data.test_dataloader())
    model.test_step(next(batches), 0)
    refuse_copies()
    with torch.no_grad(), NoRoundTrips():
        batch = next(batches)
        for step in (model.test_step, model.validation_step, model.predict_step):
            step(batch, 0)
