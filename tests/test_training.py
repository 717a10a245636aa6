import csv
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from omegaconf import DictConfig
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from conftest import FakeData, compose_config
from mnist_cnn import training
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.evaluation import evaluate
from mnist_cnn.hardware import DEFAULT_THREADS
from mnist_cnn.settings import check_settings
from mnist_cnn.training import train

MakeConfig = Callable[..., DictConfig]
# Small and quick to learn: 15 steps an epoch on the fake data. The pictures take a second.
SMALL = ["model=digit_cnn", "model.channels=[4,8]", "optimizer=adam", "optimizer.lr=0.01"]
QUICK = [*SMALL, "~callbacks.digit_pictures"]


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, fake_data: FakeData
) -> tuple[Path, float | None]:
    """The folder of a finished run of four epochs, and what `train` returned."""
    run = tmp_path_factory.mktemp("finished") / "run"
    settings = [*SMALL, "trainer.max_epochs=4", "trainer.log_every_n_steps=5", "seed=0"]
    return run, train(compose_config(fake_data, run, *settings))


def read_metrics(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return content


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_checkpoint(run / "checkpoints" / f"{name}.ckpt").model.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first.keys() | second.keys())


def test_learns_and_returns_the_validation_accuracy(
    finished: tuple[Path, float | None],
) -> None:
    run, accuracy = finished
    assert accuracy is not None
    assert accuracy > 0.9
    assert accuracy == read_metrics(run)["val/accuracy"]


def test_writes_everything_a_run_folder_promises(finished: tuple[Path, float | None]) -> None:
    run, _ = finished
    names = {path.name for path in run.iterdir()}
    assert {"checkpoints", "curves.png", "metrics.csv", "metrics.json"} <= names
    assert any("tfevents" in name for name in names)
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_json_has_figures_speed_versions_and_device(
    finished: tuple[Path, float | None],
) -> None:
    metrics = read_metrics(finished[0])
    assert metrics["epochs"] == 4
    assert metrics["seed"] == 0
    assert metrics["images_per_second"] == pytest.approx(4 * 1500 / metrics["train_seconds"])
    assert metrics["versions"]["torch"] == torch.__version__
    assert metrics["device"]
    assert metrics["limits"] == {}
    for name in ("train", "val", "test"):
        assert 0 <= metrics[f"{name}/accuracy"] <= 1
        assert metrics[f"{name}/loss"] >= 0


def test_reports_the_epoch_of_the_kept_checkpoint(finished: tuple[Path, float | None]) -> None:
    run, _ = finished
    with (run / "metrics.csv").open() as file:
        accuracies = [
            float(row["val/accuracy"]) for row in csv.DictReader(file) if row["val/accuracy"]
        ]
    metrics = read_metrics(run)
    assert metrics["val/accuracy"] == pytest.approx(max(accuracies))
    assert metrics["kept_epoch"] == accuracies.index(max(accuracies)) + 1
    saved = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert saved["epoch"] + 1 == metrics["kept_epoch"]


def test_evaluating_the_checkpoint_gives_the_test_metrics(
    finished: tuple[Path, float | None],
) -> None:
    run, _ = finished
    predictions = evaluate(load_checkpoint(run / "checkpoints" / "best.ckpt"))
    metrics = read_metrics(run)
    assert metrics["test/loss"] == float(f"{metrics['test/loss']:.7g}")  # no noise of float32
    assert predictions.accuracy == pytest.approx(metrics["test/accuracy"])
    assert predictions.loss == pytest.approx(metrics["test/loss"], rel=1e-5)


def test_tensorboard_holds_curves_pictures_and_hyperparameters(
    finished: tuple[Path, float | None],
) -> None:
    events = EventAccumulator(str(finished[0]))
    events.Reload()
    tags = events.Tags()
    for part in ("train", "val"):
        for metric in ("loss", "accuracy"):
            assert f"{part}/{metric}" in tags["scalars"]
            assert f"{part}/{metric}_step" in tags["scalars"]
    assert "lr-Adam" in tags["scalars"]
    assert {"final/val_accuracy", "final/test_accuracy"} <= set(tags["scalars"])
    assert set(tags["images"]) == {
        "digits/first training digits",
        "digits/random test digits",
        "test/confusion matrix",
        "test/worst mistakes",
    }
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_curves_by_step_come_every_so_many_steps(make_config: MakeConfig, tmp_path: Path) -> None:
    train(make_config(*QUICK, "trainer.max_epochs=1", "trainer.log_every_n_steps=5"))
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [event.step for event in events.Scalars("val/loss_step")] == [4, 9, 14]


