"""The pictures: what they show, said by the figure itself, and that they can be saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from mnist_cnn import figures

Row = dict[str, float]


def save(figure: Figure, folder: Path) -> tuple[int, int]:
    """Height and width of the saved picture; it must show something."""
    path = folder / "picture.png"
    figure.savefig(path)
    pixels = imread(path)
    assert pixels.std() > 0
    height, width, _ = pixels.shape
    return height, width


def legend_texts(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [text.get_text() for text in legend.get_texts()] if legend else []


def tick_labels(labels: Sequence[Any]) -> list[str]:
    return [label.get_text() for label in labels]


def make_images(count: int, channels: int = 1) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(50, 200, (count, channels, 28, 28), np.uint8)


def make_epochs(count: int, *, validation: bool = True) -> list[Row]:
    rows: list[Row] = []
    for epoch in range(1, count + 1):
        row = {"epoch": epoch, "train/loss": 1 / epoch, "train/accuracy": 1 - 0.1 / epoch}
        if validation:
            row |= {"val/loss": 2 / epoch, "val/accuracy": 1 - 0.2 / epoch}
        rows.append(row)
    return rows


def make_group(name: str, val: list[float], test: list[float]) -> dict[str, Any]:
    return {"group": name, "val/accuracy": val, "test/accuracy": test}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [1, 5, 11])
def test_digits_shows_every_image_under_its_title(
    count: int, channels: int, tmp_path: Path
) -> None:
    images, titles = make_images(count, channels), [f"digit {index}" for index in range(count)]
    figure = figures.digits(images, titles, columns=5, title="Some digits")
    assert figure.get_suptitle() == "Some digits"
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == titles
    for shown, text, image in zip(axes.images, axes.texts, images, strict=True):
        picture = np.asarray(shown.get_array())
        beside = image.transpose(1, 2, 0) if channels == 3 else np.concatenate(image, axis=1)
        assert np.array_equal(picture, beside)
        assert shown.get_clim() == (0, 255)  # a pale digit stays pale
        left, right, bottom, top = shown.get_extent()
        assert (right - left) / (top - bottom) == pytest.approx(beside.shape[1] / beside.shape[0])
        x, y = text.get_position()
        assert left < x < right
        assert top < y < top + 0.1
    assert not axes.axison
    save(figure, tmp_path)


def test_digits_fills_rows_of_the_given_length(tmp_path: Path) -> None:
    figure = figures.digits(make_images(12), ["x"] * 12, columns=5)
    corners = [image.get_extent()[::2] for image in figure.axes[0].images]
    rows = [corners[:5], corners[5:10], corners[10:]]
    assert all(len({y for _, y in row}) == 1 and row == sorted(row) for row in rows)
    assert rows[0][0][1] > rows[1][0][1] > rows[2][0][1]
    assert figure.get_suptitle() == ""
    save(figure, tmp_path)


def test_digits_of_no_images_still_makes_a_picture(tmp_path: Path) -> None:
    figure = figures.digits(make_images(0), [], title="0 worst of 0 mistakes")
    assert not figure.axes[0].images
    assert figure.get_suptitle() == "0 worst of 0 mistakes"
    save(figure, tmp_path)


def test_digits_has_room_for_titles_of_two_lines(tmp_path: Path) -> None:
    titles = ["true 1: 0.0%\nread 7: 100.0%"] * 16
    figure = figures.digits(make_images(16), titles, columns=8, title="Two rows")
    save(figure, tmp_path)
    (axes,) = figure.axes
    boxes = [artist.get_window_extent() for artist in (*axes.images, *axes.texts)]
    boxes.append(figure.texts[0].get_window_extent())
    assert len(boxes) == 33
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_digits_of_unlike_numbers_of_titles_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        figures.digits(make_images(3), ["a", "b"])


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_confusion_matrix_writes_the_counts(classes: int, tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).integers(1, 1000, (classes, classes))
    figure = figures.confusion_matrix(matrix, "10,000 images")
    (axes,) = figure.axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {
        (column, row): str(matrix[row, column])
        for row in range(classes)
        for column in range(classes)
    }
    assert axes.get_title() == "10,000 images"
    assert axes.get_xlabel().splitlines()[0] == "predicted"
    assert axes.get_ylabel() == "true"
    digits = [str(digit) for digit in range(classes)]
    assert tick_labels(axes.get_xticklabels()) == digits
    assert tick_labels(axes.get_yticklabels()) == digits
    save(figure, tmp_path)


def test_confusion_matrix_colours_shares_of_mistakes_not_the_diagonal() -> None:
    matrix = np.array([[8, 2, 0], [30, 60, 10], [0, 0, 0]])
    (axes,) = figures.confusion_matrix(matrix, "").axes
    colours = np.asarray(axes.images[0].get_array())
    assert colours == pytest.approx(np.array([[0, 0.2, 0], [0.3, 0, 0.1], [0, 0, 0]]))
    assert len(axes.texts) == 5  # zeros would only be noise


@pytest.mark.parametrize("matrix", [np.zeros((10, 10), int), 7 * np.eye(10, dtype=int)])
def test_confusion_matrix_without_mistakes(matrix: npt.NDArray[np.int64], tmp_path: Path) -> None:
    save(figures.confusion_matrix(matrix, "no mistakes"), tmp_path)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_curves_show_both_parts(count: int, tmp_path: Path) -> None:
    epochs = make_epochs(count)
    figure = figures.curves(epochs, "BnCnn, seed 1")
    assert figure.get_suptitle() == "BnCnn, seed 1"
    assert len(figure.axes) == 2
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", metric)
        assert axes.get_title() == f"{metric} by epoch"
        assert legend_texts(axes) == ["training", "validation"]
        for line, part in zip(axes.lines, ("train", "val"), strict=True):
            assert list(line.get_xdata()) == [row["epoch"] for row in epochs]  # type: ignore[arg-type]
            assert list(line.get_ydata()) == [row[f"{part}/{metric}"] for row in epochs]  # type: ignore[arg-type]
    save(figure, tmp_path)


def test_curves_of_accuracy_are_in_percent(tmp_path: Path) -> None:
    figure = figures.curves(make_epochs(3), "")
    save(figure, tmp_path)
    labels = tick_labels(figure.axes[1].get_yticklabels())
    assert labels
    assert all(label.endswith("%") for label in labels)


def test_curves_count_epochs_in_whole_numbers(tmp_path: Path) -> None:
    figure = figures.curves(make_epochs(2), "")
    save(figure, tmp_path)
    for axes in figure.axes:
        assert all(tick == int(tick) for tick in axes.get_xticks())


def test_curves_without_validation(tmp_path: Path) -> None:
    figure = figures.curves(make_epochs(3, validation=False), "no validation")
    assert [legend_texts(axes) for axes in figure.axes] == [["training"], ["training"]]
    save(figure, tmp_path)


def test_curves_with_validation_in_some_epochs_only(tmp_path: Path) -> None:
    epochs = [*make_epochs(2, validation=False), make_epochs(3)[2]]
    figure = figures.curves(epochs, "resumed")
    assert legend_texts(figure.axes[0]) == ["training", "validation"]
    validation = figure.axes[0].lines[1].get_ydata()
    assert list(np.isnan(validation)) == [True, True, False]
    save(figure, tmp_path)


def test_curves_of_a_diverged_training(tmp_path: Path) -> None:
    epochs = [row | {"train/loss": float("nan")} for row in make_epochs(2, validation=False)]
    figure = figures.curves(epochs, "diverged")
    assert legend_texts(figure.axes[1]) == ["training"]
    save(figure, tmp_path)


def test_sweep_draws_a_diamond_per_group_and_a_dot_per_seed(tmp_path: Path) -> None:
    groups = [
        make_group("model=bn_cnn", [0.99, 0.98, 0.97], [0.96, 0.97, 0.98]),
        make_group("model=mlp", [0.95, 0.93], [0.94, 0.94]),
    ]
    figure = figures.sweep(groups, "Sweep today")
    (axes,) = figure.axes
    assert axes.get_title() == "Sweep today"
    assert axes.get_xlabel().startswith("accuracy in %")
    assert sorted(legend_texts(axes)) == ["test", "validation"]
    assert tick_labels(axes.get_yticklabels()) == ["model=bn_cnn", "model=mlp"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first at the top
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [list(np.asarray(line.get_xdata())) for line in diamonds] == [
        pytest.approx([98, 94]),  # of validation
        pytest.approx([97, 94]),
    ]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert list(np.asarray(dots[0].get_xdata())) == pytest.approx([99, 98, 97, 95, 93])
    heights = np.concatenate([np.asarray(line.get_ydata()) for line in (*diamonds, *dots)])
    assert sorted(set(heights)) == pytest.approx([-0.14, 0.14, 0.86, 1.14])
    bars = [bar for container in axes.containers for bar in container.lines[2][0].get_segments()]  # type: ignore[attr-defined]
    spreads = sorted(float(bar[1, 0] - bar[0, 0]) / 2 for bar in bars)
    assert spreads == pytest.approx([0, 1, 1, 2**0.5])  # samples' standard deviations
    save(figure, tmp_path)


@pytest.mark.parametrize(
    ("groups", "legend"),
    [
        ([make_group("one seed", [0.9], [0.8])], ["validation", "test"]),
        ([make_group("no validation", [], [0.8, 0.9])], ["test"]),
        (
            [make_group("without", [], [0.8]), make_group("with", [0.7], [0.8])],
            ["validation", "test"],
        ),
        ([make_group("no figures", [], [])], []),
    ],
    ids=["one seed", "no validation", "mixed", "no figures"],
)
def test_sweep_at_its_edges(
    groups: list[dict[str, Any]], legend: list[str], tmp_path: Path
) -> None:
    figure = figures.sweep(groups, "edges")
    (axes,) = figure.axes
    assert legend_texts(axes) == legend
    assert tick_labels(axes.get_yticklabels()) == [group["group"] for group in groups]
    save(figure, tmp_path)


def test_sweep_grows_with_its_groups(tmp_path: Path) -> None:
    few = [make_group("a", [0.9], [0.9])]
    many = [make_group(f"group {number}", [0.9], [0.9]) for number in range(40)]
    assert (
        save(figures.sweep(many, ""), tmp_path)[0] > 5 * save(figures.sweep(few, ""), tmp_path)[0]
    )


def test_sweep_has_room_for_long_names(tmp_path: Path) -> None:
    name = "model=deep_bn_cnn optimizer=sgd_momentum scheduler=one_cycle data.batch_size=64"
    figure = figures.sweep([make_group(name, [0.9, 0.91], [0.9, 0.92])], "long")
    save(figure, tmp_path)
    assert figure.axes[0].get_window_extent().width > 0.2 * figure.bbox.width


def test_drawing_needs_no_screen_and_leaves_no_global_figure(tmp_path: Path) -> None:
    save(figures.curves(make_epochs(2), ""), tmp_path)
    assert pyplot.get_fignums() == []
