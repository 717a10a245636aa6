"""Writes a network as ONNX or as a small checkpoint: python export.py CHECKPOINT FILE."""

from importlib.util import find_spec
from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, run_command


def main() -> None:
    """Writes the file."""
    parser = Parser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="file that a training wrote")
    parser.add_argument(
        "file",
        type=Path,
        help="the file to write: .onnx for programs without torch, from images (N, C, H, W), 0 to "
        "255, to probabilities; .ckpt for evaluate.py and predict.py, without what only a training "
        "needs",
    )
    parser.add_argument(
        "--half",
        action="store_true",
        help="weights of an .onnx as half floats, in half the bytes, nearly as exact",
    )
    arguments = parser.parse_args()
    if arguments.file.suffix not in (".onnx", ".ckpt"):
        parser.error(f"{arguments.file} must end in .onnx or .ckpt")
    if arguments.half and arguments.file.suffix != ".onnx":
        parser.error(f"--half is for .onnx, {arguments.file} is none; leave it out")
    if arguments.file.resolve() == arguments.checkpoint.resolve():
        parser.error(f"{arguments.file} is the checkpoint itself; name another file")

    if arguments.file.suffix == ".onnx" and not find_spec("onnxscript"):
        parser.error(f"{arguments.file} needs the package onnxscript; pip install onnx onnxscript")

    # torch takes seconds to import: only once the arguments are known.
    from mnist_cnn.checkpoints import export_checkpoint, load_checkpoint

    with ends_with_one_line():
        checkpoint = load_checkpoint(arguments.checkpoint)
        if arguments.file.suffix == ".onnx":
            from mnist_cnn.export import export_onnx  # needs onnx, a .ckpt doesn't

            export_onnx(checkpoint, arguments.file, half=arguments.half)
        else:
            export_checkpoint(checkpoint, arguments.file)
    print(f"{arguments.file}: {arguments.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    run_command(main)
