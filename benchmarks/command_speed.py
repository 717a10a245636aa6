"""How long do the commands take? Help, configuration, first step, evaluation, 99 %.

python benchmarks/command_speed.py [--repeats N] [--data DIR]

Whole processes from their start to their end, but for the evaluation of 10,000 test images, which
is timed without the imports before it. `experiment=fast` takes turns with PyTorch's own MNIST
example, which tests itself after every epoch and ends with the first one that reaches 99 %.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.errors import Parser, ends_with_one_line
from mnist_cnn.evaluation import evaluate
from mnist_cnn.hardware import keep_freed_memory
from processes import (
    NETWORKS,
    describe_machine,
    measure,
    measure_train,
    median_and_range,
    one_epoch,
)


def time_commands(data: str, repeats: int) -> None:
    """Prints the seconds of short commands."""
    only_one_step = ["+trainer.limit_train_batches=1", "+trainer.limit_test_batches=0"]
    commands = {
        "train.py --help": ["--help"],
        "train.py --cfg job": ["--cfg", "job"],
        "train.py, one step and no test": [*one_epoch("bn_cnn", data), *only_one_step],
    }
    for name, arguments in commands.items():
        seconds = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                _, process = measure(["train.py", *arguments, f"output_root={folder}"])
            seconds.append(process["process_seconds"])
        _print(name, seconds)


def time_evaluation(data: str, repeats: int) -> None:
    """Prints the seconds that the test images take with each network, checks of files included."""
    keep_freed_memory()  # as evaluate.py does
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            settings = [*one_epoch(network, data), "+trainer.limit_train_batches=1"]
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
    example = ["benchmarks/tutorial_loops.py", "pytorch_example", "--until", "99", "--epochs", "14"]
    fast_seconds, fast_accuracy, example_seconds, example_epochs, example_accuracy = (
        [],
        [],
        [],
        [],
        [],
    )
    for seed in range(1, repeats + 1):
        fast = measure_train("experiment=fast", f"seed={seed}", f"data.data_dir={data}")
        fast_seconds.append(fast["process_seconds"])
        fast_accuracy.append(fast["accuracy"])
        output, process = measure([*example, "--seed", str(seed), "--data", data])
        example_seconds.append(process["process_seconds"])
        result = json.loads(output.splitlines()[-1])
        example_epochs.append(result["images"] / 60_000)
        example_accuracy.append(result["accuracy"])
    _print("train.py experiment=fast", fast_seconds)
    _print("  its test accuracy, %", [100 * share for share in fast_accuracy])
    _print("PyTorch's example until 99 %", example_seconds)
    _print("  its epochs", example_epochs)
    _print("  its test accuracy, %", [100 * share for share in example_accuracy])
    ratios = [slow / quick for slow, quick in zip(example_seconds, fast_seconds, strict=True)]
    _print("  times as long as experiment=fast", ratios)


def _print(name: str, values: list[float]) -> None:
    print(f"| {name} | {median_and_range(values, '{:.2f}')} |", flush=True)


def main() -> None:
    """Measures, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats is {options.repeats}, must be at least 1")
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
