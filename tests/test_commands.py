"""The project's commands, as a person at the screen has them: output, exit code, files."""

import contextlib
import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser

from conftest import ROOT, FakeData
from mnist_cnn.hydra_run import resume_command

Run = Callable[..., subprocess.CompletedProcess[str]]
TINY = [
    "model=digit_cnn",
    "model.channels=[4,8]",
    "optimizer=adam",
    "optimizer.lr=0.01",
    "trainer.max_epochs=2",
]
TWO = ["trainer.accelerator=cpu", "trainer.devices=2", "+trainer.strategy=ddp", "threads=1"]
ENDLESS = ["trainer.max_epochs=1000", "callbacks.early_stopping=null"]

Here = Callable[..., tuple[int, str]]


def only_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def test_two_processes_share_a_run(run_command: Run, fake_data: FakeData, tmp_path: Path) -> None:
    done = run_command("train.py", *TINY, *TWO, *fake_data.overrides)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 2/2: train/accuracy") == done.stdout.count("test accuracy") == 1
    assert "sync_dist" not in done.stderr
    run = only_run(tmp_path)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["epochs"] == 2
    # The count of all images of both processes, each once, as one process has it alone.
    report = run_command("evaluate.py", str(run / "checkpoints" / "best.ckpt"), "--report", "all")
    assert report.returncode == 0, report.stderr
    accuracy = json.loads((tmp_path / "all" / "report.json").read_text())["accuracy"]
    assert metrics["test/accuracy"] == pytest.approx(accuracy)


