"""Several networks that read the same images together."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from mnist_cnn.checkpoints import Checkpoint, check_distinct
from mnist_cnn.data import MnistDataModule
from mnist_cnn.evaluation.predictions import (
    Member,
    Predictions,
    evaluate,
    mean_logits,
    predict,
)


def evaluate_together(
    checkpoints: Sequence[Checkpoint],
    data_dir: str | None = None,
    turn: float = 0.0,
    part: str = "test",
) -> Predictions:
    """Predicts images by the mean of the networks' probabilities.

    Nobody has checked the labels of validation images. Those that all networks misread may be wrong
    and outweigh all others in the loss, so the members also have figures without them. These are
    good for comparing these networks with each other, no more.

    Args:
        checkpoints: At least one; a single one is no ensemble but evaluated as it is. The data is
            looked for where the first one says.
        data_dir: As for `evaluate`.
        turn: As for `predict`.
        part: As for `evaluate`.

    Raises:
        ValueError: Two of them don't belong together, see `check_members`, or a data file is
            altered.
        FileNotFoundError: The data is missing and no source has it.
    """
    check_members(checkpoints, part)
    first = evaluate(checkpoints[0], data_dir, turn, part)
    if len(checkpoints) == 1:
        return first
    # The same images and labels for all, which saves memory and the checks of the files.
    singles = [first] + [
        replace(first, logits=predict(checkpoint, first.images, turn))
        for checkpoint in checkpoints[1:]
    ]
    misread = _misread_by_all(singles) if part == "val" else ()
    members = tuple(
        _member(checkpoint, replace(single, doubtful=misread or single.doubtful))
        for checkpoint, single in zip(checkpoints, singles, strict=True)
    )
    logits = mean_logits([single.logits for single in singles])
    return replace(first, logits=logits, members=members, misread_by_all=misread)


def check_members(checkpoints: Sequence[Checkpoint], part: str) -> None:
    """Checks that networks may read the same images together.

    Raises:
        ValueError: A file is there twice, or two networks differ in the number of classes, the
            images' shape, the data files they were trained for or, if they are to read it, the
            part put aside for validation.
    """
    check_distinct([checkpoint.path for checkpoint in checkpoints], "checkpoint")
    first, *others = checkpoints
    expected = _task(first, part)
    for other in others:
        found = _task(other, part)
        for name in expected | found:
            if expected.get(name) != found.get(name):
                raise ValueError(
                    f"checkpoints {first.path} and {other.path} differ in the {name} "
                    f"({expected.get(name)} and {found.get(name)}), members of an ensemble must "
                    "be trained for the same; evaluate them one by one"
                )


def _misread_by_all(singles: Sequence[Predictions]) -> tuple[int, ...]:
    right = torch.stack([single.correct for single in singles]).any(dim=0)
    return tuple((~right).nonzero().flatten().tolist())


def _member(checkpoint: Checkpoint, single: Predictions) -> Member:
    rest = single.beyond_doubt() if single.doubtful else None
    return Member(
        str(checkpoint.path),
        single.accuracy,
        single.loss,
        rest.accuracy if rest else None,
        rest.loss if rest else None,
    )


def _task(checkpoint: Checkpoint, part: str) -> dict[str, object]:
    network = checkpoint.model.hparams
    data = MnistDataModule(**checkpoint.data)
    # What one network put aside, another may have learned.
    split: dict[str, object] = {}
    if part == "val":
        names = ("val_size", "val_split", "split_seed")
        split = {f"data.{name}": getattr(data, name) for name in names}
        if not data.digests:  # nobody knows whether the files of another folder are the same
            split["data.data_dir"] = str(data.folder.resolve())
    return {
        "number of classes": network["num_classes"],
        "shape of the images": tuple(network["input_shape"]),
        **{f"SHA-256 of {name}": digest for name, digest in data.digests.items()},
        **split,
    }
