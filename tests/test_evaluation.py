"""Evaluation: every figure against plain Python."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from conftest import ROOT, FakeData
from mnist_cnn.checkpoints import Checkpoint
from mnist_cnn.data import MnistDataModule
from mnist_cnn.data.idx import read_idx
from mnist_cnn.data.sources import MNIST_SHA256, provide_files
from mnist_cnn.evaluation import MNIST_DOUBTFUL, Predictions, evaluate
from mnist_cnn.evaluation import predictions as predictions_module
from mnist_cnn.evaluation.metrics import coverage, wilson_interval
from mnist_cnn.evaluation.predictions import predict
from mnist_cnn.models import Mlp
from toy_predictions import CLASSES, make_noisy, make_predictions, naive_probabilities


@pytest.fixture(scope="module")
def noisy() -> Predictions:
    return make_noisy()


def test_probabilities_and_predictions(noisy: Predictions) -> None:
    expected = naive_probabilities(noisy.logits)
    assert noisy.probabilities.tolist() == [pytest.approx(row, rel=1e-4) for row in expected]
    assert noisy.predicted.tolist() == [row.index(max(row)) for row in expected]


def test_loss_and_accuracy(noisy: Predictions) -> None:
    rows, labels = naive_probabilities(noisy.logits), noisy.labels.tolist()
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
    rows, labels = naive_probabilities(noisy.logits), noisy.labels.tolist()
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
    rows = naive_probabilities(predictions.logits)
    assert predictions.titles(torch.tensor([1, 0])) == [
        f"true 2: {rows[1][2]:.1%}\nread 9: {rows[1][9]:.1%}",
        f"true 4: {rows[0][4]:.1%}\nread 4: {rows[0][4]:.1%}",
    ]


def test_the_picture_of_mistakes_shows_them_in_order() -> None:
    predictions = make_predictions(labels=[0, 1, 2], predicted=[0, 5, 6])
    rows = naive_probabilities(predictions.logits)
    figure = predictions.mistakes_figure()
    assert figure.get_suptitle().startswith("2 worst of 2 mistakes")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [
        f"true 2: {rows[2][2]:.1%}\nread 6: {rows[2][6]:.1%}",
        f"true 1: {rows[1][1]:.1%}\nread 5: {rows[1][5]:.1%}",
    ]
    assert [image.get_array().max() for image in axes.images] == [2, 1]  # type: ignore[union-attr]


def test_calibration_error_is_the_mean_gap_over_15_bins(noisy: Predictions) -> None:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(15)]
    for row, label in zip(naive_probabilities(noisy.logits), noisy.labels.tolist(), strict=True):
        bins[int(15 * max(row))].append((max(row), row.index(max(row)) == label))
    gaps = [abs(sum(sure - hit for sure, hit in cases)) for cases in bins]
    assert sum(len(cases) > 0 for cases in bins) > 8
    assert noisy.calibration_error == pytest.approx(sum(gaps) / 300, abs=1e-6)


def test_calibration_error_by_hand() -> None:
    # Two images at probability 1/2, of which one is right, then two at 1, of which one is.
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [900.0, 0.0], [900.0, 0.0]])
    predictions = Predictions(torch.zeros(4, 1, 2, 2).byte(), torch.tensor([0, 1, 0, 1]), logits)
    assert predictions.calibration_error == pytest.approx(0.25)


def test_coverages_are_those_at_999_of_1000_and_all_right(noisy: Predictions) -> None:
    confidences = torch.tensor([max(row) for row in naive_probabilities(noisy.logits)])
    assert noisy.coverages == {
        0.999: coverage(confidences, noisy.correct, 0.999),
        1.0: coverage(confidences, noisy.correct, 1.0),
    }
    assert 0 < noisy.coverages[1.0] < 1


def test_coverage_tells_the_surest_apart() -> None:
    # In float32 all of these have a probability of 1.
    logits = torch.tensor([[30.0, 0.0], [28.0, 0.0], [26.0, 0.0], [24.0, 0.0]])
    labels = torch.tensor([0, 0, 0, 1])
    predictions = Predictions(torch.zeros(4, 1, 2, 2).byte(), labels, logits)
    assert logits.softmax(dim=1)[:, 0].tolist() == [1.0] * 4
    assert predictions.coverages == {0.999: 0.75, 1.0: 0.75}


def test_beyond_doubt_leaves_the_doubtful_out(noisy: Predictions) -> None:
    doubtful = (0, 7, 299)
    rest = replace(noisy, doubtful=doubtful).beyond_doubt()
    kept = [index for index in range(300) if index not in doubtful]
    assert torch.equal(rest.images, noisy.images[kept])
    assert torch.equal(rest.labels, noisy.labels[kept])
    assert torch.equal(rest.logits, noisy.logits[kept])
    hits = sum(noisy.correct[index].item() for index in kept)
    assert rest.accuracy == hits / 297
    assert rest.accuracy_interval == wilson_interval(hits / 297, 297)


def test_mnist_has_15_doubtful_test_images() -> None:
    assert len(set(MNIST_DOUBTFUL)) == 15
    assert sorted(MNIST_DOUBTFUL) == list(MNIST_DOUBTFUL)
    assert (MNIST_DOUBTFUL[0], MNIST_DOUBTFUL[-1]) == (947, 9729)
    assert sum(MNIST_DOUBTFUL) == 68696


@pytest.mark.real_data
def test_the_doubtful_images_have_the_labels_of_their_source() -> None:
    # mturk/mnist_mturk.json: given_original_label, where `given` is below 3.
    folder = ROOT / "data" / "MNIST" / "raw"
    provide_files(folder, MNIST_SHA256)
    labels = read_idx(folder / "t10k-labels-idx1-ubyte")
    expected = [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
    assert [labels[index] for index in MNIST_DOUBTFUL] == expected


@pytest.mark.parametrize(
    ("official", "doubtful"),
    [
        (["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"], (3, 7)),
        (["t10k-images-idx3-ubyte"], ()),
        (["t10k-labels-idx1-ubyte"], ()),
        (["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], ()),
    ],
)
def test_labels_are_in_doubt_only_where_the_test_files_are_the_official_ones(
    official: list[str],
    doubtful: tuple[int, ...],
    fake_data: FakeData,
    make_data: Callable[..., MnistDataModule],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digests = MNIST_SHA256 | {name: fake_data.digests[name] for name in official}
    monkeypatch.setattr(predictions_module, "MNIST_SHA256", digests)
    monkeypatch.setattr(predictions_module, "MNIST_DOUBTFUL", (3, 7))
    model = Mlp((1, 28, 28), 10, hidden=(8, 8, 8)).eval()
    data = dict(make_data().hparams)
    checked, unchecked = (
        evaluate(Checkpoint(Path("x.ckpt"), model, epoch=1, data=arguments, recipe={}))
        for arguments in (data, data | {"digests": {}})
    )
    assert checked.doubtful == doubtful
    assert unchecked.doubtful == ()


@pytest.mark.parametrize(
    ("shape", "classes"), [((2, 28, 28), 10), ((1, 32, 32), 10), ((1, 28, 28), 9)]
)
def test_data_of_another_kind_is_refused(
    shape: tuple[int, int, int], classes: int, make_data: Callable[..., MnistDataModule]
) -> None:
    data = dict(make_data().hparams)
    model = Mlp(shape, classes, hidden=(8, 8, 8)).eval()
    checkpoint = Checkpoint(Path("x.ckpt"), model, epoch=1, data=data, recipe={})
    numbers = ", ".join(map(str, shape))
    expected = (
        rf"^checkpoint x.ckpt is for {classes} classes of images \({numbers}\), .*--data DIR$"
    )
    with pytest.raises(ValueError, match=expected):
        evaluate(checkpoint)


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


def test_validation_images_are_those_put_aside(make_data: Callable[..., MnistDataModule]) -> None:
    data = make_data(val_size=40, split_seed=3)
    model = Mlp((1, 28, 28), 10, hidden=(8, 8, 8)).eval()
    checkpoint = Checkpoint(Path("x.ckpt"), model, epoch=1, data=dict(data.hparams), recipe={})
    predictions = evaluate(checkpoint, part="val")
    for found, expected in zip(
        (predictions.images, predictions.labels), data.part("val"), strict=True
    ):
        assert torch.equal(found, expected)
    assert len(predictions.logits) == 40
    checkpoint.data["val_size"] = 0
    with pytest.raises(ValueError, match=r"checkpoint x.ckpt .* data.val_size=0, must be above 0"):
        evaluate(checkpoint, part="val")


def test_a_turned_view_is_interpolated_on_paper(
    make_data: Callable[..., MnistDataModule], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(normalization={"method": "affine", "mean": 0.0, "std": 1.0})
    model = Mlp((1, 28, 28), 10, hidden=(8, 8, 8)).eval()
    seen: list[torch.Tensor] = []
    model.layers.register_forward_pre_hook(lambda _, inputs: seen.append(255 * inputs[0]))
    checkpoint = Checkpoint(Path("x.ckpt"), model, epoch=1, data=dict(data.hparams), recipe={})
    images, _ = data.part("test", 20)
    predict(checkpoint, images, turn=6)
    assert len(seen) == 3
    for view, degrees in zip(seen, (0, 6, -6), strict=True):
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        rows = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]]).expand(20, 2, 3)
        grid = F.affine_grid(rows, list(images.shape), align_corners=False)
        expected = F.grid_sample(images.float(), grid, align_corners=False)
        torch.testing.assert_close(view, expected, atol=0.6, rtol=0)  # it is rounded to uint8


def test_turned_views_count_as_much_as_the_image_itself(
    make_data: Callable[..., MnistDataModule],
) -> None:
    data = make_data()
    torch.manual_seed(0)
    model = Mlp((1, 28, 28), 10, hidden=(8, 8, 8)).eval()
    checkpoint = Checkpoint(Path("x.ckpt"), model, epoch=1, data=dict(data.hparams), recipe={})
    images, _ = data.part("test", 20)
    views = [images, torch.rot90(images, 1, (2, 3)), torch.rot90(images, -1, (2, 3))]
    with torch.inference_mode():
        rows = [naive_probabilities(model(data.normalize(view))) for view in views]
    expected = [[sum(row[i][k] for row in rows) / 3 for k in range(CLASSES)] for i in range(20)]
    found = predict(checkpoint, images, turn=90).exp()
    assert found.tolist() == [pytest.approx(row, rel=1e-3) for row in expected]
