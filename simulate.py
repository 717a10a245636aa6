"""Makes the data that a network for photos is trained with: python simulate.py."""

import os
from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, number, run_command


def main() -> None:
    """Writes four files in MNIST's format."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("data/photos"),
        help="where the files go (default: %(default)s)",
    )
    parser.add_argument("--data", metavar="DIR", default="data", help="folder of the MNIST files")
    parser.add_argument(
        "--scenes",
        type=number(int, 1000),
        default=24_000,
        help="photos to make; 1000 take a minute or two (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=number(int, 0), default=1, help="of all choices (default: %(default)s)"
    )
    parser.add_argument(
        "--processes",
        type=number(int, 1),
        default=os.cpu_count(),
        help="at a time (default: all cores)",
    )
    arguments = parser.parse_args()
    if arguments.scenes % 1000:
        parser.error(f"--scenes is {arguments.scenes}, must be a multiple of 1000; try 24000")

    from mnist_cnn.data.photo_files import write_photo_files
    from mnist_cnn.outputs import check_writable

    check_writable(arguments.out, "--out DIR")
    with ends_with_one_line():
        write_photo_files(**vars(arguments))


if __name__ == "__main__":
    run_command(main)