def interrupted(folder: Path, *settings: str) -> str:
    """What a training says that is interrupted once it has saved: its first process, if several."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *settings],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        while not list(folder.rglob("last.ckpt")):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 1, output
    return output


def test_two_processes_stop_together(fake_data: FakeData, tmp_path: Path) -> None:
    settings = [*TINY, *TWO, *fake_data.overrides, *ENDLESS, "data.batch_size=10"]
    output = interrupted(tmp_path, *settings)
    assert "go on with: " in output
    (last,) = tmp_path.rglob("last.ckpt")
    steps = torch.load(last, weights_only=True)["global_step"]
    assert steps % 75 in (0, 1, 21, 41, 61)  # at an epoch's end, or where both ask each other


def test_a_sweep_with_several_devices_is_refused(
    run_command: Run, fake_data: FakeData, tmp_path: Path
) -> None:
    two = ["trainer.accelerator=cpu", "trainer.devices=2", "seed=1,2"]
    done = run_command("train.py", "-m", *TINY, *two, *fake_data.overrides)
    assert done.returncode == 1
    assert "trainer has 2 devices in a sweep" in done.stdout + done.stderr


def test_train_evaluate_and_report(run_command: Run, fake_data: FakeData, tmp_path: Path) -> None:
    done = run_command("train.py", *TINY, *fake_data.overrides)
    assert done.returncode == 0, done.stderr
    for text in ("test accuracy", "training", "checkpoint", "curves.png", "tensorboard --logdir"):
        assert text in done.stdout
    run = only_run(tmp_path)
    names = {path.name for path in run.iterdir()}
    assert {
        ".hydra",
        "checkpoints",
        "curves.png",
        "metrics.csv",
        "metrics.json",
        "train.log",
    } <= names
    assert "test accuracy" in (run / "train.log").read_text()

    checkpoint = str(run / "checkpoints" / "best.ckpt")
    done = run_command("evaluate.py", checkpoint, "--report", "report")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    assert report["accuracy"] == pytest.approx(metrics["test/accuracy"])
    assert f"{report['accuracy']:.2%}" in done.stdout
    assert {path.suffix for path in (tmp_path / "report").iterdir()} == {".json", ".png"}


def test_a_sweep_ends_with_a_summary_and_goes_on_behind_a_failed_job(
    run_command: Run, fake_data: FakeData, tmp_path: Path
) -> None:
    done = run_command(
        "train.py", "-m", *TINY, *fake_data.overrides, "data.batch_size=100,0", "seed=1,2"
    )
    assert done.returncode == 1
    assert "4 jobs, 2 failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    with (sweep / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["runs"] for row in rows] == ["2", "0", "0"]
    assert "batch_size is 0" in rows[1]["error"]
    assert (sweep / "summary.png").exists()
    table = (sweep / "summary.md").read_text().partition("\n\n")[2].strip()
    assert table in done.stdout


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(
    fake_data: FakeData, tmp_path: Path
) -> None:
    output = interrupted(tmp_path, *TINY, *fake_data.overrides, *ENDLESS)
    assert "Traceback" not in output
    command = shlex.split(output.partition("go on with: ")[2].splitlines()[0])
    assert command[:2] == ["python", "train.py"]
    last = tmp_path / command[-1].removeprefix("ckpt_path=")
    epoch = torch.load(last, weights_only=True)["epoch"]
    rest = [sys.executable, str(ROOT / "train.py"), *command[2:], f"trainer.max_epochs={epoch + 2}"]
    done = subprocess.run(rest, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["plain-name", "lr=0.1,s=2", "a (b) [c]", "ö's"])
def test_what_goes_on_is_a_setting_that_hydra_reads(
    monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])  # not pytest's own
    command = shlex.split(resume_command(tmp_path / name / "last.ckpt"))
    (override,) = OverridesParser.create().parse_overrides(command[2:])
    assert override.key_or_group == "ckpt_path"
    assert Path(str(override.value())).resolve() == tmp_path / name / "last.ckpt"


def test_help_and_config_answer_without_torch() -> None:
    for option in ("--help", "--cfg=job"):
        code = (
            "import sys, runpy; sys.argv = ['train.py', *sys.argv[2:]]\n"
            "try: runpy.run_path(r'" + str(ROOT / "train.py") + "', run_name='__main__')\n"
            "finally: assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "-", *option.split("=")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "bn_cnn" in done.stdout.lower() or "BnCnn" in done.stdout


def test_help_lists_the_choices_of_each_group(run_here: Here) -> None:
    code, output = run_here("train.py", "--help")
    assert code == 0
    for group in ("model", "optimizer", "scheduler", "data", "trainer", "callbacks", "logger"):
        files = sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
        assert f"{group}: {', '.join(files)}" in output


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.batch_size=0"], r"batch_size is 0, must be a whole number of at least 1; try"),
        (["data.batch_size=-3"], r"batch_size is -3, must be a whole"),
        (["data.val_size=-1"], r"val_size is -1, must be a whole"),
        (["data.val_size=2000"], r"val_size is 2000, must be below the 2000 images"),
        (["data.val_split=half"], r"val_split is 'half', must be one of stratified, tail"),
        (["optimizer.lr=1e30"], r"training loss is \S+ at step \d+ .*lower"),
        (["ckpt_path=nowhere.ckpt"], r"checkpoint nowhere.ckpt is not a file"),
        (["ckpt_path=last"], r"ckpt_path=last found no .*last.ckpt below outputs"),
        (["seed=-1"], r"seed is -1, must be a whole number from 0"),
        (["seed=null"], r"seed is None, must be a whole number"),
        (["trainer.precision=12"], r"12"),
        (["monitor.metric=val/f1"], r"monitor.metric is val/f1, must be one of val/accuracy"),
        (["monitor.metric=val/loss"], r"monitor.mode is max, must be min for val/loss"),
        (["scheduler=plateau", "data.val_size=0"], r"plateau needs a metric .*val_size 0"),
        (["scheduler=plateau", "monitor.metric=epoch"], r"plateau needs .*monitor.metric is epoch"),
        (["data.val_size=0.3"], r"val_size is 0.3, must be a whole number"),
        (["data.batch_size=abc"], r"batch_size is 'abc', must be a whole number"),
        (["model.channels=[8,32,64]"], r"model .*channels=\[8, 32, 64\].*too many values"),
        (["optimizer=sgd", "+optimizer.eps=1"], r"optimizer torch.optim.SGD: .*~optimizer"),
        (["trainer.max_epochs=-5"], r"the trainer refuses its settings"),
        (["scheduler=cosine", "trainer.max_epochs=-1"], r"trainer.max_epochs"),
    ],
)
def test_a_bad_setting_is_one_line(
    overrides: list[str], message: str, run_here: Here, fake_data: FakeData, tmp_path: Path
) -> None:
    code, output = run_here("train.py", *TINY, *fake_data.overrides, *overrides)
    line = output.strip().splitlines()[-1]
    assert code == 1
    assert line.startswith("error: ")
    assert re.search(message, line)
    assert "Traceback" not in output
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_one_line(run_here: Here, fake_data: FakeData) -> None:
    code, output = run_here("train.py", *fake_data.overrides, "trainer=gpu")
    assert code == 1
    assert re.search(r"^error: trainer.accelerator is gpu, .*use trainer=cpu", output, re.MULTILINE)


@pytest.mark.parametrize("script", sorted(path.name for path in ROOT.glob("*.py")))
def test_what_is_printed_may_be_cut_by_its_reader(script: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has seen enough
    command = [sys.executable, str(ROOT / script), "--help"]
    # Unbuffered, argparse itself would swallow the error.
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(
        command, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("override", ["model=nonsense", "nonsense=1", "optimizer.nonsense=1"])
def test_an_unknown_choice_or_key_is_named(override: str, run_command: Run) -> None:
    done = run_command("train.py", override)
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


def test_altered_data_is_one_line(run_here: Here, own_data: FakeData) -> None:
    path = own_data.folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    code, output = run_here("train.py", *own_data.overrides)
    assert code == 1
    assert f"error: data file {path} has SHA-256" in output


def test_no_data_and_no_network_is_one_line(
    run_here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(folder: Path, scratch: Path) -> None:
        raise OSError("no network")

    monkeypatch.setattr("mnist_cnn.data.sources.SOURCES", {"torchvision": offline, "npm": offline})
    code, output = run_here("train.py", f"data.data_dir={tmp_path}/empty")
    assert code == 1
    line = output.strip().splitlines()[-1]
    assert "torchvision: no network; npm: no network" in line
    assert "connect this machine" in line


@pytest.mark.parametrize("arguments", [["seed=1"], ["-m", "seed=1,2"]])
def test_an_unwritable_output_folder_is_one_line(
    arguments: list[str], run_here: Here, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, output = run_here("train.py", *arguments, f"output_root={tmp_path}/file")
    assert code == 1
    assert re.search(r"^error: folder \S+/file/\S+ can't be written .*output_root", output)
    assert "Traceback" not in output


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut"])
def test_evaluating_something_else_is_one_line(
    content: bytes, run_here: Here, tmp_path: Path
) -> None:
    (tmp_path / "some.ckpt").write_bytes(content)
    code, output = run_here("evaluate.py", "some.ckpt")
    assert code == 1
    assert output.startswith("error: checkpoint some.ckpt")
    assert output.strip().count("\n") == 0


def test_evaluating_a_missing_file_is_one_line(run_here: Here) -> None:
    code, output = run_here("evaluate.py", "missing.ckpt")
    assert code == 1
    assert output.startswith("error: checkpoint missing.ckpt is not a file")


def test_usage_errors_end_with_2(run_here: Here) -> None:
    for arguments in ([], ["some.ckpt", "--nonsense"]):
        code, output = run_here("evaluate.py", *arguments)
        assert code == 2
        assert output.startswith("error: ")
        assert output.count("\n") <= 1


def test_tracebacks_on_request(run_command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HYDRA_FULL_ERROR", "1")
    done = run_command("evaluate.py", "missing.ckpt")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
