"""Evaluation: every figure against plain Python, and the report at its edges."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread

from mnist_cnn.checkpoints import Checkpoint
from mnist_cnn.data import MnistDataModule
from mnist_cnn.evaluation import (
    Predictions,
    evaluate,
    format_report,
    wilson_interval,
    write_report,
)
from mnist_cnn.models import Mlp

CLASSES = 10


def make_predictions(labels: Sequence[int], predicted: Sequence[int]) -> Predictions:
    """Images 0, 1, 2, … with logits that make each prediction clearer than the one before."""
    logits = torch.zeros(len(labels), CLASSES)
    for index, choice in enumerate(predicted):
        logits[index, choice] = 1 + index
    images = torch.arange(len(labels)).byte().view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    return Predictions(images, torch.tensor(labels).long(), logits)


@pytest.fixture(scope="module")
def noisy() -> Predictions:
    """300 images of all classes, about half of them read right."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % CLASSES
    logits = torch.randn(300, CLASSES, generator=generator)
    logits[torch.arange(300), labels] += 1.5
    images = torch.randint(0, 256, (300, 1, 28, 28), generator=generator).byte()
    return Predictions(images, labels, logits)


def naive_probabilities(predictions: Predictions) -> list[list[float]]:
    rows = []
    for logits in predictions.logits.tolist():
        powers = [math.exp(value) for value in logits]
        rows.append([power / sum(powers) for power in powers])
    return rows


def test_probabilities_and_predictions(noisy: Predictions) -> None:
    expected = naive_probabilities(noisy)
    assert noisy.probabilities.tolist() == [pytest.approx(row, rel=1e-4) for row in expected]
    assert noisy.predicted.tolist() == [row.index(max(row)) for row in expected]


def test_loss_and_accuracy(noisy: Predictions) -> None:
    rows, labels = naive_probabilities(noisy), noisy.labels.tolist()
    losses = [-math.log(row[label]) for row, label in zip(rows, labels, strict=True)]
    hits = [row.index(max(row)) == label for row, label in zip(rows, labels, strict=True)]
    assert 0 < sum(hits) < 300
    assert noisy.loss == pytest.approx(sum(losses) / 300, rel=1e-5)
    assert noisy.accuracy == sum(hits) / 300


def test_confusion_counts_true_by_predicted(noisy: Predictions) -> None:
    expected = [[0] * CLASSES for _ in range(CLASSES)]
    for true, read in zip(noisy.labels.tolist(), noisy.predicted.tolist(), strict=True):
        expected[true][read] += 1
    assert noisy.confusion.tolist() == expected
    assert noisy.confusion.sum(dim=1).tolist() == [30] * CLASSES


def test_accuracy_by_class(noisy: Predictions) -> None:
    pairs = list(zip(noisy.labels.tolist(), noisy.predicted.tolist(), strict=True))
    expected = [sum(pair == (digit, digit) for pair in pairs) / 30 for digit in range(CLASSES)]
    assert noisy.accuracy_by_class == pytest.approx(expected, rel=1e-6)


def test_one_pair_lands_in_its_row_and_column() -> None:
    confusion = make_predictions(labels=[3], predicted=[7]).confusion
    assert confusion.nonzero().tolist() == [[3, 7]]
    assert confusion.shape == (CLASSES, CLASSES)


def test_worst_mistakes_start_with_the_least_probable_truth(noisy: Predictions) -> None:
    rows, labels = naive_probabilities(noisy), noisy.labels.tolist()
    wrong = [index for index in range(300) if rows[index].index(max(rows[index])) != labels[index]]
    expected = sorted(wrong, key=lambda index: rows[index][labels[index]])
    assert noisy.worst_mistakes(1000).tolist() == expected
    assert noisy.worst_mistakes(7).tolist() == expected[:7]
    assert noisy.worst_mistakes(0).tolist() == []


def test_a_right_guess_is_no_mistake_however_unsure() -> None:
    predictions = make_predictions(labels=[0, 1, 2, 3], predicted=[0, 5, 6, 3])
    assert predictions.worst_mistakes(10).tolist() == [2, 1]


def test_titles_name_truth_prediction_and_probability() -> None:
    predictions = make_predictions(labels=[4, 2], predicted=[4, 9])
    rows = naive_probabilities(predictions)
    assert predictions.titles(torch.tensor([1, 0])) == [
        f"true 2: {rows[1][2]:.1%}\nread 9: {rows[1][9]:.1%}",
        f"true 4: {rows[0][4]:.1%}\nread 4: {rows[0][4]:.1%}",
    ]


