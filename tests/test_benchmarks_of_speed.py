"""The benchmarks of speed run and count rightly."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from omegaconf import DictConfig
from torchvision.datasets import MNIST

from conftest import ROOT, STANDARDIZE, FakeData, compose_config
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.training import train

sys.path.insert(0, str(ROOT / "benchmarks"))

import augmentation_cost
import bare_loop
import command_speed
import growth
import processes
import shared_machine
import train_speed
import tutorial_loops

MEASURED: dict[str, list[dict[str, float]]] = {
    train_speed.TUTORIAL: [{"seconds": s, "images": 600, "memory": 500} for s in (10, 20, 30)],
    train_speed.PRODUCT: [{"seconds": s, "images": 600, "memory": s} for s in (4, 4, 6)],
    train_speed.FLOAT32: [{"seconds": s, "images": 600, "memory": 500} for s in (5, 8, 21)],
    train_speed.LIGHTNING: [{"seconds": s, "images": 600, "memory": 500} for s in (2, 4, 5)],
    train_speed.BARE: [
        {
            "seconds": s,
            "images": 600,
            "memory": 400,
            "fetching_seconds": 0.1,
            "flop_per_image": 1e9,
            "matrix_peak": 300e9,
        }
        for s in (2, 4, 5)
    ],
}


def test_ratios_are_those_within_a_repeat() -> None:
    row = train_speed.summarize(MEASURED)
    assert row["against_text"] == [0.2, 0.2, 0.4]
    assert row["float32_against_text"] == [0.4, 0.5, 0.7]
    assert row["against_bare"] == [1.0, 1.2, 2.0]
    assert row["images_per_second"] == 150
    assert row["gflops"] == pytest.approx(150)
    assert row["share_of_peak"] == pytest.approx([1 / 3, 0.5, 0.5])
    assert row["share_of_fetching"] == [0.02, 0.025, 0.05]
    assert row["memory"][train_speed.PRODUCT] == 6


def test_table_and_chart_show_every_network_and_way(tmp_path: Path) -> None:
    results = {name: train_speed.summarize(MEASURED) for name in ("bn_cnn", "digit_cnn")}
    text = train_speed.table(results)
    assert "| bn_cnn | 20.0 | 4.0 | 8.0 | 4.0 | 4.0 | 150 | 6 |" in text
    assert "| 0.20 (0.20 to 0.40) | 0.50 (0.40 to 0.70) | 1.20 (1.00 to 2.00) |" in text
    assert "150 of 300 | 50% (33% to 50%) | 2.5% (2.0% to 5.0%) |" in text
    figure = train_speed.chart(results)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [item.get_text() for item in legend.get_texts()] == list(train_speed.WAYS)
    figure.savefig(tmp_path / "chart.png")


def test_a_failed_command_is_one_line() -> None:
    with pytest.raises(ChildProcessError, match=r"train\.py modle=bn_cnn failed and said last: .*"):
        processes.measure(["train.py", "modle=bn_cnn"])


def test_nothing_but_lightning_is_left(make_config: Callable[..., DictConfig]) -> None:
    overrides = [text for text in train_speed.lightning_alone() if "progress_bar" not in text]
    cfg = make_config(*overrides)  # which has no bar
    assert not cfg.logger
    assert not any(cfg.callbacks.values())


@pytest.mark.parametrize("name", tutorial_loops.LOOPS)
def test_a_texts_loop_trains_and_prints_a_line(
    name: str,
    fake_data: FakeData,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = tutorial_loops.LOOPS[name]
    monkeypatch.setitem(tutorial_loops.LOOPS, name, loop._replace(images=64))
    monkeypatch.setattr(sys, "argv", ["x", name, "--data", str(fake_data.folder), "--epochs", "2"])
    tutorial_loops.main()
    result = json.loads(capsys.readouterr().out)
    assert result["images"] == 128
    assert result["seconds"] > 0
    assert 0 <= result["accuracy"] <= 1


@pytest.mark.parametrize(("until", "epochs"), [("1", 1), ("101", 3)])
def test_a_loop_ends_when_it_is_good_enough(
    until: str,
    epochs: int,
    fake_data: FakeData,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = tutorial_loops.LOOPS["digit_cnn"]
    monkeypatch.setitem(tutorial_loops.LOOPS, "digit_cnn", loop._replace(images=64))
    arguments = ["digit_cnn", "--data", str(fake_data.folder), "--epochs", "3", "--until", until]
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    tutorial_loops.main()
    assert json.loads(capsys.readouterr().out)["images"] == epochs * 64


@pytest.mark.parametrize("name", processes.NETWORKS)
def test_a_texts_loop_normalises_as_its_recipe_does(
    name: str, fake_data: FakeData, make_config: Callable[..., DictConfig]
) -> None:
    cfg = make_config(f"experiment=reference/{name}")
    image = MNIST(str(fake_data.folder), transform=tutorial_loops.LOOPS[name].transform)[0][0]
    own = MNIST(str(fake_data.folder)).data[:1][:, None]
    torch.testing.assert_close(build_normalization(cfg.data.normalization)(own)[0], image)


def test_the_bare_loop_measures_an_epoch(make_config: Callable[..., DictConfig]) -> None:
    cfg = make_config("model=digit_cnn", "model.channels=[2,4]")
    for precision in ("32-true", "bf16-mixed"):
        result = bare_loop.train_epoch(cfg, precision)
        assert result["images"] == 1500
        assert 0 < result["fetching_seconds"] < result["seconds"]
        # Of the forward pass: 9·2·26², 9·2·4·11², 100·64 and 64·10 products and sums.
        forward = 2 * (9 * 2 * 26**2 + 9 * 2 * 4 * 11**2 + 100 * 64 + 64 * 10)
        assert 2 * forward < result["flop_per_image"] < 3.1 * forward
        assert result["matrix_peak"] > 1e9


def test_the_bare_loop_takes_an_experiment_and_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        bare_loop, "train_epoch", lambda cfg, precision: {"batch_size": cfg.data.batch_size}
    )
    for arguments, expected in ((["reference/digit_cnn"], 64), (["fast", "data.batch_size=7"], 7)):
        monkeypatch.setattr(sys, "argv", ["x", *arguments])
        bare_loop.main()
        assert json.loads(capsys.readouterr().out) == {"batch_size": expected}
    monkeypatch.setattr(sys, "argv", ["x", "nothing"])
    with pytest.raises(SystemExit, match=r"^error: .*'experiment/nothing'.*$"):
        bare_loop.main()


def test_a_loop_is_measured_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(command: list[str]) -> tuple[str, dict[str, float]]:
        assert command == ["benchmarks/x.py", "a", "b"]
        return 'a warning\n{"seconds": 2.5}\n', {"memory": 7.0}

    monkeypatch.setattr(processes, "measure", measure)
    assert processes.measure_loop("x.py", "a", "b") == {"seconds": 2.5, "memory": 7.0}


def test_both_loops_get_the_network_and_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_speed, "measure_loop", lambda *words: dict.fromkeys(words, 1.0))
    ways = (train_speed.TUTORIAL, train_speed.BARE)
    assert [list(train_speed.WAYS[way]("bn_cnn", "d")) for way in ways] == [
        ["tutorial_loops.py", "bn_cnn", "--data", "d"],
        ["bare_loop.py", "reference/bn_cnn", "data.data_dir=d"],
    ]


def test_copied_data_is_mnist_several_times_over(fake_data: FakeData, tmp_path: Path) -> None:
    growth.copy_data(fake_data.folder, tmp_path / "copy", copies=3)
    once = MNIST(str(fake_data.folder)).data
    modules = [
        MnistDataModule(STANDARDIZE, data_dir=str(folder), val_size=0, digests={})
        for folder in (tmp_path / "copy", fake_data.folder)
    ]
    for data in modules:
        data.prepare_data()
        data.setup()
    torch.testing.assert_close(modules[0].part("train")[0][:, 0], torch.cat([once] * 3))
    for thrice, single in zip(*(data.part("test") for data in modules), strict=True):
        torch.testing.assert_close(thrice, single)


def test_every_row_of_growth_can_be_trained(
    fake_data: FakeData, tmp_path: Path, make_config: Callable[..., DictConfig]
) -> None:
    rows = [
        *growth.data_rows(fake_data.folder, tmp_path, [1, 2]),
        *growth.width_rows(fake_data.folder),
        *growth.batch_rows(fake_data.folder),
    ]
    assert len(rows) == 2 + len(growth.WIDTHS) + len(growth.BATCH_SIZES)
    configs = {name: make_config(*settings) for name, settings in rows}
    assert configs["120,000 images"].data.data_dir == str(tmp_path / "2")
    assert configs["120,000 images"].trainer.limit_train_batches == growth.STEPS
    assert list(configs["width × 2"].model.channels) == [16, 64]
    assert configs["batches of 400"].data.batch_size == 400
    assert not list(tmp_path.iterdir())  # what was copied is gone


RUN = {"seconds": 2.0, "images": 100.0, "memory": 900.0, "process_seconds": 5.0, "accuracy": 0.99}


def run_main(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--repeats", "2", *arguments])
    main()


def test_growth_prints_and_writes_a_table(
    fake_data: FakeData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(growth, "measure_train", lambda *settings: RUN)
    monkeypatch.setattr(growth, "MNIST_SHA256", fake_data.digests)
    folders = ["--data", str(fake_data.folder), "--out", str(tmp_path / "out")]
    run_main(growth.main, monkeypatch, "--copies", "2", *folders)
    row = "| 120,000 images | 50 (50 to 50) | 3.0 | 900 |"
    assert row in capsys.readouterr().out
    assert row in (tmp_path / "out" / "table.md").read_text()


def test_a_shared_machine_is_compared_with_a_quiet_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([2.0, 6.0, 3.0, 4.5] * 2)
    monkeypatch.setattr(
        shared_machine, "measure_train", lambda *settings: RUN | {"seconds": next(seconds)}
    )
    run_main(shared_machine.main, monkeypatch)
    output = capsys.readouterr().out
    assert "| 2.0 (2.0 to 2.0) | 6.0 (6.0 to 6.0) | 3.00 (3.00 to 3.00) | 3.00 |" in output
    assert "| 3.0 (3.0 to 3.0) | 4.5 (4.5 to 4.5) | 1.50 (1.50 to 1.50) | 2.25 |" in output


def test_the_busy_process_ends_with_its_block() -> None:
    with shared_machine.busy_core() as process:
        assert process.poll() is None
    assert process.poll() is not None


def test_commands_are_timed_and_raced(
    fake_data: FakeData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = '{"images": 180000, "seconds": 3, "accuracy": 0.99}'
    process = {"process_seconds": 5.0, "memory": 900.0}
    monkeypatch.setattr(command_speed, "measure", lambda command: (output, process))
    monkeypatch.setattr(command_speed, "measure_train", lambda *settings: RUN)
    monkeypatch.setattr(command_speed, "MNIST_SHA256", fake_data.digests)
    monkeypatch.setattr(command_speed, "time_to_first_step", lambda data: 4.0)
    monkeypatch.setattr(command_speed, "time_evaluation", lambda data, repeats: None)
    run_main(command_speed.main, monkeypatch, "--data", str(fake_data.folder))
    output = capsys.readouterr().out
    assert "| train.py --help | 5.00 (5.00 to 5.00) |" in output
    assert "| train.py to its first step | 4.00 (4.00 to 4.00) |" in output
    assert "|   epochs | 3.00 (3.00 to 3.00) |" in output


def test_evaluation_is_timed_with_the_network_that_was_trained(
    fake_data: FakeData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(command: list[str]) -> None:
        # As train.py does, but with the digests of the fake data.
        script, *settings, output = command
        assert script == "train.py"
        folder = Path(output.removeprefix("hydra.run.dir="))
        train(compose_config(fake_data, folder, *settings))

    monkeypatch.setattr(command_speed, "NETWORKS", ("digit_cnn",))
    monkeypatch.setattr(command_speed, "measure", measure)
    command_speed.time_evaluation(str(fake_data.folder), 2)
    assert re.fullmatch(
        r"\| evaluation of digit_cnn \| \d+\.\d\d \(\d.*\) \|\n", capsys.readouterr().out
    )


def test_train_speed_prints_and_writes_table_figures_and_chart(
    fake_data: FakeData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def way(name: str) -> Callable[[str, str], dict[str, float]]:
        def run(network: str, data: str) -> dict[str, float]:
            asked.append((network, data))
            return MEASURED[name][0]

        return run

    monkeypatch.setattr(train_speed, "WAYS", {name: way(name) for name in train_speed.WAYS})
    monkeypatch.setattr(train_speed, "MNIST_SHA256", fake_data.digests)
    out = tmp_path / "out"
    folders = ["--data", str(fake_data.folder), "--out", str(out)]
    run_main(train_speed.main, monkeypatch, "--networks", "bn_cnn", *folders)
    assert asked == [("bn_cnn", str(fake_data.folder))] * 2 * len(MEASURED)
    row = "| bn_cnn | 10.0 | 4.0 | 5.0 | 2.0 | 2.0 | 150 | 4 |"
    assert row in capsys.readouterr().out
    assert row in (out / "table.md").read_text()
    assert json.loads((out / "results.json").read_text())["bn_cnn"]["against_text"] == [0.4, 0.4]
    assert (out / "chart.png").stat().st_size > 0


def test_a_training_that_fails_has_no_first_step() -> None:
    with pytest.raises(ChildProcessError, match=r"train\.py .* failed and said: (.|\n)*error:"):
        command_speed.time_to_first_step("/dev/null/nowhere")


def test_augmentation_costs_what_batches_take_longer(
    fake_data: FakeData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"data.data_dir={fake_data.folder}"
    measured = {
        ("bare_loop.py", "tiny_8k", data): (10.0, 2.0),
        ("bare_loop.py", "tiny_8k", data, "data/augment=none"): (8.0, 0.5),
    }

    def measure_loop(*words: str) -> dict[str, float]:
        return dict(zip(("seconds", "fetching_seconds"), measured[words], strict=True))

    monkeypatch.setattr(augmentation_cost, "measure_loop", measure_loop)
    monkeypatch.setattr(augmentation_cost, "MNIST_SHA256", fake_data.digests)
    folder = ["--data", str(fake_data.folder)]
    run_main(augmentation_cost.main, monkeypatch, "--experiments", "tiny_8k", *folder)
    assert "| `tiny_8k` | 1.50 (1.50 to 1.50) | 15.0% (15.0% to 15.0%) |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (growth, ["--repeats", "0"]),
        (growth, ["--copies", "0"]),
        (shared_machine, ["--repeats", "0"]),
        (command_speed, ["--repeats", "0"]),
        (augmentation_cost, ["--repeats", "0"]),
        (train_speed, ["--repeats", "two"]),
    ],
)
def test_what_is_no_number_of_something_is_refused(
    module: ModuleType,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    with pytest.raises(SystemExit, match="2"):
        module.main()
    assert "must be a whole number of at least 1" in " ".join(capsys.readouterr().err.split())
