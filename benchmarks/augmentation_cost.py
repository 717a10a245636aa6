"""How much of an epoch does augmentation take?

python benchmarks/augmentation_cost.py [--repeats N] [--experiments NAME …] [--data DIR]

An epoch of the recipe's network, batches and optimizer in a loop of torch alone, with its
augmentation and without; they take turns. What the batches take longer to make is the
augmentation's; on a GPU, where they are only asked for, that says nothing. The machine must have
nothing else to do.
"""

import argparse
from pathlib import Path

from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.errors import Parser, ends_with_one_line, number
from processes import describe_machine, measure_loop, median_and_range

RECIPES = ["tiny_8k", "tiny_20k", "tiny_100k"]  # small, so augmentation costs them most


def measure_augmentation(experiment: str, data: str) -> tuple[float, float]:
    """Seconds that an epoch's augmentation takes, and its share of the epoch."""
    settings = [experiment, f"data.data_dir={data}"]
    augmented = measure_loop("bare_loop.py", *settings)
    plain = measure_loop("bare_loop.py", *settings, "data/augment=none")
    seconds = augmented["fetching_seconds"] - plain["fetching_seconds"]
    return seconds, seconds / augmented["seconds"]


def main() -> None:
    """Measures, prints."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=number(int, 1), default=3)
    parser.add_argument(
        "--experiments", nargs="+", default=RECIPES, help="that augment MNIST's images"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the MNIST files")
    options = parser.parse_args()
    data = options.data.resolve()  # the measured processes run in the project's folder
    with ends_with_one_line():
        provide_files(data / "MNIST" / "raw", MNIST_SHA256)
        print("| `experiment=` | augmentation, s an epoch | of the epoch |")
        print("|---|---|---|")
        for name in options.experiments:
            runs = [measure_augmentation(name, str(data)) for _ in range(options.repeats)]
            seconds, shares = zip(*runs, strict=True)
            print(
                f"| `{name}` | {median_and_range(seconds, '{:.2f}')} | "
                f"{median_and_range(shares, '{:.1%}')} |",
                flush=True,
            )
    print(f"\n{describe_machine()}, {options.repeats} repeats")


if __name__ == "__main__":
    main()
