"""The moving average of a network's weights."""

from collections.abc import Sequence
from functools import partial

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """The exponential moving average of the weights, validated and saved in place of them.

    In Lightning's own the weights of the first step count for thousands of steps. Here the decay
    rises with the steps n to its value, as min(decay, (1 + n) / (10 + n)): TensorFlow's rule
    (`tf.train.ExponentialMovingAverage` with `num_updates`).

    Args:
        decay: Share of the average that a step keeps, from 0 to below 1.
        device: Where the average lives; None: on the CPU, as the network does when it is built.

    Raises:
        ValueError: `decay` is out of its range.
    """

    def __init__(self, decay: float, device: str | None = None) -> None:
        if not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"averaging decay is {decay!r}, must be from 0 to below 1; try 0.999")
        super().__init__(device=device, multi_avg_fn=partial(_move, decay=decay))


def _move(
    averages: Sequence[Tensor], currents: Sequence[Tensor], steps: Tensor, *, decay: float
) -> None:
    # One call for all weights of a type: less overhead than one for each (`avg_fn`).
    done = int(steps)
    move = get_ema_multi_avg_fn(min(decay, (1 + done) / (10 + done)))  # type: ignore[no-untyped-call]  # torch's
    move(averages, currents, steps)
