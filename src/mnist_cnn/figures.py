"""Every picture the project draws. Functions from plain arrays to matplotlib figures.

No pyplot: it keeps global state and wants a screen. A figure is saved with its own `savefig`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

Images = npt.NDArray[np.uint8]


def digits(images: Images, titles: Sequence[str], *, columns: int = 10, title: str = "") -> Figure:
    """Images in a grid, each under its title.

    Args:
        images: (N, C, H, W), uint8; 3 channels are colours, others stand side by side.
        titles: N texts.
        columns: Images in a row.
        title: Of the whole picture.
    """
    columns = max(1, min(columns, len(images)))
    rows = max(1, -(-len(images) // columns))
    lines = 1 + max((text.count("\n") for text in titles), default=0)
    # In inches, on axes as large as the picture: an image each on axes of its own take a second.
    side, gap, above, top = 1.1, 0.06, 0.08 + 0.16 * lines, 0.4 if title else 0.0
    width = max(columns * (side + gap), 4.0)
    height = top + rows * (above + side + gap)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = (width - columns * (side + gap) + gap) / 2
    for index, (image, text) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(index, columns)
        x, y = left + column * (side + gap), height - top - (row + 1) * (above + side + gap) + gap
        picture = image.transpose(1, 2, 0) if len(image) == 3 else np.hstack(image)
        tall, wide = (side * length / max(picture.shape[:2]) for length in picture.shape[:2])
        extent = (x, x + wide, y + side - tall, y + side)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto")
        axes.text(x + side / 2, y + side + 0.02, text, fontsize=9, ha="center", va="bottom")
    axes.set(xlim=(0, width), ylim=(0, height))
    if title:
        figure.suptitle(title, y=1 - top / 2 / height, verticalalignment="center")
    return figure


def confusion_matrix(matrix: npt.NDArray[np.int64], title: str) -> Figure:
    """Counts by true (rows) and predicted class (columns).

    Args:
        matrix: (K, K), counts.
        title: Of the picture.
    """
    classes = range(len(matrix))
    figure = Figure(figsize=(6.4, 6.2), layout="constrained")
    axes = figure.add_subplot()
    # The diagonal is a hundred times the rest, so the colour leaves it out.
    mistakes = matrix * (1 - np.eye(len(matrix)))
    shares = mistakes / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Reds")
    for row in classes:
        for column in classes:
            if matrix[row, column]:
                axes.text(
                    column,
                    row,
                    str(matrix[row, column]),
                    ha="center",
                    va="center",
                    fontsize=9,
                    weight="bold" if row == column else "normal",
                    color="white" if shares[row, column] > shares.max() / 2 else "black",
                )
    axes.set(
        xticks=classes,
        yticks=classes,
        xlabel="predicted\n(red: mistakes, by their share of the row)",
        ylabel="true",
        title=title,
    )
    return figure


def curves(epochs: Sequence[dict[str, float]], title: str) -> Figure:
    """Loss and accuracy of training and validation over the epochs.

    Args:
        epochs: One row per epoch, with `epoch`, `train/loss`, `train/accuracy` and, where there
            was validation, `val/loss`, `val/accuracy` (as fractions).
        title: Of the whole picture.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    numbers = [row["epoch"] for row in epochs]
    for position, metric in enumerate(("loss", "accuracy"), start=1):
        axes = figure.add_subplot(1, 2, position)
        for part, name in (("train", "training"), ("val", "validation")):
            values = [row.get(f"{part}/{metric}", float("nan")) for row in epochs]
            if not np.isnan(values).all():
                axes.plot(numbers, values, marker="o", markersize=3, label=name)
        axes.set(xlabel="epoch", ylabel=metric, title=f"{metric} by epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        if metric == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    return figure


def sweep(groups: Sequence[dict[str, Any]], title: str) -> Figure:
    """Accuracy of each group of a sweep: a dot per seed, mean ± standard deviation.

    Args:
        groups: Best first, each with `group` (its name), and lists `val/accuracy` and
            `test/accuracy` of fractions, one per seed.
        title: Of the picture.
    """
    figure = Figure(figsize=(9, 1.6 + 0.55 * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for metric, name, colour, offset in (
        ("val/accuracy", "validation", "tab:blue", -0.14),
        ("test/accuracy", "test", "tab:orange", 0.14),
    ):
        measured = [  # (place, percentages by seed)
            (place + offset, 100 * np.array(group[metric], float))
            for place, group in enumerate(groups)
            if len(group[metric])
        ]
        if not measured:
            continue
        places = [place for place, _ in measured]
        means = [values.mean() for _, values in measured]
        spreads = [values.std(ddof=1) if len(values) > 1 else 0 for _, values in measured]
        axes.errorbar(
            means, places, xerr=spreads, fmt="D", color=colour, markersize=6, capsize=4, label=name
        )
        seeds = np.concatenate([values for _, values in measured])
        heights = np.repeat(places, [len(values) for _, values in measured])
        axes.plot(seeds, heights, "o", color=colour, markersize=3, alpha=0.5)
    axes.set(
        yticks=range(len(groups)),
        yticklabels=[group["group"] for group in groups],
        xlabel="accuracy in % (diamond: mean ± standard deviation, dots: seeds)",
        title=title,
    )
    axes.set_ylim(len(groups) - 0.5, -0.5)  # the first at the top
    axes.grid(axis="x", alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    return figure
