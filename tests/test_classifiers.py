"""A user's own network as a classifier: what it is given, what it gives, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.optim import SGD

from conftest import STANDARDIZE, train_checkpoint
from fake_mnist import write_idx
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.models import Mlp
from mnist_cnn.prediction import checkpoint_classifier
from mnist_cnn.schedulers import constant

Pixels = npt.NDArray[np.uint8]
Train = Callable[..., Path]
VIEWS = np.random.default_rng(0).integers(0, 256, (7, 2, 28, 28), np.uint8)


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Trains a network for one step on images of a shape; returns its checkpoint."""

    def train(
        shape: tuple[int, int, int], classes: int = 11, normalization: dict[str, Any] = STANDARDIZE
    ) -> Path:
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        images = np.random.default_rng(0).integers(0, 256, (30, *shape), np.uint8)
        for name in ("train", "t10k"):
            write_idx(raw / f"{name}-images-idx3-ubyte", images)
            write_idx(raw / f"{name}-labels-idx1-ubyte", (np.arange(30) % classes).astype(np.uint8))
        data = MnistDataModule(normalization, str(tmp_path), val_size=1, digests={})
        torch.manual_seed(0)
        model = Mlp(
            shape,
            classes,
            optimizer=lambda parameters: SGD(parameters, lr=0.1),
            scheduler=constant,
        )
        return train_checkpoint(model, data, tmp_path, max_steps=1)

    return train


@pytest.mark.parametrize("normalization", [STANDARDIZE, {"method": "column_l2"}])
@pytest.mark.parametrize("classes", [10, 11])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_network_sees_as_many_channels_as_it_was_trained_with(
    channels: int, classes: int, normalization: dict[str, Any], train: Train
) -> None:
    path = train((channels, 28, 28), classes, normalization)
    rows = checkpoint_classifier(path)(VIEWS)
    assert rows.shape == (len(VIEWS), classes)
    assert rows.dtype == np.float32
    normalize = build_normalization(normalization)
    with torch.inference_mode():
        logits = load_checkpoint(path).model(normalize(torch.tensor(VIEWS[:, :channels])))
    np.testing.assert_allclose(rows, logits.softmax(dim=1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2])
def test_surroundings_matter_to_a_network_that_sees_them(channels: int, train: Train) -> None:
    classify = checkpoint_classifier(train((channels, 28, 28)))
    others = VIEWS.copy()
    others[:, 1] = 255 - others[:, 1]
    assert (classify(others) == classify(VIEWS)).all() == (channels == 1)


def test_views_are_not_modified(train: Train) -> None:
    views = VIEWS.copy()
    checkpoint_classifier(train((2, 28, 28)))(views)
    np.testing.assert_array_equal(views, VIEWS)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((3, 28, 28), 10), ((2, 28, 27), 11), ((1, 32, 32), 10), ((2, 28, 28), 9)],
)
def test_a_network_of_other_images_is_refused(
    shape: tuple[int, int, int], classes: int, train: Train
) -> None:
    path = train(shape, classes)
    with pytest.raises(ValueError, match=f"is for {classes} classes of images") as caught:
        checkpoint_classifier(path)
    for text in (str(path), str(shape), "(1, 28, 28)", "(2, 28, 28)"):
        assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.ckpt"):
        checkpoint_classifier(tmp_path / "missing.ckpt")
