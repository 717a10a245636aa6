"""An evaluation as text for the screen, as JSON and as pictures."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnist_cnn.comparison import sample_deviation
from mnist_cnn.evaluation.predictions import Member, Predictions
from mnist_cnn.outputs import write_json


def format_report(predictions: Predictions) -> str:
    """All figures as text for the screen."""
    classes = range(predictions.logits.shape[1])
    turned = f"each image is also seen turned by ±{predictions.turn:g}°"
    lines = [
        *([turned, ""] if predictions.turn else []),
        *_format_members(predictions.members, len(predictions.misread_by_all)),
        f"images                        {len(predictions.labels)}",
        f"accuracy                      {_format_accuracy(predictions)}",
    ]
    rest = predictions.beyond_doubt() if predictions.doubtful else None
    if rest:
        lines.append(
            f"accuracy, label not in doubt  {_format_accuracy(rest)} of {len(rest.labels)} images"
        )
    lines.append(f"negative log-likelihood       {predictions.loss:.4f}")
    if rest:
        lines.append(f"the same, label not in doubt  {rest.loss:.4f}")
    lines.append(f"expected calibration error    {predictions.calibration_error:.4f}")
    for accuracy, share in predictions.coverages.items():
        name = f"coverage at {100 * accuracy:g} % accuracy"
        lines.append(f"{name:<30}{share:.2%}  (the surest; the others go to a person)")
    lines += [
        "",
        "digit     " + " ".join(f"{digit:>7}" for digit in classes),
        "accuracy  " + " ".join(f"{share:>7.2%}" for share in predictions.accuracy_by_class),
        "",
        "confusion matrix (rows: true, columns: predicted)",
        "          " + " ".join(f"{digit:>7}" for digit in classes),
    ]
    for digit, row in zip(classes, predictions.confusion.tolist(), strict=True):
        lines.append(f"{digit:>9} " + " ".join(f"{count:>7}" for count in row))
    return "\n".join(lines)


def _format_members(members: Sequence[Member], misread_by_all: int) -> list[str]:
    if not members:
        return []
    which = "not misread by all" if misread_by_all else "label not in doubt"
    attributes = {
        "accuracy": ("accuracy", ".2%"),
        f"accuracy, {which}": ("accuracy_beyond_doubt", ".2%"),
        "negative log-likelihood": ("loss", ".4f"),
        f"the same, {which}": ("loss_beyond_doubt", ".4f"),
    }
    # Labels are in doubt for all members or for none.
    columns = {
        name: ([getattr(member, attribute) for member in members], style)
        for name, (attribute, style) in attributes.items()
        if getattr(members[0], attribute) is not None
    }
    cells = [
        [f"{value:>{len(name)}{style}}" for value in values]
        for name, (values, style) in columns.items()
    ]
    rows = zip(*cells, [m.checkpoint for m in members], strict=True)
    return [
        "  ".join([*columns, "member"]),
        *("  ".join(row) for row in rows),
        "",
        "mean ± standard deviation (min to max) of the members",
        *(f"{name:<30}{_format_spread(*column)}" for name, column in columns.items()),
        "",
        *(_explain(misread_by_all, len(members)) if misread_by_all else []),
        f"ensemble of {len(members)}: the mean of their probabilities",
    ]


def _explain(misread_by_all: int, members: int) -> list[str]:
    return [
        f"{misread_by_all} images are misread by all {members}: labels are wrong, or members weak.",
        "What is said without them compares these members with each other, and says nothing of how "
        "good they are.",
        "",
    ]


def _format_spread(values: Sequence[float], style: str) -> str:
    mean, deviation = statistics.fmean(values), sample_deviation(values)
    return f"{mean:{style}} ± {deviation:{style}}  ({min(values):{style}} to {max(values):{style}})"


def _format_accuracy(predictions: Predictions) -> str:
    low, high = predictions.accuracy_interval
    return f"{predictions.accuracy:.2%}  (95 % interval {low:.2%} to {high:.2%})"


def report_data(predictions: Predictions) -> dict[str, Any]:
    """All figures as plain data.

    Accuracies and the other shares are in [0, 1]; `loss` is the mean negative log-likelihood, in
    nats; `turn` is in degrees. What is no finite number, such as the accuracy of a class without
    images, is None, since JSON has no NaN. Where no label is in doubt there is no `beyond_doubt`,
    and a member's figures beyond doubt are None. There are `members` only of an ensemble, and with
    them the indices `misread_by_all`, of validation images only.
    """
    data = {
        "images": len(predictions.labels),
        "turn": predictions.turn,
        "loss": predictions.loss,
        **_accuracy_data(predictions),
        "expected_calibration_error": predictions.calibration_error,
        "coverage_by_accuracy": {str(key): share for key, share in predictions.coverages.items()},
        "accuracy_by_class": predictions.accuracy_by_class,
        "confusion_matrix": predictions.confusion.tolist(),
    }
    if predictions.doubtful:
        rest = predictions.beyond_doubt()
        data["beyond_doubt"] = {
            "images": len(rest.labels),
            "loss": rest.loss,
            **_accuracy_data(rest),
        }
    if predictions.members:
        data["members"] = [asdict(member) for member in predictions.members]
        data["misread_by_all"] = list(predictions.misread_by_all)
    return _without_nan(data)  # type: ignore[no-any-return]  # a dictionary stays one


def _without_nan(value: Any) -> Any:  # noqa: ANN401  # plain data of any kind
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _accuracy_data(predictions: Predictions) -> dict[str, Any]:
    return {
        "accuracy": predictions.accuracy,
        "accuracy_interval_95": list(predictions.accuracy_interval),
    }


def write_report(predictions: Predictions, folder: Path) -> None:
    """Writes `report.json`, `confusion_matrix.png` and `worst_mistakes.png`.

    Raises:
        OSError: The folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", report_data(predictions))
    predictions.confusion_figure().savefig(folder / "confusion_matrix.png", dpi=120)
    predictions.mistakes_figure().savefig(folder / "worst_mistakes.png", dpi=120)
