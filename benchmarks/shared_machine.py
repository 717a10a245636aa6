"""How much longer does training take while another process keeps a core busy?

python benchmarks/shared_machine.py [--repeats N] [--data DIR]

One epoch of bn_cnn by its text's recipe, alone and beside a process that never waits, with torch's
choice of threads and with one; they take turns.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, number
from processes import describe_machine, measure_train, median_and_range, one_epoch

WAYS = {"torch's choice of threads": [], "threads=1": ["threads=1"]}


@contextmanager
def busy_core() -> Iterator[subprocess.Popen[bytes]]:
    """A process that computes until it is over."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measures, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=3)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    options = parser.parse_args()
    alone: dict[str, list[float]] = {way: [] for way in WAYS}
    beside: dict[str, list[float]] = {way: [] for way in WAYS}
    settings = one_epoch("bn_cnn", str(options.data.resolve()))  # they run in another folder
    with ends_with_one_line():
        for _ in range(options.repeats):
            for way, threads in WAYS.items():
                alone[way].append(measure_train(*settings, *threads)["seconds"])
                with busy_core():
                    beside[way].append(measure_train(*settings, *threads)["seconds"])
    print("| | alone, s | beside a busy process, s | ratio | of the first row alone |")
    print("|---|---|---|---|---|")
    usual = statistics.median(alone[next(iter(WAYS))])
    for way in WAYS:
        ratios = [two / one for one, two in zip(alone[way], beside[way], strict=True)]
        print(
            f"| {way} | {median_and_range(alone[way], '{:.1f}')} | "
            f"{median_and_range(beside[way], '{:.1f}')} | {median_and_range(ratios, '{:.2f}')} | "
            f"{statistics.median(beside[way]) / usual:.2f} |"
        )
    print(f"\n{describe_machine()}, {options.repeats} repeats")


if __name__ == "__main__":
    main()
