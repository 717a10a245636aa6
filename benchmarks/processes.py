"""Runs the project's commands in processes of their own and measures them."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning import __version__ as lightning_version

ROOT = Path(__file__).parent.parent
NETWORKS = ("bn_cnn", "pooled_cnn", "funnel_cnn", "deep_bn_cnn", "digit_cnn")

Measurement = dict[str, float]


def measure(command: Sequence[str]) -> tuple[str, Measurement]:
    """Runs a Python command in the project's folder.

    Args:
        command: Script and arguments.

    Returns:
        What it printed, and its `process_seconds` from start to end and peak `memory` in MB.

    Raises:
        ChildProcessError: It failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None  # for the types
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = output.strip().splitlines()[-1:] or ["nothing"]
        raise ChildProcessError(f"{' '.join(command)} failed and said last: {said[0]}")
    return output, {"process_seconds": seconds, "memory": usage.ru_maxrss / 1024}


def measure_loop(script: str, *arguments: str) -> Measurement:
    """One epoch of a loop of this folder: the JSON of its last line, and those of `measure`.

    Raises:
        ChildProcessError: It failed.
    """
    output, process = measure([f"benchmarks/{script}", *arguments])
    result: Measurement = json.loads(output.splitlines()[-1])
    return {**result, **process}


def measure_train(*overrides: str) -> Measurement:
    """One run of train.py, with everything that it writes; its folder is removed.

    Returns:
        `seconds` of training, `images` it trained on, test `accuracy`, and those of `measure`.

    Raises:
        ChildProcessError: It failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, process = measure(["train.py", f"hydra.run.dir={folder}/run", *overrides])
        metrics = json.loads(Path(folder, "run", "metrics.json").read_text())
    seconds = metrics["train_seconds"]
    images = metrics["images_per_second"] * seconds
    return {**process, "seconds": seconds, "images": images, "accuracy": metrics["test/accuracy"]}


def one_epoch(network: str, data: str) -> list[str]:
    """Settings of train.py for an epoch of a text's recipe, without validation at its end."""
    recipe = [f"experiment=reference/{network}", f"data.data_dir={data}"]
    return [*recipe, "trainer.max_epochs=1", "trainer.limit_val_batches=0"]


def median_and_range(values: Sequence[float], form: str) -> str:
    """Such as `0.41 (0.40 to 0.45)` with the form `{:.2f}`."""
    middle, low, high = (
        form.format(value) for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def describe_machine() -> str:
    """Where it was measured, with what."""
    device = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return (
        f"{device}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"Lightning {lightning_version}, commit {commit()}"
    )


def commit() -> str:
    """Which code it was, `-dirty` if it has changes since; `unknown` where git doesn't say."""
    if not shutil.which("git"):
        return "unknown"
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"
