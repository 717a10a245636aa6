"""Compares recipes over the same seeds."""

from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, run_command


def main() -> None:
    """Prints the runs' figures by recipe, and the differences; writes nothing."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "folders",
        metavar="SWEEP",
        type=Path,
        nargs="+",
        help="folder that train.py wrote: of a sweep, of one run, or of several of them",
    )
    arguments = parser.parse_args()

    from mnist_cnn.sweeps import compare_sweeps

    with ends_with_one_line():
        print(compare_sweeps(arguments.folders))


if __name__ == "__main__":
    run_command(main)
