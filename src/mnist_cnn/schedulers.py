"""Learning rate schedules, by the choice `scheduler=` of a run.

Each function takes the optimizer and the number of steps of the whole training, and returns what
Lightning wants from `configure_optimizers`: the schedule and how often it moves. The highest rate
is always the optimizer's own `lr`, but for a `one_cycle` that has no step to rise.
"""

import math
from collections.abc import Callable
from typing import Literal

from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

SchedulerFactory = Callable[[Optimizer, float], LRSchedulerConfigType]


def constant(optimizer: Optimizer, total_steps: float) -> LRSchedulerConfigType:
    """The optimizer's rate throughout."""
    return {"scheduler": ConstantLR(optimizer, factor=1.0), "interval": "epoch"}


def cosine(
    optimizer: Optimizer, total_steps: float, *, final_lr: float, warmup: float
) -> LRSchedulerConfigType:
    """Falls along half a cosine to `final_lr` (Loshchilov & Hutter 2017, without restarts).

    Before that it rises evenly in the first `warmup` part of all steps (Goyal et al. 2017).

    Raises:
        ValueError: `warmup` is not from 0 to below 1.
    """
    steps = _finite(total_steps)
    rising = _rising(warmup, steps)
    fall = CosineAnnealingLR(optimizer, T_max=max(1, steps - rising), eta_min=final_lr)
    if not rising:
        return {"scheduler": fall, "interval": "step"}
    rise = LinearLR(optimizer, start_factor=1 / (rising + 1), total_iters=rising)
    schedule = SequentialLR(optimizer, [rise, fall], milestones=[rising])
    return {"scheduler": schedule, "interval": "step"}


def one_cycle(optimizer: Optimizer, total_steps: float, *, warmup: float) -> LRSchedulerConfigType:
    """Rises in the first `warmup` part of all steps, then falls to nearly zero (Smith 2018).

    Raises:
        ValueError: `warmup` is not from 0 to below 1.
    """
    steps = _finite(total_steps)
    # torch divides by the steps between the first one and the peak: a peak at the first is none.
    rising = warmup if _rising(warmup, steps) > 1 else 0.0
    schedule = OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=rising,
        cycle_momentum=False,  # it would give plain SGD a momentum nobody asked for
    )
    return {"scheduler": schedule, "interval": "step"}


def step(
    optimizer: Optimizer, total_steps: float, *, every_n_epochs: int, factor: float
) -> LRSchedulerConfigType:
    """Multiplies the rate by `factor` every so many epochs.

    Raises:
        ValueError: `every_n_epochs` is not a whole number above 0.
    """
    if not isinstance(every_n_epochs, int) or every_n_epochs < 1:
        raise ValueError(
            f"scheduler every_n_epochs is {every_n_epochs}, must be a whole number above 0; try 1"
        )
    schedule = StepLR(optimizer, step_size=every_n_epochs, gamma=factor)
    return {"scheduler": schedule, "interval": "epoch"}


def plateau(
    optimizer: Optimizer,
    total_steps: float,
    *,
    monitor: str,
    mode: Literal["min", "max"],
    patience: int,
    factor: float,
) -> LRSchedulerConfigType:
    """Multiplies the rate by `factor` after over `patience` epochs without a better `monitor`."""
    schedule = ReduceLROnPlateau(optimizer, mode, factor=factor, patience=patience)
    return {"scheduler": schedule, "interval": "epoch", "monitor": monitor}


def _rising(warmup: float, steps: int) -> int:
    """So many of the steps are the first `warmup` part."""
    if not isinstance(warmup, int | float) or not 0 <= warmup < 1:
        raise ValueError(f"scheduler warmup is {warmup}, must be from 0 to below 1; try 0.1")
    return round(warmup * steps)


def _finite(total_steps: float) -> int:
    if math.isinf(total_steps):
        raise ValueError(
            "this scheduler needs an end, but the trainer has none (max_epochs=-1); set "
            "trainer.max_epochs or choose scheduler=constant"
        )
    return int(total_steps)
