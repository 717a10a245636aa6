"""What tells which digit a 28×28 image shows."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mnist_cnn.photos.ink import Bytes, Floats

# From at least one view, (N, 2, 28, 28), uint8, to probabilities (N, 10 or 11), float32. A view is
# an image as MNIST has it, and its surroundings, see `photos.glyphs`. The first ten classes are the
# digits; an eleventh says that it is none.
Classifier = Callable[[Bytes], Floats]

DIGITS = 10
BATCH = 512  # images at a time: a whole page, and a limit to the memory that noise can ask for
WEIGHTS = Path(__file__).parent.parent / "weights" / "photo_digits.onnx"


def bundled_classifier() -> Classifier:
    """The network that comes with the project, run by OpenCV: nothing else has to be imported.

    Raises:
        ValueError: Its file is missing or damaged.
    """
    try:
        network = cv2.dnn.readNetFromONNX(str(WEIGHTS))
    except cv2.error as error:
        raise ValueError(
            f"bundled weights {WEIGHTS} can't be read; install the project anew, or name a network "
            "with --checkpoint"
        ) from error

    def classify(views: Bytes) -> Floats:
        network.setInput(views.astype(np.float32))
        return np.array(network.forward(), np.float32)  # a copy: the next call reuses the memory

    return _in_batches(classify)


def checkpoint_classifier(path: str | Path) -> Classifier:
    """A network of the user's own, with the normalisation of its training.

    One of MNIST's images sees no surroundings, and one that knows ten digits takes everything for
    a digit; data=photos has both, surroundings and the eleventh class.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint of this project, or one for other images than MNIST's.
    """
    import torch  # takes seconds to import: only those who need it wait

    from mnist_cnn.checkpoints import load_checkpoint
    from mnist_cnn.data import build_normalization

    checkpoint = load_checkpoint(path)
    shape, classes = (checkpoint.model.hparams[name] for name in ("input_shape", "num_classes"))
    channels, *sides = shape
    if channels > 2 or sides != [28, 28] or classes not in (DIGITS, DIGITS + 1):
        raise ValueError(
            f"checkpoint {path} is for {classes} classes of images {tuple(shape)}, must be for "
            f"{DIGITS} digits, and perhaps none, of images (1, 28, 28) or, with their "
            "surroundings, (2, 28, 28); use another"
        )
    normalize = build_normalization(checkpoint.normalization)

    def classify(views: Bytes) -> Floats:
        with torch.inference_mode():
            logits = checkpoint.model(normalize(torch.from_numpy(views[:, :channels])))
        return np.asarray(logits.softmax(dim=1), np.float32)

    return _in_batches(classify)


def _in_batches(classify: Classifier) -> Classifier:
    def in_batches(views: Bytes) -> Floats:
        starts = range(0, len(views), BATCH)
        return np.concatenate([classify(views[start : start + BATCH]) for start in starts])

    return in_batches