def test_the_picture_of_mistakes_shows_them_in_order() -> None:
    predictions = make_predictions(labels=[0, 1, 2], predicted=[0, 5, 6])
    rows = naive_probabilities(predictions)
    figure = predictions.mistakes_figure()
    assert figure.get_suptitle().startswith("2 worst of 2 mistakes")
    assert [axes.get_title() for axes in figure.axes] == [
        f"true 2: {rows[2][2]:.1%}\nread 6: {rows[2][6]:.1%}",
        f"true 1: {rows[1][1]:.1%}\nread 5: {rows[1][5]:.1%}",
    ]
    assert [axes.images[0].get_array().max() for axes in figure.axes] == [2, 1]  # type: ignore[union-attr]


# Newcombe 1998 (Statistics in Medicine 17, 857-872), table I.
@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_has_the_published_values(
    hits: int, count: int, low: float, high: float
) -> None:
    assert wilson_interval(hits / count, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 99, 500, 9_999, 10_000, 60_000])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_wilson_interval_stays_within_0_and_1(share: float, count: int) -> None:
    low, high = wilson_interval(share, count)
    assert 0 <= low < high <= 1
    assert (high if share else low) == pytest.approx(share)


def test_wilson_interval_is_symmetric() -> None:
    low, high = wilson_interval(0.9, 50)
    assert wilson_interval(0.1, 50) == pytest.approx((1 - high, 1 - low))


def test_report_is_plain_data_with_the_same_figures(noisy: Predictions) -> None:
    report = json.loads(json.dumps(noisy.report(), allow_nan=False))
    assert report == {
        "images": 300,
        "loss": noisy.loss,
        "accuracy": noisy.accuracy,
        "accuracy_interval_95": list(wilson_interval(noisy.accuracy, 300)),
        "accuracy_by_class": noisy.accuracy_by_class,
        "confusion_matrix": noisy.confusion.tolist(),
    }


def test_the_screen_shows_every_figure(noisy: Predictions) -> None:
    lines = format_report(noisy).splitlines()
    low, high = wilson_interval(noisy.accuracy, 300)
    assert lines[0].split() == ["images", "300"]
    assert lines[1].split() == ["loss", f"{noisy.loss:.4f}"]
    assert lines[2].split()[:2] == ["accuracy", f"{noisy.accuracy:.2%}"]
    assert f"{low:.2%} to {high:.2%}" in lines[2]
    assert lines[4].split() == ["digit", *map(str, range(CLASSES))]
    assert lines[5].split()[1:] == [f"{share:.2%}" for share in noisy.accuracy_by_class]
    assert [[int(word) for word in line.split()] for line in lines[-CLASSES:]] == [
        [digit, *row] for digit, row in enumerate(noisy.confusion.tolist())
    ]
    assert len({len(line) for line in lines[-CLASSES - 1 :]}) == 1  # the columns stand in line


def test_a_class_without_images_is_shown_as_such() -> None:
    predictions = make_predictions(labels=[0, 1, 1], predicted=[0, 1, 9])
    shares = format_report(predictions).splitlines()[5].split()[1:]
    assert shares[:2] == ["100.00%", "50.00%"]
    assert len(shares) == CLASSES
    assert all("%" not in share or share == "nan%" for share in shares[2:])


def test_a_class_without_images_leaves_the_report_valid_json() -> None:
    predictions = make_predictions(labels=[0, 1, 1], predicted=[0, 1, 9])
    report = json.loads(json.dumps(predictions.report(), allow_nan=False))
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


@pytest.mark.parametrize("given", [True, False], ids=["data_dir given", "data_dir of training"])
def test_evaluate_predicts_the_test_images_with_the_checkpoints_normalisation(
    given: bool, make_data: Callable[..., MnistDataModule], tmp_path: Path
) -> None:
    data = make_data(normalization={"method": "column_l2"})
    torch.manual_seed(0)
    model = Mlp((1, 28, 28), 10, hidden=(8, 8, 8)).eval()
    arguments = dict(data.hparams)
    folder = arguments["data_dir"]
    if given:
        arguments["data_dir"] = str(tmp_path / "elsewhere")
    checkpoint = Checkpoint(Path("x.ckpt"), model, epoch=1, data=arguments, recipe={})
    predictions = evaluate(checkpoint, folder if given else None)
    images, labels = data.part("test")
    with torch.inference_mode():
        logits = model(data.normalize(images))
    assert torch.equal(predictions.images, images)
    assert torch.equal(predictions.labels, labels)
    assert torch.allclose(predictions.logits, logits, atol=1e-5)
    assert not predictions.logits.is_inference()
    assert not (tmp_path / "elsewhere").exists()