def test_curves_by_step_go_without_validation_images(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    none = ["callbacks.step_curves.val_images=0", "trainer.log_every_n_steps=5"]
    train(make_config(*QUICK, "trainer.max_epochs=1", *none))
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert "train/loss_step" in events.Tags()["scalars"]
    assert "val/loss_step" not in events.Tags()["scalars"]


def test_without_validation_trains_on_all_and_keeps_the_last_epoch(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    returned = train(make_config(*QUICK, "data.val_size=0", "trainer.max_epochs=2"))
    metrics = read_metrics(tmp_path / "run")
    assert returned is None
    assert metrics["kept_epoch"] == 2
    assert "val/accuracy" not in metrics
    assert metrics["images_per_second"] == pytest.approx(2 * 2000 / metrics["train_seconds"])
    assert same(weights(tmp_path / "run", "best"), weights(tmp_path / "run"))


def test_the_last_epoch_can_be_kept_with_validation(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    # A rate this high makes the last epoch worse than others, sooner or later.
    train(make_config(*QUICK, "monitor.metric=epoch", "callbacks.early_stopping=null"))
    assert read_metrics(tmp_path / "run")["kept_epoch"] == 10


def test_stops_early_when_nothing_improves(make_config: MakeConfig, tmp_path: Path) -> None:
    train(make_config(*QUICK, "optimizer.lr=0", "callbacks.early_stopping.patience=2"))
    assert read_metrics(tmp_path / "run")["epochs"] == 3


def test_a_network_that_can_t_be_built_is_named(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"UnpaddedCnn with .*kernel=-1.* on images of shape"):
        train(make_config("model=unpadded_cnn", "model.kernel=-1"))


@pytest.mark.parametrize("scheduler", ["cosine", "one_cycle", "plateau", "step"])
def test_trains_with_every_scheduler(
    scheduler: str, make_config: MakeConfig, tmp_path: Path
) -> None:
    train(make_config(*QUICK, f"scheduler={scheduler}", "trainer.max_epochs=4"))
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert read_metrics(tmp_path / "run")["epochs"] == 4


def test_a_smoke_run_is_short_with_every_experiment(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    settings = ["experiment=tiny_700", "trainer=smoke", "data.batch_size=10"]
    train(make_config(*settings, "~callbacks.digit_pictures"))
    metrics = read_metrics(tmp_path / "run")
    assert metrics["epochs"] == 1
    assert metrics["images_per_second"] * metrics["train_seconds"] == pytest.approx(20 * 10)


def test_same_seed_same_weights_and_zero_is_a_seed(make_config: MakeConfig, tmp_path: Path) -> None:
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        train(
            make_config(
                *QUICK, f"seed={seed}", f"output_dir={tmp_path}/{name}", "trainer.max_epochs=1"
            )
        )
    assert same(weights(tmp_path / "first"), weights(tmp_path / "again"))
    assert not same(weights(tmp_path / "first"), weights(tmp_path / "other"))


def test_precision_and_determinism_are_settings(make_config: MakeConfig, tmp_path: Path) -> None:
    train(
        make_config(
            *QUICK,
            "trainer.max_epochs=4",
            "trainer.precision=bf16-mixed",
            "trainer.deterministic=true",
        )
    )
    assert read_metrics(tmp_path / "run")["val/accuracy"] > 0.8


@pytest.mark.parametrize("logger", ["none", "csv", "tensorboard"])
def test_trains_with_every_logger(
    logger: str, make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    train(make_config(*QUICK, f"logger={logger}", "trainer.max_epochs=1"))
    assert read_metrics(tmp_path / "run")["test/accuracy"] > 0
    # TensorBoard is recommended where there is something for it.
    assert ("tensorboard --logdir" in caplog.text) == (logger == "tensorboard")


def test_runs_without_loggers_and_callbacks(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(*QUICK, "logger=none", "trainer.max_epochs=1")
    config.callbacks = {"progress": None}
    train(config)
    assert read_metrics(tmp_path / "run")["test/accuracy"] > 0


class PressCtrlC(Callback):
    """Sends SIGINT to this process in the middle of a step, or of the validation."""

    def __init__(self, step: int, hook: str) -> None:
        self.step, self.hook = step, hook
        self.pressed = False

    def press(self, hook: str, trainer: Trainer) -> None:
        if hook == self.hook and trainer.global_step == self.step and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.press("train", trainer)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.press("validation", trainer)


@pytest.fixture
def keep_sigint() -> Iterator[None]:
    """Lightning ignores SIGINT for the rest of the process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keep_sigint")
@pytest.mark.parametrize(
    "varied",
    [
        [],
        ["data/augment=elastic", "data.plain_epochs=1"],
        ["averaging=ema"],
        ["averaging=last_epochs", "callbacks.averaging.epochs=2", "scheduler.warmup=0.2"],
    ],
)
@pytest.mark.parametrize(
    ("step", "hook"),
    [(0, "train"), (7, "train"), (14, "train"), (15, "validation"), (15, "train"), (20, "train")],
)
def test_resuming_after_ctrl_c_repeats_the_uninterrupted_run(
    step: int,
    hook: str,
    varied: list[str],
    make_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropout = ["model=bn_cnn", "model.channels=[4,8]", "model.hidden=16", "optimizer=adam"]
    settings = [
        *dropout,
        "trainer.max_epochs=3",
        "scheduler=cosine",
        *varied,
        "~callbacks.digit_pictures",
    ]
    train(make_config(*settings, f"output_dir={tmp_path}/whole"))

    interrupted = make_config(*settings, f"output_dir={tmp_path}/cut")
    build = training._build_trainer
    monkeypatch.setattr(
        training,
        "_build_trainer",
        lambda cfg, own: build(cfg, [*own, PressCtrlC(step, hook)]),
    )
    with pytest.raises(SystemExit):
        train(interrupted)
    monkeypatch.undo()
    last = tmp_path / "cut" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] < 45

    train(make_config(*settings, f"output_dir={tmp_path}/rest", f"ckpt_path={last}"))
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "rest"))
    whole, rest = read_metrics(tmp_path / "whole"), read_metrics(tmp_path / "rest")
    assert whole["epochs"] == rest["epochs"] == 3
    for metric in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert rest[metric] == pytest.approx(whole[metric])
    assert rest["train_seconds"] * rest["images_per_second"] == pytest.approx(3 * 1500)


def test_a_run_on_a_part_of_the_images_says_so(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    limits = ["trainer.limit_train_batches=0.5", "trainer.limit_test_batches=1"]
    train(make_config(*QUICK, "trainer.max_epochs=1", *limits, "trainer.limit_val_batches=0"))
    expected = {"limit_train_batches": 0.5, "limit_test_batches": 1}
    assert read_metrics(tmp_path / "run")["limits"] == expected
    assert "\nlimits         trainer.limit_train_batches=0.5 trainer.limit_test" in caplog.text


def test_resumes_from_the_newest_run(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    root = f"output_root={tmp_path}/outputs"
    first, second = tmp_path / "outputs" / "a", tmp_path / "outputs" / "b"
    train(make_config(*QUICK, root, f"output_dir={first}", "trainer.max_epochs=1"))
    train(
        make_config(*QUICK, root, f"output_dir={second}", "trainer.max_epochs=2", "ckpt_path=last")
    )
    assert caplog.text.count("resuming from ") == 1
    assert f"resuming from {os.path.relpath(first / 'checkpoints' / 'last.ckpt')}" in caplog.text
    metrics = read_metrics(second)
    assert metrics["epochs"] == 2
    assert metrics["images_per_second"] == pytest.approx(2 * 1500 / metrics["train_seconds"])


def test_a_resumed_run_takes_the_best_checkpoint_along(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "moved"
    train(make_config(*QUICK, f"output_dir={first}", "trainer.max_epochs=4"))
    # No later epoch reaches this one, and the folder isn't where it was when it was written.
    best = torch.load(first / "checkpoints" / "best.ckpt", weights_only=True)
    last = torch.load(first / "checkpoints" / "last.ckpt", weights_only=True)
    for state in last["callbacks"].values():
        if state.get("monitor"):
            state["best_model_score"] = state["kth_value"] = torch.tensor(2.0)
    torch.save(last, first / "checkpoints" / "last.ckpt")
    first.rename(second)
    settings = [f"ckpt_path={second}/checkpoints/last.ckpt", "trainer.max_epochs=5"]
    train(make_config(*QUICK, *settings))
    kept = load_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert same(kept.model.state_dict(), best["state_dict"])
    assert read_metrics(tmp_path / "run")["kept_epoch"] == best["epoch"] + 1


def test_a_finished_run_has_nothing_left_to_train(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    train(make_config(*QUICK, f"output_dir={tmp_path}/first", "trainer.max_epochs=2"))
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    train(make_config(*QUICK, f"ckpt_path={last}", "trainer.max_epochs=2"))
    assert f"resuming from {os.path.relpath(last)}" in caplog.text
    assert "nothing was left to train" in caplog.text
    first, again = read_metrics(tmp_path / "first"), read_metrics(tmp_path / "run")
    assert again["test/accuracy"] == first["test/accuracy"]


def test_a_folder_with_a_run_is_not_written_over(make_config: MakeConfig, tmp_path: Path) -> None:
    train(make_config(*QUICK, "trainer.max_epochs=1"))
    before = (tmp_path / "run" / "metrics.csv").read_text()
    with pytest.raises(ValueError, match=r"run already holds a run; leave hydra.run.dir out"):
        train(make_config(*QUICK, "trainer.max_epochs=1"))
    assert (tmp_path / "run" / "metrics.csv").read_text() == before


def test_steps_are_counted_right_with_accumulated_gradients(make_config: MakeConfig) -> None:
    settings = ["+trainer.accumulate_grad_batches=4", "optimizer.lr=1e30"]
    with pytest.raises(ValueError, match=r"at step ([5-9]|1\d) \(epoch 1\)"):
        train(make_config(*QUICK, *settings))


def test_does_not_resume_another_network(
    finished: tuple[Path, float | None], make_config: MakeConfig
) -> None:
    last = finished[0] / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=r"run with .*, this run has .*model._target_"):
        train(make_config("model=mlp", f"ckpt_path={last}"))


def test_a_diverging_loss_stops_at_its_step_and_spoils_no_checkpoint(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"training loss is (nan|inf) at step \d+ \(epoch 1\)"):
        train(make_config("model=mlp", "optimizer.lr=1e30"))
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize("without", ["data.val_size=0", "trainer.limit_val_batches=0"])
def test_plateau_needs_a_metric(without: str, make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scheduler=plateau needs a metric"):
        train(make_config("scheduler=plateau", without))
    of_training = ["monitor.metric=train/loss", "monitor.mode=min"]
    train(make_config(*QUICK, "scheduler=plateau", without, *of_training))
    assert "val/loss" not in read_metrics(tmp_path / "run")


def test_plateau_needs_its_metric_after_each_epoch(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match=r"check_val_every_n_epoch is 2; leave it out"):
        train(make_config("scheduler=plateau", "+trainer.check_val_every_n_epoch=2"))


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed", "32-true"])
def test_trains_in_every_precision_of_a_cpu(
    precision: str, make_config: MakeConfig, tmp_path: Path
) -> None:
    train(make_config(*QUICK, "trainer.max_epochs=1", f"trainer.precision={precision}"))
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert checkpoint.recipe["trainer"]["precision"] == precision
    metrics = read_metrics(tmp_path / "run")
    assert metrics["test/accuracy"] > 0.3
    # The test is never in a mixed precision, thus as evaluate.py's.
    if precision in ("bf16-mixed", "32-true"):
        assert evaluate(checkpoint).loss == pytest.approx(metrics["test/loss"], abs=1e-6)


@pytest.mark.parametrize(
    "setting", ["optimizer.lr=abc", "+optimizer.nesterov=off", "trainer.max_epochs=ten"]
)
def test_a_text_for_a_number_is_refused(setting: str, make_config: MakeConfig) -> None:
    name, _, value = setting.removeprefix("+").partition("=")
    with pytest.raises(ValueError, match=f"{name} is '{value}', must be a number"):
        train(make_config(setting))


def test_an_optimizers_own_text_is_let_through(make_config: MakeConfig) -> None:
    check_settings(make_config("optimizer=adam", "+optimizer.line_search_fn=strong_wolfe"))


@pytest.mark.parametrize("memory_format", ["channels_last", "contiguous_format"])
def test_the_memory_format_is_the_user_s_choice(
    memory_format: str, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    convolve = nn.Conv2d.forward

    def record(self: nn.Conv2d, images: Tensor) -> Tensor:
        # One plane is laid out both ways; without gradients sizes are tried out, too.
        if self.in_channels > 1 and torch.is_grad_enabled():
            seen.append(self.weight.is_contiguous(memory_format=torch.channels_last))
        return convolve(self, images)

    monkeypatch.setattr(nn.Conv2d, "forward", record)
    train(make_config(*QUICK, f"memory_format={memory_format}", "trainer.max_epochs=1"))
    assert set(seen) == {memory_format == "channels_last"}


def test_an_unknown_memory_format_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="memory_format is NHWC, must be one of channels_last, c"):
        train(make_config(*QUICK, "memory_format=NHWC"))


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_threads_out_of_range_are_refused(threads: float, make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match=rf"threads is {threads}, must be a whole number above 0"):
        train(make_config(*QUICK, f"threads={threads}"))


def test_augmentation_is_for_training_alone_and_shown(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    train(make_config(*SMALL, "trainer.max_epochs=1", "data/augment=affine"))
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert "digits/first training digits, augmented" in events.Tags()["images"]
    plain = make_config(*SMALL, "trainer.max_epochs=1", f"output_dir={tmp_path}/plain")
    train(plain)
    # The first pictures are the same, what was learned isn't.
    assert not same(weights(tmp_path / "run"), weights(tmp_path / "plain"))


@pytest.mark.parametrize("in_sweep", [(1, None), (None, 1)])
def test_threads_of_one_run_are_not_the_next_ones(
    in_sweep: tuple[int | None, ...], make_config: MakeConfig, tmp_path: Path
) -> None:
    for number, threads in enumerate(in_sweep):
        asked = "null" if threads is None else threads
        run = [f"threads={asked}", f"output_dir={tmp_path}/{number}", "trainer.max_epochs=1"]
        train(make_config(*QUICK, *run))
        assert torch.get_num_threads() == (threads or DEFAULT_THREADS)
    torch.set_num_threads(DEFAULT_THREADS)


def test_a_loss_that_diverges_where_max_steps_ends_the_epoch_is_no_success(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    steps = ["data.val_size=0", "+trainer.max_steps=3", "trainer.max_epochs=1"]
    with pytest.raises(ValueError, match=r"training loss is (nan|inf) at step [23] \(epoch 1\)"):
        train(make_config("model=mlp", "optimizer.lr=1e30", *steps))
    assert not list(tmp_path.rglob("*.ckpt"))


def test_without_validation_the_training_loss_can_choose_the_epoch(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    by_loss = ["data.val_size=0", "monitor.metric=train/loss", "monitor.mode=min"]
    train(make_config(*QUICK, *by_loss, "optimizer.lr=0.3", "trainer.max_epochs=4"))
    with (tmp_path / "run" / "metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert len(losses) == 4
    assert read_metrics(tmp_path / "run")["kept_epoch"] == 1 + losses.index(min(losses))


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")  # after the first epoch
def test_an_epoch_has_no_validation_but_its_own(make_config: MakeConfig, tmp_path: Path) -> None:
    train(make_config(*QUICK, "+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=4"))
    content = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    (rows,) = (state["epochs"] for state in content["callbacks"].values() if "epochs" in state)
    assert ["val/loss" in row for row in rows] == [False, True, False, True]


def test_steps_may_end_before_the_first_validation(make_config: MakeConfig, tmp_path: Path) -> None:
    train(make_config("model=mlp", "+trainer.max_steps=1", "data.batch_size=16"))
    metrics = read_metrics(tmp_path / "run")
    assert "test/accuracy" in metrics
    assert "val/accuracy" not in metrics


def test_a_run_that_validates_nothing_keeps_the_last_epoch(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    train(make_config(*QUICK, "trainer.limit_val_batches=0", "trainer.max_epochs=2"))
    assert read_metrics(tmp_path / "run")["kept_epoch"] == 2


def test_checkpoints_can_be_read_by_those_who_can_read_the_metrics(
    finished: tuple[Path, float | None],
) -> None:
    run, _ = finished
    mode = (run / "metrics.json").stat().st_mode
    assert (run / "checkpoints" / "best.ckpt").stat().st_mode == mode
