"""How does the cost of training grow? With the data, the width of a network, the size of a batch.

python benchmarks/growth.py [--repeats N] [--copies N …] [--data DIR] [--out DIR]

bn_cnn by its text's recipe: STEPS steps of train.py for each row, but whole epochs for sizes of
batches. The larger data sets are MNIST's 60,000 training images so many times over, in a temporary
folder (47 MB a time): files that the training maps into memory. What was read of them counts as
memory as long as the system has no other use for it. Rows follow each other, so the machine's pace
may drift from one to the next. Writes table.md.
"""

import argparse
import shutil
import statistics
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mnist_cnn.data.idx import read_idx
from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.errors import Parser, ends_with_one_line, number
from mnist_cnn.outputs import make_writable
from processes import (
    Measurement,
    describe_machine,
    measure_train,
    median_and_range,
    one_epoch,
)

STEPS = 600  # one epoch of MNIST in batches of 100
NETWORK = "bn_cnn"
WIDTHS = (0.5, 1, 2, 4)
BATCH_SIZES = (25, 50, 100, 200, 400, 800)

Row = tuple[str, list[str]]  # what is varied, settings of train.py


def copy_data(source: Path, target: Path, copies: int) -> None:
    """Writes a data set whose training images are those of `source`, `copies` times over."""
    raw = target / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_SHA256:
        origin = source / "MNIST" / "raw" / name
        if not name.startswith("train"):
            shutil.copyfile(origin, raw / name)
            continue
        values = read_idx(origin)
        header = struct.pack(
            f">HBB{values.ndim}I", 0, 8, values.ndim, copies * len(values), *values.shape[1:]
        )
        with (raw / name).open("wb") as file:
            file.write(header)
            for _ in range(copies):
                file.write(values.tobytes())


def data_rows(source: Path, folder: Path, copies: list[int]) -> Iterator[Row]:
    """Rows with more and more images; the data of each lies in `folder` until the next."""
    for count in copies:
        target = folder / str(count)
        copy_data(source, target, count)
        yield f"{60_000 * count:,} images", [*recipe(target), "+data.digests={}"]
        shutil.rmtree(target)


def recipe(data: Path) -> list[str]:
    """Settings of train.py for STEPS steps."""
    return [*one_epoch(NETWORK, str(data)), f"trainer.limit_train_batches={STEPS}"]


def width_rows(data: Path) -> Iterator[Row]:
    """Rows with wider and wider layers."""
    for width in WIDTHS:
        channels = ",".join(str(int(width * usual)) for usual in (8, 32))
        layers = [f"model.channels=[{channels}]", f"model.hidden={int(width * 600)}"]
        yield f"width × {width:g}", [*recipe(data), *layers]


def batch_rows(data: Path) -> Iterator[Row]:
    """Rows with larger and larger batches, one epoch each."""
    for size in BATCH_SIZES:
        yield f"batches of {size}", [*one_epoch(NETWORK, str(data)), f"data.batch_size={size}"]


def format_row(name: str, runs: list[Measurement]) -> str:
    """A row of the table."""
    rates = [run["images"] / run["seconds"] for run in runs]
    others = [run["process_seconds"] - run["seconds"] for run in runs]
    memory = max(run["memory"] for run in runs)
    return (
        f"| {name} | {median_and_range(rates, '{:,.0f}')} | {statistics.median(others):.1f} | "
        f"{memory:,.0f} |"
    )


def main() -> None:
    """Measures, prints, writes."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=3)
    parser.add_argument("--copies", type=number(int, 1), nargs="+", default=[1, 10, 100])
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/growth"))
    options = parser.parse_args()
    data = options.data.resolve()
    lines = [
        "| bn_cnn | images/s in training | the rest of the process, s | "
        "peak memory, mapped file included, MB |",
        "|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    with ends_with_one_line(), tempfile.TemporaryDirectory() as folder:
        make_writable(options.out, "--out DIR")
        provide_files(data / "MNIST" / "raw", MNIST_SHA256)
        rows = (data_rows(data, Path(folder), options.copies), width_rows(data), batch_rows(data))
        for name, settings in (row for group in rows for row in group):
            runs = [measure_train(*settings) for _ in range(options.repeats)]
            lines.append(format_row(name, runs))
            print(lines[-1], flush=True)
        text = "\n".join(lines) + f"\n\n{describe_machine()}, {options.repeats} repeats\n"
        (options.out / "table.md").write_text(text)


if __name__ == "__main__":
    main()
