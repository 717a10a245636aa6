"""How long does an epoch take? train.py against the texts' loops, and what each layer of it costs.

python benchmarks/train_speed.py [--repeats N] [--networks NAME …] [--data DIR] [--out DIR]

Every measurement is one epoch in a process of its own, the ways take turns. Writes table.md,
results.json and chart.png. The machine must have nothing else to do.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from omegaconf import OmegaConf

from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.errors import Parser, ends_with_one_line, number
from mnist_cnn.outputs import make_writable
from processes import (
    NETWORKS,
    ROOT,
    Measurement,
    describe_machine,
    measure_loop,
    measure_train,
    median_and_range,
    one_epoch,
)

TUTORIAL, PRODUCT, FLOAT32 = "the text's loop", "train.py", "train.py, float32"
BARE, LIGHTNING = "bare loop", "bare loop in Lightning"


def lightning_alone() -> list[str]:
    """What leaves nothing but Lightning's loop and the metrics of train.py."""
    callbacks = OmegaConf.load(ROOT / "conf" / "callbacks" / "default.yaml")
    return ["logger=none", *(f"callbacks.{name}=null" for name in map(str, callbacks))]


WAYS: dict[str, Callable[[str, str], Measurement]] = {
    TUTORIAL: lambda network, data: measure_loop("tutorial_loops.py", network, "--data", data),
    PRODUCT: lambda network, data: measure_train(*one_epoch(network, data)),
    FLOAT32: lambda network, data: measure_train(
        *one_epoch(network, data), "trainer.precision=32-true"
    ),
    BARE: lambda network, data: measure_loop(
        "bare_loop.py", f"reference/{network}", f"data.data_dir={data}"
    ),
    LIGHTNING: lambda network, data: measure_train(*one_epoch(network, data), *lightning_alone()),
}


def summarize(measured: dict[str, list[Measurement]]) -> dict[str, Any]:
    """The figures of one network: medians over the repeats, ratios within them."""

    def ratio(way: str, other: str) -> list[float]:
        pairs = zip(measured[way], measured[other], strict=True)
        return sorted(one["seconds"] / two["seconds"] for one, two in pairs)

    pairs = list(zip(measured[PRODUCT], measured[BARE], strict=True))
    reached = [one["images"] * bare["flop_per_image"] / one["seconds"] for one, bare in pairs]
    return {
        "seconds": {way: sorted(run["seconds"] for run in runs) for way, runs in measured.items()},
        "memory": {way: max(run["memory"] for run in runs) for way, runs in measured.items()},
        "images_per_second": statistics.median(
            run["images"] / run["seconds"] for run in measured[PRODUCT]
        ),
        "against_text": ratio(PRODUCT, TUTORIAL),
        "float32_against_text": ratio(FLOAT32, TUTORIAL),
        "against_bare": ratio(PRODUCT, BARE),
        "lightning_against_bare": ratio(LIGHTNING, BARE),
        "gflops": statistics.median(reached) / 1e9,
        "matrix_gflops": statistics.median(run["matrix_peak"] / 1e9 for run in measured[BARE]),
        "share_of_peak": sorted(
            flops / bare["matrix_peak"] for flops, (_, bare) in zip(reached, pairs, strict=True)
        ),
        "share_of_fetching": sorted(
            run["fetching_seconds"] / run["seconds"] for run in measured[BARE]
        ),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """All networks as two tables in Markdown; medians, ratios with their range."""
    lines = [
        f"| network | {' | '.join(f'{way}, s' for way in WAYS)} | images/s | peak memory, MB |",
        "|---|" + "---|" * (len(WAYS) + 2),
    ]
    for name, row in results.items():
        seconds = " | ".join(f"{statistics.median(row['seconds'][way]):.1f}" for way in WAYS)
        memory = row["memory"][PRODUCT]
        lines.append(f"| {name} | {seconds} | {row['images_per_second']:,.0f} | {memory:,.0f} |")
    lines += [
        "",
        "| network | train.py / text | float32 / text | train.py / bare | in Lightning / bare | "
        "GFLOP/s | of the matrix product's | making batches |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        keys = ("against_text", "float32_against_text", "against_bare", "lightning_against_bare")
        ratios = " | ".join(median_and_range(row[key], "{:.2f}") for key in keys)
        lines.append(
            f"| {name} | {ratios} | {row['gflops']:.0f} of {row['matrix_gflops']:.0f} | "
            f"{median_and_range(row['share_of_peak'], '{:.0%}')} | "
            f"{median_and_range(row['share_of_fetching'], '{:.1%}')} |"
        )
    return "\n".join(lines)


def chart(results: dict[str, dict[str, Any]]) -> Figure:
    """Seconds of an epoch, a group of bars for each network."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(WAYS)
    for index, way in enumerate(WAYS):
        medians = [statistics.median(row["seconds"][way]) for row in results.values()]
        places = [place + (index - (len(WAYS) - 1) / 2) * width for place in range(len(results))]
        bars = axes.bar(places, medians, width, label=way)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set_xticks(range(len(results)), list(results))
    axes.set(ylabel="seconds")
    axes.set_title(f"One training epoch\n{describe_machine()}", fontsize=9)
    axes.legend()
    return figure


def main() -> None:
    """Measures, prints, writes."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=3)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/train_speed"))
    options = parser.parse_args()
    results = {}
    data = str(options.data.resolve())  # the measured processes run in the project's folder
    with ends_with_one_line():
        make_writable(options.out, "--out DIR")
        provide_files(Path(data, "MNIST", "raw"), MNIST_SHA256)
        for network in options.networks:
            measured: dict[str, list[Measurement]] = {way: [] for way in WAYS}
            for _ in range(options.repeats):
                for way, run in WAYS.items():
                    measured[way].append(run(network, data))
                    print(f"{network}, {way}: {measured[way][-1]['seconds']:.1f} s", flush=True)
            results[network] = summarize(measured)
        text = f"{table(results)}\n\n{describe_machine()}, {options.repeats} repeats"
        print(f"\n{text}")
        (options.out / "table.md").write_text(text + "\n")
        (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        chart(results).savefig(options.out / "chart.png", dpi=120)


if __name__ == "__main__":
    main()
