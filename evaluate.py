"""Evaluates a checkpoint, or several as an ensemble, on images they were not trained on."""

import logging
from pathlib import Path

from mnist_cnn.errors import Parser, ends_with_one_line, number, run_command


def main() -> None:
    """Prints the report; writes it too, if asked to."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "checkpoints",
        metavar="CHECKPOINT",
        nargs="+",
        help="file that a training wrote; the probabilities of several are averaged",
    )
    parser.add_argument(
        "--turn",
        metavar="DEGREES",
        type=number(float, 0, 45),
        default=0.0,
        help="see each image also turned by 0 to 45 degrees to the left and to the right; the "
        "probabilities are averaged",
    )
    parser.add_argument(
        "--part",
        choices=("test", "val"),
        default="test",
        help="val: the validation images of the training, to choose by (default: %(default)s)",
    )
    parser.add_argument("--data", metavar="DIR", help="folder of the data, if not the training's")
    parser.add_argument("--report", metavar="DIR", type=Path, help="write JSON and pictures here")
    arguments = parser.parse_args()

    # torch takes seconds to import: only once the arguments are known.
    from mnist_cnn.checkpoints import load_checkpoint
    from mnist_cnn.evaluation import evaluate_together
    from mnist_cnn.evaluation.report import format_report, write_report
    from mnist_cnn.hardware import keep_freed_memory
    from mnist_cnn.outputs import check_writable

    if arguments.report:
        check_writable(arguments.report, "--report DIR")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("mnist_cnn").setLevel(logging.INFO)  # says where data come from
    with ends_with_one_line():
        keep_freed_memory()
        checkpoints = [load_checkpoint(path) for path in arguments.checkpoints]
        predictions = evaluate_together(checkpoints, arguments.data, arguments.turn, arguments.part)
        print(format_report(predictions))
        if arguments.report:
            write_report(predictions, arguments.report)
            print(
                f"\nreport.json, confusion_matrix.png, worst_mistakes.png are in {arguments.report}"
            )


if __name__ == "__main__":
    run_command(main)
