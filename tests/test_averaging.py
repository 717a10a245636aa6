"""Averages of weights: the right ones are validated and saved."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from omegaconf import DictConfig
from torch import Tensor

from mnist_cnn import training
from mnist_cnn.callbacks import LastEpochsAverage, MovingAverage
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.models import Mlp
from mnist_cnn.training import train

MakeConfig = Callable[..., DictConfig]
State = dict[str, Tensor]
STEPS = 15  # an epoch on the fake data
SETTINGS = [
    *("model=bn_cnn", "model.channels=[4,8]", "model.hidden=16", "optimizer=adam"),
    *("~callbacks.digit_pictures", "trainer.max_epochs=4", "monitor.metric=epoch"),
    *("callbacks.early_stopping=null", "seed=3"),
]
EMA = ["averaging=ema", "callbacks.averaging.decay=0.7"]
LAST = ["averaging=last_epochs", "callbacks.averaging.epochs=2"]


class Recorder(Callback):
    """Notes the weights after each step, and those that are validated."""

    def __init__(self) -> None:
        self.stepped: list[State] = []
        self.validated: list[State] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        self.stepped.append(deepcopy(pl_module.state_dict()))

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == 0 and len(self.stepped) % STEPS == 0:
            self.validated.append(deepcopy(pl_module.state_dict()))


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder, build = Recorder(), training._build_trainer
    monkeypatch.setattr(training, "_build_trainer", lambda cfg, own: build(cfg, [*own, recorder]))
    return recorder


def saved(folder: Path) -> State:
    return load_checkpoint(folder / "checkpoints" / "last.ckpt").model.state_dict()


def moving_averages(states: list[State], decay: float) -> list[State]:
    averages = [states[0]]
    for n, state in enumerate(states[1:], start=1):
        before, kept = averages[-1], min(decay, (1 + n) / (10 + n))
        averages.append(
            {
                name: kept * before[name] + (1 - kept) * value
                for name, value in state.items()
                if value.is_floating_point()
            }
        )
    return averages


def mean(states: list[State]) -> State:
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        for name, value in states[0].items()
        if value.is_floating_point()
    }


def assert_equal(seen: State, expected: State) -> None:
    floating = {name: value for name, value in seen.items() if value.is_floating_point()}
    assert floating
    torch.testing.assert_close(floating, {name: expected[name] for name in floating})


def test_a_moving_average_is_validated_and_saved(
    make_config: MakeConfig, record: Recorder, tmp_path: Path
) -> None:
    train(make_config(*SETTINGS, *EMA, f"output_dir={tmp_path}/run"))
    averages = moving_averages(record.stepped, 0.7)
    assert len(averages) == 4 * STEPS
    assert_equal(saved(tmp_path / "run"), averages[-1])
    for epoch, validated in enumerate(record.validated):
        assert_equal(validated, averages[(epoch + 1) * STEPS - 1])
    assert len(record.validated) == 4


def test_the_last_epochs_are_averaged_evenly(
    make_config: MakeConfig, record: Recorder, tmp_path: Path
) -> None:
    train(make_config(*SETTINGS, *LAST, f"output_dir={tmp_path}/run"))
    ends = record.stepped[STEPS - 1 :: STEPS]
    assert_equal(saved(tmp_path / "run"), mean(ends[2:]))
    expected = [ends[0], ends[1], ends[2], mean(ends[2:])]
    assert len(record.validated) == 4
    for validated, state in zip(record.validated, expected, strict=True):
        assert_equal(validated, state)


@pytest.mark.parametrize("stepping", [2, 4])
def test_the_last_epochs_are_averaged_whatever_the_steps(
    stepping: int, make_config: MakeConfig, record: Recorder, tmp_path: Path
) -> None:
    accumulate = f"+trainer.accumulate_grad_batches={stepping}"
    train(make_config(*SETTINGS, *LAST, accumulate, f"output_dir={tmp_path}/run"))
    assert_equal(saved(tmp_path / "run"), mean(record.stepped[STEPS - 1 :: STEPS][2:]))


@pytest.mark.parametrize("averaging", [EMA, LAST], ids=["ema", "last_epochs"])
def test_what_is_saved_within_the_first_epoch_was_trained(
    averaging: list[str], make_config: MakeConfig, record: Recorder, tmp_path: Path
) -> None:
    train(make_config(*SETTINGS, *averaging, "+trainer.max_steps=7", f"output_dir={tmp_path}/run"))
    assert len(record.stepped) == 7
    expected = moving_averages(record.stepped, 0.7) if averaging is EMA else record.stepped
    assert_equal(saved(tmp_path / "run"), expected[-1])


def test_a_last_epoch_that_max_steps_cuts_counts(
    make_config: MakeConfig, record: Recorder, tmp_path: Path
) -> None:
    end = 2 * STEPS + 3
    early = ["callbacks.averaging.epochs=4", f"+trainer.max_steps={end}"]
    train(make_config(*SETTINGS, *LAST, *early, f"output_dir={tmp_path}/run"))
    assert len(record.stepped) == end
    ends = [record.stepped[step - 1] for step in (STEPS, 2 * STEPS, end)]
    assert_equal(saved(tmp_path / "run"), mean(ends))


def test_the_moving_average_is_on_the_device_that_is_trained_on() -> None:
    network, device = Mlp((1, 28, 28), 10), torch.device("meta")  # as good as a GPU here
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=device))
    average = MovingAverage(0.9)
    average.setup(trainer, network, "fit")  # type: ignore[arg-type]
    model = average._average_model
    assert model is not None
    assert {parameter.device for parameter in model.parameters()} == {device}
    assert model.n_averaged.device == torch.device("cpu")  # to read it takes no waiting
    assert next(network.parameters()).device == torch.device("cpu")


@pytest.mark.parametrize("decay", [1.0, -0.1, "0.9"])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"averaging decay is .*, must be from 0 to below 1"):
        MovingAverage(decay)


@pytest.mark.parametrize("epochs", [0, -1, 1.5])
def test_a_number_of_epochs_that_is_none_is_refused(epochs: int) -> None:
    with pytest.raises(ValueError, match=r"averaging epochs is .*, must be a whole number above 0"):
        LastEpochsAverage(epochs)


def test_the_last_epochs_of_an_endless_training_are_refused(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="needs an end, but max_epochs is -1"):
        train(make_config(*SETTINGS, *LAST, "trainer.max_epochs=-1"))
