"""The report of an evaluation: text, JSON and pictures, also at their edges."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread

from mnist_cnn.evaluation import Member, Predictions
from mnist_cnn.evaluation.metrics import wilson_interval
from mnist_cnn.evaluation.report import format_report, report_data, write_report
from toy_predictions import CLASSES, make_noisy, make_predictions


@pytest.fixture(scope="module")
def noisy() -> Predictions:
    return make_noisy()


MEMBERS = (
    Member("a.ckpt", 0.5, 1.5, None, None),
    Member("b c.ckpt", 0.51, 1.25, None, None),
    Member("d.ckpt", 0.55, 1.0, None, None),
)


def test_report_is_plain_data_with_the_same_figures(noisy: Predictions) -> None:
    report = json.loads(json.dumps(report_data(noisy), allow_nan=False))
    assert report == {
        "images": 300,
        "turn": 0.0,
        "loss": noisy.loss,
        "accuracy": noisy.accuracy,
        "accuracy_interval_95": list(wilson_interval(noisy.accuracy, 300)),
        "expected_calibration_error": noisy.calibration_error,
        "coverage_by_accuracy": {"0.999": noisy.coverages[0.999], "1.0": noisy.coverages[1.0]},
        "accuracy_by_class": noisy.accuracy_by_class,
        "confusion_matrix": noisy.confusion.tolist(),
    }


def test_the_report_has_the_accuracy_beyond_doubt_where_labels_are_in_doubt(
    noisy: Predictions,
) -> None:
    predictions = replace(noisy, doubtful=(0, 7, 299))
    rest = predictions.beyond_doubt()
    report = report_data(predictions)
    assert report.pop("beyond_doubt") == {
        "images": 297,
        "loss": rest.loss,
        "accuracy": rest.accuracy,
        "accuracy_interval_95": list(rest.accuracy_interval),
    }
    assert report == report_data(noisy)
    lines = format_report(predictions).splitlines()
    low, high = rest.accuracy_interval
    assert lines.pop(2) == (
        f"accuracy, label not in doubt  {rest.accuracy:.2%}  (95 % interval {low:.2%} to "
        f"{high:.2%}) of 297 images"
    )
    assert lines.pop(3) == f"the same, label not in doubt  {rest.loss:.4f}"
    assert lines == format_report(noisy).splitlines()


def test_the_report_of_an_ensemble_begins_with_its_members(noisy: Predictions) -> None:
    predictions = replace(noisy, members=MEMBERS)
    report = json.loads(json.dumps(report_data(predictions)))
    assert report.pop("members") == [
        {
            "checkpoint": "a.ckpt",
            "accuracy": 0.5,
            "loss": 1.5,
            "accuracy_beyond_doubt": None,
            "loss_beyond_doubt": None,
        },
        {
            "checkpoint": "b c.ckpt",
            "accuracy": 0.51,
            "loss": 1.25,
            "accuracy_beyond_doubt": None,
            "loss_beyond_doubt": None,
        },
        {
            "checkpoint": "d.ckpt",
            "accuracy": 0.55,
            "loss": 1.0,
            "accuracy_beyond_doubt": None,
            "loss_beyond_doubt": None,
        },
    ]
    assert report.pop("misread_by_all") == []
    assert report == report_data(noisy)
    # By hand: means 0.52 and 1.25, deviations sqrt(0.0014 / 2) and sqrt(0.125 / 2).
    assert format_report(predictions).splitlines() == [
        "accuracy  negative log-likelihood  member",
        "  50.00%                   1.5000  a.ckpt",
        "  51.00%                   1.2500  b c.ckpt",
        "  55.00%                   1.0000  d.ckpt",
        "",
        "mean ± standard deviation (min to max) of the members",
        "accuracy                      52.00% ± 2.65%  (50.00% to 55.00%)",
        "negative log-likelihood       1.2500 ± 0.2500  (1.0000 to 1.5000)",
        "",
        "ensemble of 3: the mean of their probabilities",
        *format_report(noisy).splitlines(),
    ]


def test_members_have_columns_without_the_doubtful_labels(noisy: Predictions) -> None:
    sure = [(0.75, 0.5), (0.5, 0.75), (0.7, 1.0)]
    members = tuple(
        replace(member, accuracy_beyond_doubt=share, loss_beyond_doubt=loss)
        for member, (share, loss) in zip(MEMBERS, sure, strict=True)
    )
    lines = format_report(replace(noisy, members=members)).splitlines()
    assert lines[:2] == [
        "accuracy  accuracy, label not in doubt  negative log-likelihood  "
        "the same, label not in doubt  member",
        "  50.00%                        75.00%                   1.5000  "
        "                      0.5000  a.ckpt",
    ]
    misread = replace(noisy, members=members, misread_by_all=(3, 8))
    assert report_data(misread)["misread_by_all"] == [3, 8]
    others = format_report(misread).splitlines()
    assert others[0] == lines[0].replace("label not in doubt", "not misread by all")
    assert others[11] == "2 images are misread by all 3: labels are wrong, or members weak."
    assert others[14:] == lines[11:]
    # By hand: means 0.65 and 0.75, deviations sqrt(0.035 / 2) and sqrt(0.125 / 2).
    assert lines[7] == "accuracy, label not in doubt  65.00% ± 13.23%  (50.00% to 75.00%)"
    assert lines[9] == "the same, label not in doubt  0.7500 ± 0.2500  (0.5000 to 1.0000)"


def test_the_report_says_that_images_were_turned(noisy: Predictions) -> None:
    turned = replace(noisy, turn=7.5)
    assert report_data(turned) == report_data(noisy) | {"turn": 7.5}
    first, empty, *rest = format_report(turned).splitlines()
    assert (first, empty) == ("each image is also seen turned by ±7.5°", "")
    assert rest == format_report(noisy).splitlines()


def test_the_screen_shows_every_figure(noisy: Predictions) -> None:
    lines = format_report(noisy).splitlines()
    low, high = wilson_interval(noisy.accuracy, 300)
    assert lines[0].split() == ["images", "300"]
    assert lines[1].split()[:2] == ["accuracy", f"{noisy.accuracy:.2%}"]
    assert f"{low:.2%} to {high:.2%}" in lines[1]
    assert lines[2].split() == ["negative", "log-likelihood", f"{noisy.loss:.4f}"]
    calibration_error = f"{noisy.calibration_error:.4f}"
    assert lines[3].split() == ["expected", "calibration", "error", calibration_error]
    assert lines[4].startswith(f"coverage at 99.9 % accuracy   {noisy.coverages[0.999]:.2%}  ")
    assert lines[5].startswith(f"coverage at 100 % accuracy    {noisy.coverages[1.0]:.2%}  ")
    assert lines[7].split() == ["digit", *map(str, range(CLASSES))]
    assert lines[8].split()[1:] == [f"{share:.2%}" for share in noisy.accuracy_by_class]
    assert [[int(word) for word in line.split()] for line in lines[-CLASSES:]] == [
        [digit, *row] for digit, row in enumerate(noisy.confusion.tolist())
    ]
    assert len({len(line) for line in lines[-CLASSES - 1 :]}) == 1  # the columns stand in line


def test_a_network_without_finite_logits_is_shown_as_such(noisy: Predictions) -> None:
    broken = replace(noisy, logits=torch.full_like(noisy.logits, math.nan))
    assert "\nnegative log-likelihood       nan\n" in format_report(broken)
    assert report_data(broken)["loss"] is None


def test_an_ensemble_with_a_loss_that_is_no_number_is_shown_as_such(noisy: Predictions) -> None:
    members = (Member("a.ckpt", 0.5, math.nan, None, None), Member("b.ckpt", 0.5, 1.0, None, None))
    report = format_report(replace(noisy, members=members))
    assert "nan ± nan" in report
    assert report_data(replace(noisy, members=members))["members"][0]["loss"] is None


def test_a_class_without_images_is_shown_as_such() -> None:
    predictions = make_predictions(labels=[0, 1, 1], predicted=[0, 1, 9])
    shares = format_report(predictions).splitlines()[8].split()[1:]
    assert shares[:2] == ["100.00%", "50.00%"]
    assert len(shares) == CLASSES
    assert all("%" not in share or share == "nan%" for share in shares[2:])


def test_a_class_without_images_leaves_the_report_valid_json() -> None:
    predictions = make_predictions(labels=[0, 1, 1], predicted=[0, 1, 9])
    report = json.loads(json.dumps(report_data(predictions), allow_nan=False))
    assert report["accuracy_by_class"] == [1.0, 0.5] + [None] * 8


def read_picture(path: Path) -> tuple[int, ...]:
    """The shape (H, W, channels) of a picture that holds more than one colour."""
    pixels = imread(path)
    assert pixels.std() > 0
    return pixels.shape


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 4]),
        (list(range(10)), list(range(10))),
        ([0, 1, 2], [1, 2, 3]),
        ([5], [5]),
        ([5] * 60, [6] * 60),
    ],
    ids=["one mistake", "no mistakes", "nothing but mistakes", "one image", "60 mistakes"],
)
def test_write_report_writes_three_files(
    labels: list[int], predicted: list[int], tmp_path: Path
) -> None:
    predictions = make_predictions(labels, predicted)
    folder = tmp_path / "new" / "report"
    write_report(predictions, folder)
    names = ["confusion_matrix.png", "report.json", "worst_mistakes.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert json.loads((folder / "report.json").read_text())["images"] == len(labels)
    for name in ("confusion_matrix.png", "worst_mistakes.png"):
        height, width, channels = read_picture(folder / name)
        assert min(height, width) > 100
        assert channels == 4


def test_write_report_replaces_an_older_one(tmp_path: Path) -> None:
    write_report(make_predictions([1, 2], [1, 2]), tmp_path)
    write_report(make_predictions([1], [1]), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["images"] == 1


def test_a_report_folder_that_is_a_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "report").touch()
    with pytest.raises(OSError, match="report"):
        write_report(make_predictions([1], [1]), tmp_path / "report")
