"""Reads handwritten digits from photos, scans and drawings: python predict.py PATH."""

import argparse
import sys
from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, number, run_command, show_traceback

EPILOG = """
--json: {"image", "text", "lines": [text of each], "digits": [{"digit", "probability",
"box": [x, y, width, height] in pixels, "line": from 0}]}, with --top each digit's "top":
[[digit, probability], ...], and "error" where an image could not be read. A digit below
--min-probability is "?". Of files with several pages the first is read.
Exit code 0: all images were read; 1: one could not be; 2: the command can't be carried out.
"""
MIN_PROBABILITY = 0.0  # below it a digit is shown as `?`


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What the command line asks for; options may stand between paths."""
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="image, folder, pattern, or - for standard input")
    add("--checkpoint", metavar="FILE", help="a network of your own, instead of the bundled one")
    add("--json", action="store_true", help="print a JSON object per image, each on a line")
    add("--csv", metavar="FILE", type=Path, help="write a table with a row per digit")
    add(
        "--save",
        metavar="DIR",
        type=Path,
        help="write the images, small ones enlarged, with what was read in them",
    )
    add(
        "--show-steps",
        metavar="DIR",
        type=Path,
        help="write how each image was read, step by step",
    )
    add(
        "--top",
        metavar="K",
        type=number(int, 1, 10),
        help="show the K most probable digits of each",
    )
    add("--single", action="store_true", help="each image is one digit")
    add(
        "--min-probability",
        metavar="P",
        type=number(float, 0, 1),
        default=MIN_PROBABILITY,
        help="show less probable digits as ? (default: %(default)s)",
    )
    add(
        "--preprocess",
        choices=["threshold", "resize"],
        help="prepare the image, one digit, as a tutorial does; for comparison",
    )
    return parser.parse_intermixed_args()


def main() -> None:
    """Prints what was read; exits with 1 if an image could not be read."""
    parser = Parser(
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    arguments = parse_arguments(parser)
    if sys.stdout:  # a file's name that the screen can't show must not end the run
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # is text

    # numpy and OpenCV take a while to import: only once the arguments are known.
    from mnist_cnn.prediction.command import Settings, UsageError, predict

    with ends_with_one_line():
        try:
            sys.exit(0 if predict(Settings(**vars(arguments))) else 1)
        except UsageError as error:
            if show_traceback():
                raise
            parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    run_command(main)
