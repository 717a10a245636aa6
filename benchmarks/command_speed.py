"""How long do the commands take? Help, configuration, first step, evaluation, 99 %.

python benchmarks/command_speed.py [--repeats N] [--data DIR]

Whole processes from their start to their end, but for the first step and for the evaluation of
10,000 test images, which is timed without the imports before it. `experiment=fast` takes turns with
PyTorch's own MNIST example, which tests itself after every epoch and ends with the first one that
reaches 99 %.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import PIPE, STDOUT

from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.errors import Parser, ends_with_one_line, number
from mnist_cnn.evaluation import evaluate
from mnist_cnn.hardware import keep_freed_memory
from processes import (
    NETWORKS,
    ROOT,
    describe_machine,
    measure,
    measure_train,
    median_and_range,
    one_epoch,
)


def time_commands(data: str, repeats: int) -> None:
    """Prints the seconds of short commands, and of train.py until its first step."""
    for name in ("--help", "--cfg job"):
        runs = [measure(["train.py", *name.split()])[1] for _ in range(repeats)]
        _print(f"train.py {name}", [run["process_seconds"] for run in runs])
    _print("train.py to its first step", [time_to_first_step(data) for _ in range(repeats)])


def time_to_first_step(data: str) -> float:
    """Seconds from the start of train.py until its progress bar announces the first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", f"data.data_dir={data}", f"output_root={folder}"]
        start = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=PIPE, stderr=STDOUT) as process:
            assert process.stdout is not None  # for the types
            said = b""
            while b"epoch 1/" not in said and process.poll() is None:
                said += os.read(process.stdout.fileno(), 65536)  # as soon as there is some
            seconds = time.perf_counter() - start
            process.kill()
    if b"epoch 1/" not in said:
        raise ChildProcessError(f"{' '.join(command)} failed and said: {said[-500:].decode()}")
    return seconds


def time_evaluation(data: str, repeats: int) -> None:
    """Prints the seconds that the test images take with each network, checks of files included."""
    keep_freed_memory()  # as evaluate.py does
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            settings = [*one_epoch(network, data), "trainer.limit_train_batches=1"]
            measure(["train.py", *settings, f"hydra.run.dir={folder}/run"])
            checkpoint = load_checkpoint(Path(folder, "run", "checkpoints", "last.ckpt"))
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            evaluate(checkpoint, data)
            seconds.append(time.perf_counter() - start)
        _print(f"evaluation of {network}", seconds)


def race(data: str, repeats: int) -> None:
    """Prints what experiment=fast and PyTorch's example take, and reach."""
    loop = ["benchmarks/tutorial_loops.py", "pytorch_example", "--until", "99", "--epochs", "14"]
    fast, example = [], []
    for seed in range(1, repeats + 1):
        fast.append(measure_train("experiment=fast", f"seed={seed}", f"data.data_dir={data}"))
        output, process = measure([*loop, "--seed", str(seed), "--data", data])
        example.append({**json.loads(output.splitlines()[-1]), **process})
    for name, runs in {"experiment=fast": fast, "PyTorch's example, until 99 %": example}.items():
        _print(name, [run["process_seconds"] for run in runs])
        _print("  of it training", [run["seconds"] for run in runs])
        _print("  epochs", [run["images"] / 60_000 for run in runs])
        _print("  test accuracy, %", [100 * run["accuracy"] for run in runs])
    pairs = zip(example, fast, strict=True)
    ratios = [slow["process_seconds"] / quick["process_seconds"] for slow, quick in pairs]
    _print("times as long as experiment=fast", ratios)


def _print(name: str, values: list[float]) -> None:
    print(f"| {name} | {median_and_range(values, '{:.2f}')} |", flush=True)


def main() -> None:
    """Measures, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=5)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    options = parser.parse_args()
    data = str(options.data.resolve())  # the measured processes run in the project's folder
    with ends_with_one_line():
        provide_files(Path(data, "MNIST", "raw"), MNIST_SHA256)
        print("| | seconds: median and range |\n|---|---|")
        time_commands(data, options.repeats)
        time_evaluation(data, options.repeats)
        race(data, options.repeats)
    print(f"\n{describe_machine()}, {options.repeats} repeats")


if __name__ == "__main__":
    main()
