"""Writes a checkpoint's network as ONNX: python export.py CHECKPOINT FILE.onnx."""

from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, run_command


def main() -> None:
    """Writes the file."""
    parser = Parser(description=__doc__)
    parser.add_argument("checkpoint", help="file that a training wrote")
    parser.add_argument("file", metavar="FILE.onnx", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()

    # torch takes seconds to import: only once the arguments are known.
    from mnist_cnn.checkpoints import load_checkpoint
    from mnist_cnn.export import export_onnx

    with ends_with_one_line():
        export_onnx(load_checkpoint(arguments.checkpoint), arguments.file)
    print(f"{arguments.file}: from images (N, C, H, W), 0 to 255, to probabilities")


if __name__ == "__main__":
    run_command(main)
