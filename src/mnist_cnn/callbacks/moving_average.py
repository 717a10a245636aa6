"""The moving average of a network's weights."""

from collections.abc import Sequence
from typing import cast

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """The exponential moving average of the weights, validated and saved in place of them.

    In Lightning's own the weights of the first step count for thousands of steps. Here the decay
    rises with the steps n to its value, as min(decay, (1 + n) / (10 + n)): TensorFlow's rule
    (`tf.train.ExponentialMovingAverage` with `num_updates`). The average lives on the device that
    is trained on, its count of steps on the CPU: no step waits for either.

    Args:
        decay: Share of the average that a step keeps, from 0 to below 1.

    Raises:
        ValueError: `decay` is out of its range.
    """

    def __init__(self, decay: float) -> None:
        if not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"averaging decay is {decay!r}, must be from 0 to below 1; try 0.999")
        super().__init__(multi_avg_fn=self._move)
        self.decay = decay

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Builds the average, when training begins."""
        # Lightning's own choice is where the network is before it is moved: the CPU.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            self._average.n_averaged = torch.tensor(0)  # a resumed run loads its own later

    @property
    def _average(self) -> AveragedModel:
        return cast(AveragedModel, self._average_model)

    # One call for all weights of a type: less overhead than one for each (`avg_fn`).
    def _move(self, averages: Sequence[Tensor], currents: Sequence[Tensor], steps: Tensor) -> None:
        done = int(self._average.n_averaged)  # `steps` is its copy on the device
        move = get_ema_multi_avg_fn(min(self.decay, (1 + done) / (10 + done)))  # type: ignore[no-untyped-call]  # torch's
        move(averages, currents, steps)
