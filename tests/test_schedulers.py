"""Each choice of `scheduler=`, stepped as Lightning would over a toy optimizer."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from conftest import ROOT

NAMES = sorted(path.stem for path in Path(ROOT, "conf/scheduler").glob("*.yaml"))
LR = 0.2
MAKERS: dict[str, Callable[[], Optimizer]] = {
    "sgd": lambda: SGD([nn.Parameter(torch.zeros(2))], lr=LR),
    "momentum": lambda: SGD([nn.Parameter(torch.zeros(2))], lr=LR, momentum=0.8),
    "adam": lambda: Adam([nn.Parameter(torch.zeros(2))], lr=LR, betas=(0.8, 0.95)),
}

optimizers = pytest.mark.parametrize("make_optimizer", MAKERS.values(), ids=MAKERS)


def build(name: str, optimizer: Optimizer, total_steps: float, *overrides: str) -> dict[str, Any]:
    # Merged by hand: composing the whole configuration would take most of these tests' time.
    config = OmegaConf.create(
        {
            "monitor": OmegaConf.load(ROOT / "conf" / "train.yaml").monitor,
            "scheduler": OmegaConf.load(ROOT / "conf" / "scheduler" / f"{name}.yaml"),
        }
    )
    config.merge_with_dotlist(list(overrides))
    description: dict[str, Any] = instantiate(config.scheduler)(optimizer, total_steps)
    return description


def rates(
    optimizer: Optimizer, scheduler: Any, moves: int, metrics: list[float] | None = None
) -> list[float]:
    """The rates that each period trains with, `moves` + 1 of them."""
    seen = [optimizer.param_groups[0]["lr"]]
    for move in range(moves):
        optimizer.step()
        scheduler.step(*([] if metrics is None else [metrics[move]]))
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def test_there_are_configurations() -> None:
    assert set(NAMES) == {"constant", "cosine", "one_cycle", "plateau", "step"}


@optimizers
@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_the_rate_is_changed(
    name: str, make_optimizer: Callable[[], Optimizer]
) -> None:
    def other_settings() -> dict[str, Any]:
        own = {"params", "lr", "initial_lr", "max_lr", "min_lr"}
        return {k: v for k, v in optimizer.param_groups[0].items() if k not in own}

    optimizer = make_optimizer()
    before = other_settings()
    assert before.keys() & {"momentum", "betas"}
    scheduler = build(name, optimizer, 20)["scheduler"]
    assert other_settings() == before
    for _ in range(10):
        rates(optimizer, scheduler, 1, [0.5] if name == "plateau" else None)
        assert other_settings() == before


@optimizers
@pytest.mark.parametrize("name", NAMES)
def test_highest_rate_is_the_optimizers_own(
    name: str, make_optimizer: Callable[[], Optimizer]
) -> None:
    optimizer = make_optimizer()
    scheduler = build(name, optimizer, 20)["scheduler"]
    seen = rates(optimizer, scheduler, 19, [0.5] * 19 if name == "plateau" else None)
    assert max(seen) == pytest.approx(LR, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_group_keeps_its_own_rate(name: str) -> None:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.2, 0.01)]
    optimizer = SGD(groups)
    scheduler = build(name, optimizer, 20)["scheduler"]
    highest = [0.0, 0.0]
    for _ in range(19):
        highest = [max(h, g["lr"]) for h, g in zip(highest, optimizer.param_groups, strict=True)]
        rates(optimizer, scheduler, 1, [0.5] if name == "plateau" else None)
    assert highest == pytest.approx([0.2, 0.01], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "interval"),
    [
        ("constant", "epoch"),
        ("cosine", "step"),
        ("one_cycle", "step"),
        ("plateau", "epoch"),
        ("step", "epoch"),
    ],
)
def test_schedule_moves_by_epoch_or_step(name: str, interval: str) -> None:
    description = build(name, MAKERS["sgd"](), 20)
    assert description["interval"] == interval
    assert description.get("frequency", 1) == 1


@optimizers
def test_constant_stays(make_optimizer: Callable[[], Optimizer]) -> None:
    optimizer = make_optimizer()
    scheduler = build("constant", optimizer, math.inf)["scheduler"]
    assert rates(optimizer, scheduler, 30) == [LR] * 31


@optimizers
@pytest.mark.parametrize("final_lr", [0.0, 0.05])
@pytest.mark.parametrize("total", [1, 20, 21])
def test_cosine_follows_the_formula(
    total: int, final_lr: float, make_optimizer: Callable[[], Optimizer]
) -> None:
    optimizer = make_optimizer()
    override = f"scheduler.final_lr={final_lr}"
    scheduler = build("cosine", optimizer, total, override)["scheduler"]
    seen = rates(optimizer, scheduler, total)
    expected = [
        final_lr + (LR - final_lr) * (1 + math.cos(math.pi * step / total)) / 2
        for step in range(total + 1)
    ]
    assert seen == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert seen[0] == LR
    assert seen[-1] == pytest.approx(final_lr, abs=1e-12)
    if total == 20:
        assert seen[10] == pytest.approx((LR + final_lr) / 2)


@optimizers
@pytest.mark.parametrize(("warmup", "rising"), [(0.02, 1), (0.1, 5), (0.5, 25), (0.99, 50)])
def test_cosine_rises_evenly_before_it_falls(
    warmup: float, rising: int, make_optimizer: Callable[[], Optimizer]
) -> None:
    optimizer = make_optimizer()
    scheduler = build("cosine", optimizer, 50, f"scheduler.warmup={warmup}")["scheduler"]
    seen = rates(optimizer, scheduler, 49)
    rise = [LR * (step + 1) / (rising + 1) for step in range(rising)]
    fall = [LR * (1 + math.cos(math.pi * step / (50 - rising))) / 2 for step in range(50 - rising)]
    assert seen == pytest.approx(rise + fall)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
@pytest.mark.parametrize("warmup", [-0.1, 1.0, "much"])
def test_a_warm_up_that_leaves_nothing_is_refused(name: str, warmup: object) -> None:
    with pytest.raises(ValueError, match=rf"warmup is {warmup}, must be from 0 to below 1"):
        build(name, MAKERS["sgd"](), 50, f"scheduler.warmup={warmup}")


def test_cosine_ends_at_zero_by_default() -> None:
    optimizer = MAKERS["sgd"]()
    scheduler = build("cosine", optimizer, 50.0)["scheduler"]
    assert rates(optimizer, scheduler, 50)[-1] == pytest.approx(0, abs=1e-12)


@optimizers
@pytest.mark.parametrize("warmup", [0.1, 0.3, 0.5])
def test_one_cycle_rises_to_the_optimizers_rate_and_falls_to_nearly_zero(
    warmup: float, make_optimizer: Callable[[], Optimizer]
) -> None:
    total = 100
    optimizer = make_optimizer()
    override = f"scheduler.warmup={warmup}"
    scheduler = build("one_cycle", optimizer, float(total), override)["scheduler"]
    seen = rates(optimizer, scheduler, total - 1)  # the last step trains with the last rate
    peak = round(warmup * total) - 1  # the last step of the warm-up, counted from 0
    assert seen[peak] == pytest.approx(LR, rel=1e-9)
    assert seen.index(max(seen)) == peak
    assert seen[: peak + 1] == sorted(seen[: peak + 1])
    assert seen[peak:] == sorted(seen[peak:], reverse=True)
    assert seen[0] < LR / 10
    assert 0 < seen[-1] < LR / 10_000


@optimizers
@pytest.mark.parametrize("warmup", [0, 0.01, 0.02])
def test_one_cycle_without_time_to_rise_falls(
    warmup: float, make_optimizer: Callable[[], Optimizer]
) -> None:
    optimizer = make_optimizer()
    scheduler = build("one_cycle", optimizer, 50, f"scheduler.warmup={warmup}")["scheduler"]
    seen = rates(optimizer, scheduler, 49)
    assert 0.99 * LR < seen[0] <= LR
    assert seen == sorted(seen, reverse=True)


def test_one_cycle_warms_up_for_three_tenths_by_default() -> None:
    optimizer = MAKERS["sgd"]()
    scheduler = build("one_cycle", optimizer, 50)["scheduler"]
    seen = rates(optimizer, scheduler, 49)
    assert seen.index(max(seen)) == 14


@optimizers
@pytest.mark.parametrize(("every", "factor"), [(3, 0.5), (1, 0.1)])
def test_step_multiplies_every_n_epochs(
    every: int, factor: float, make_optimizer: Callable[[], Optimizer]
) -> None:
    optimizer = make_optimizer()
    overrides = [f"scheduler.every_n_epochs={every}", f"scheduler.factor={factor}"]
    scheduler = build("step", optimizer, math.inf, *overrides)["scheduler"]
    expected = [LR * factor ** (epoch // every) for epoch in range(11)]
    assert rates(optimizer, scheduler, 10) == pytest.approx(expected)


@pytest.mark.parametrize("every", [0, -1, 0.5])
def test_step_refuses_what_is_no_number_of_epochs(every: object) -> None:
    with pytest.raises(ValueError, match=rf"every_n_epochs is {every}, must be a whole number"):
        build("step", MAKERS["sgd"](), 50, f"scheduler.every_n_epochs={every}")


def test_step_halves_every_three_epochs_by_default() -> None:
    optimizer = MAKERS["sgd"]()
    scheduler = build("step", optimizer, 20)["scheduler"]
    seen = rates(optimizer, scheduler, 6)
    assert seen == pytest.approx([LR, LR, LR, LR / 2, LR / 2, LR / 2, LR / 4])


@optimizers
@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize(("mode", "sign"), [("max", 1), ("min", -1)])
def test_plateau_lowers_after_patience(
    mode: str,
    sign: int,
    patience: int,
    make_optimizer: Callable[[], Optimizer],
) -> None:
    optimizer = make_optimizer()
    overrides = [f"scheduler.patience={patience}", f"monitor.mode={mode}"]
    scheduler = build("plateau", optimizer, math.inf, *overrides)["scheduler"]
    improving = [sign * value for value in (0.5, 0.6, 0.7)]
    worse = [sign * 0.65] * (patience + 1)
    seen = rates(optimizer, scheduler, len(improving + worse), improving + worse)
    assert seen[:-1] == [LR] * (len(seen) - 1)
    assert seen[-1] == pytest.approx(LR / 2)


def test_plateau_forgets_bad_epochs_after_an_improvement() -> None:
    optimizer = MAKERS["sgd"]()
    scheduler = build("plateau", optimizer, 20)["scheduler"]
    assert rates(optimizer, scheduler, 5, [0.5, 0.4, 0.6, 0.5, 0.7]) == [LR] * 6


def test_plateau_watches_the_runs_metric() -> None:
    overrides = ["monitor.metric=val/loss", "monitor.mode=min"]
    description = build("plateau", MAKERS["sgd"](), 20, *overrides)
    assert description["monitor"] == "val/loss"
    assert description["scheduler"].mode == "min"


def test_plateau_refuses_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match="mode best is unknown"):
        build("plateau", MAKERS["sgd"](), 20, "scheduler.mode=best")


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_schedule_with_an_end_refuses_an_endless_training(name: str) -> None:
    with pytest.raises(ValueError, match="needs an end, but the trainer has none") as caught:
        build(name, MAKERS["sgd"](), math.inf)
    assert "trainer.max_epochs" in str(caught.value)


@pytest.mark.parametrize("name", ["constant", "plateau", "step"])
def test_schedule_without_an_end_takes_an_endless_training(name: str) -> None:
    optimizer = MAKERS["sgd"]()
    build(name, optimizer, math.inf)
    assert optimizer.param_groups[0]["lr"] == LR
