"""MnistDataModule: parts, splits, loaders, and what it refuses."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from conftest import STANDARDIZE, FakeData
from fake_mnist import TEST_SIZE, TRAIN_SIZE, write_idx
from mnist_cnn.data import MnistDataModule, TensorBatches, build_normalization
from mnist_cnn.data.idx import read_idx
from mnist_cnn.data.mnist import stratified_sample

MakeData = Callable[..., MnistDataModule]


def file_images(fake_data: FakeData, name: str) -> Tensor:
    images = read_idx(fake_data.folder / "MNIST" / "raw" / f"{name}-images-idx3-ubyte")
    return torch.from_numpy(images.copy())[:, None]


def file_labels(fake_data: FakeData, name: str) -> Tensor:
    labels = read_idx(fake_data.folder / "MNIST" / "raw" / f"{name}-labels-idx1-ubyte")
    return torch.from_numpy(labels.copy()).long()


def numbers_in_file(images: Tensor, fake_data: FakeData) -> list[int]:
    """Which images of the training file these are; the fake ones are all different."""
    place = {image.numpy().tobytes(): n for n, image in enumerate(file_images(fake_data, "train"))}
    assert len(place) == TRAIN_SIZE
    return [place[image.numpy().tobytes()] for image in images]


def read_labels(batches: TensorBatches, epoch: int = 0) -> Tensor:
    batches.sampler.set_epoch(epoch)
    return torch.cat([labels for _, labels in batches])


def validation_loader(data: MnistDataModule) -> TensorBatches:
    loader = data.val_dataloader()
    assert isinstance(loader, TensorBatches)
    return loader


# Parts and splits


@pytest.mark.parametrize("val_split", ["stratified", "tail"])
def test_parts_have_the_documented_shapes_and_types(val_split: str, make_data: MakeData) -> None:
    data = make_data(val_size=300, val_split=val_split)
    sizes = {"train": TRAIN_SIZE - 300, "val": 300, "test": TEST_SIZE}
    for name, size in sizes.items():
        images, labels = data.part(name)
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == torch.uint8
        assert labels.shape == (size,)
        assert labels.dtype == torch.int64


@pytest.mark.parametrize("val_size", [0, 1, 333, 500, TRAIN_SIZE - 1])
@pytest.mark.parametrize("val_split", ["stratified", "tail"])
def test_training_and_validation_share_the_file_out(
    val_split: str, val_size: int, make_data: MakeData, fake_data: FakeData
) -> None:
    data = make_data(val_size=val_size, val_split=val_split)
    labels = file_labels(fake_data, "train")
    numbers = {}
    for name in ("train", "val"):
        images, own_labels = data.part(name)
        numbers[name] = numbers_in_file(images, fake_data)
        assert numbers[name] == sorted(numbers[name])
        assert torch.equal(own_labels, labels[numbers[name]])
    assert len(numbers["val"]) == val_size
    assert sorted(numbers["train"] + numbers["val"]) == list(range(TRAIN_SIZE))


def test_test_part_is_the_official_file_in_order(make_data: MakeData, fake_data: FakeData) -> None:
    images, labels = make_data().part("test")
    assert torch.equal(images, file_images(fake_data, "t10k"))
    assert torch.equal(labels, file_labels(fake_data, "t10k"))


@pytest.mark.parametrize("val_size", [7, 100, 333, 500, 1234])
def test_stratified_split_keeps_the_shares(
    val_size: int, make_data: MakeData, fake_data: FakeData
) -> None:
    counts = torch.bincount(file_labels(fake_data, "train"), minlength=10)
    exact = counts * val_size / TRAIN_SIZE
    _, labels = make_data(val_size=val_size).part("val")
    difference = torch.bincount(labels, minlength=10) - exact
    assert difference.abs().max() < 1


def test_tail_split_takes_the_last_images(make_data: MakeData, fake_data: FakeData) -> None:
    images, labels = make_data(val_size=200, val_split="tail").part("val")
    assert torch.equal(images, file_images(fake_data, "train")[-200:])
    assert torch.equal(labels, file_labels(fake_data, "train")[-200:])


def test_split_depends_on_split_seed_alone(make_data: MakeData, fake_data: FakeData) -> None:
    def split(**arguments: Any) -> list[int]:
        return numbers_in_file(make_data(**arguments).part("val")[0], fake_data)

    usual = split(seed=0, split_seed=0)
    torch.manual_seed(7)
    assert split(seed=3, split_seed=0) == usual
    assert split(seed=0, split_seed=1) != usual
    assert split(seed=0, split_seed=0, batch_size=7, normalization={"method": "column_l2"}) == usual
    assert usual != list(range(TRAIN_SIZE - 500, TRAIN_SIZE))


def test_second_setup_changes_nothing(make_data: MakeData) -> None:
    data = make_data()
    before = {name: data.part(name) for name in ("train", "val", "test")}
    data.setup("fit")
    data.setup("test")
    for name, (images, labels) in before.items():
        assert torch.equal(data.part(name)[0], images)
        assert torch.equal(data.part(name)[1], labels)


# Loaders


def test_without_validation_all_images_train(make_data: MakeData) -> None:
    data = make_data(val_size=0)
    assert data.val_dataloader() == []
    assert len(read_labels(data.train_dataloader())) == TRAIN_SIZE


def test_training_loader_shuffles_by_seed_and_epoch(make_data: MakeData) -> None:
    data = make_data(seed=1)
    _, in_order = data.part("train")
    first, second = (read_labels(data.train_dataloader(), epoch) for epoch in (0, 1))
    for order in (first, second):
        assert not torch.equal(order, in_order)
        assert torch.equal(order.sort().values, in_order.sort().values)
    assert not torch.equal(first, second)
    assert torch.equal(read_labels(make_data(seed=1).train_dataloader()), first)
    assert not torch.equal(read_labels(make_data(seed=2).train_dataloader()), first)
    assert not torch.equal(read_labels(make_data(seed=0).train_dataloader(), 1), first)


@pytest.mark.parametrize("epoch", [0, 1])
def test_evaluation_loaders_keep_the_order(epoch: int, make_data: MakeData) -> None:
    data = make_data()
    loaders = {
        "val": [validation_loader(data)],
        "test": [data.test_dataloader(), data.predict_dataloader()],
    }
    for name, own_loaders in loaders.items():
        for loader in own_loaders:
            assert torch.equal(read_labels(loader, epoch), data.part(name)[1])


@pytest.mark.parametrize("batch_size", [1, 64, 1500, 5000])
def test_training_batches_have_the_batch_size(batch_size: int, make_data: MakeData) -> None:
    loader = make_data(batch_size=batch_size).train_dataloader()
    images, labels = next(iter(loader))
    assert images.shape == (min(batch_size, 1500), 1, 28, 28)
    assert labels.shape == (min(batch_size, 1500),)
    assert len(loader) == -(-1500 // batch_size)


@pytest.mark.parametrize(
    "spec", [STANDARDIZE, {"method": "column_l2"}], ids=lambda spec: spec["method"]
)
def test_loaders_normalize(spec: dict[str, Any], make_data: MakeData) -> None:
    data = make_data(normalization=spec)
    for name, loader in (("val", validation_loader(data)), ("test", data.test_dataloader())):
        images = torch.cat([images for images, _ in loader])
        assert images.dtype == torch.float32
        assert torch.equal(images, build_normalization(spec)(data.part(name)[0]))
    assert next(iter(data.train_dataloader()))[0].dtype == torch.float32


# Images of other shapes


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 28, 28), (3, 10, 12)])
def test_images_may_have_channels(shape: tuple[int, ...], tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = {
        name: rng.integers(0, 256, (size, *shape), np.uint8)
        for name, size in (("train", 40), ("t10k", 15))
    }
    for name, own in images.items():
        write_idx(raw / f"{name}-images-idx3-ubyte", own)
        write_idx(raw / f"{name}-labels-idx1-ubyte", (np.arange(len(own)) % 11).astype(np.uint8))
    data = MnistDataModule(
        STANDARDIZE, str(tmp_path), batch_size=30, val_size=10, val_split="tail", digests={}
    )
    data.prepare_data()
    data.setup()
    full = (1, *shape)[-3:]
    assert (data.image_shape, data.num_classes) == (full, 11)
    expected = {
        "train": images["train"][:-10],
        "val": images["train"][-10:],
        "test": images["t10k"],
    }
    for name, own in expected.items():
        part, _ = data.part(name)
        assert part.dtype == torch.uint8
        np.testing.assert_array_equal(part, own.reshape(-1, *full))
    batch, _ = next(iter(data.train_dataloader()))
    assert batch.shape == (30, *full)
    assert batch.dtype == torch.float32


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0, must be a whole number of at least 1"),
        ({"batch_size": -5}, "batch_size is -5, must be a whole number"),
        ({"val_size": -1}, "val_size is -1, must be a whole number"),
        ({"val_size": TRAIN_SIZE}, "val_size is 2000, must be below the 2000 images"),
        ({"val_size": 5000}, "val_size is 5000, must be below the 2000 images"),
        ({"val_size": TRAIN_SIZE, "val_split": "tail"}, "val_size is 2000, must be below"),
        ({"val_split": "random"}, "val_split is 'random', must be one of stratified, tail"),
        ({"normalization": {"method": "whiten"}}, "normalization method 'whiten' does not exist"),
    ],
)
def test_argument_out_of_range_is_refused(
    arguments: dict[str, Any], message: str, make_data: MakeData
) -> None:
    with pytest.raises(ValueError, match=message):
        make_data(**arguments)


@pytest.mark.parametrize("name", ["train", "t10k"])
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_images_and_labels_of_different_length_are_refused(
    kind: str, name: str, own_data: FakeData, make_data: MakeData
) -> None:
    path = own_data.folder / "MNIST" / "raw" / f"{name}-{kind}-ubyte"
    write_idx(path, read_idx(path)[:-1])
    digests = {**own_data.digests, path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    with pytest.raises(ValueError, match=rf"holds \d+ {name} images and \d+ labels") as caught:
        make_data(data_dir=str(own_data.folder), digests=digests)
    assert str(path.parent) in str(caught.value)


def test_altered_file_is_refused_before_it_is_read(own_data: FakeData) -> None:
    path = own_data.folder / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    data = MnistDataModule(STANDARDIZE, str(own_data.folder), digests=own_data.digests)
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte has SHA-256"):
        data.prepare_data()
    assert path.read_bytes() == content


def test_without_digests_the_official_files_are_expected(own_data: FakeData) -> None:
    data = MnistDataModule(STANDARDIZE, str(own_data.folder))
    with pytest.raises(ValueError, match="-ubyte has SHA-256"):
        data.prepare_data()


def test_data_lie_where_torchvision_has_them(tmp_path: Path) -> None:
    data = MnistDataModule(STANDARDIZE, str(tmp_path))
    assert data.folder == tmp_path / "MNIST" / "raw"


# The stratified draw alone


@pytest.mark.parametrize("case", range(60))
def test_stratified_sample_of_random_labels(case: int) -> None:
    generator = np.random.default_rng(case)
    total = int(generator.integers(1, 400))
    classes = int(generator.integers(1, 12))
    shares = generator.dirichlet(np.full(classes, 0.5))  # some classes rare or absent
    labels = generator.choice(classes, total, p=shares)
    # The first cases are the extremes: nothing and everything.
    size = (0, total)[case] if case < 2 else int(generator.integers(0, total + 1))
    drawn = stratified_sample(labels, size, seed=case)
    assert drawn.shape == (size,)
    assert (np.diff(drawn) > 0).all()  # sorted, each once
    assert set(drawn.tolist()) <= set(range(total))
    for label in range(classes):
        exact = (labels == label).sum() * size / total
        assert np.floor(exact) <= (labels[drawn] == label).sum() <= np.ceil(exact)


def test_stratified_sample_reaches_each_image() -> None:
    labels = np.repeat(np.arange(4), [4, 12, 8, 16])
    hits = np.zeros(40)
    for seed in range(2000):
        hits[stratified_sample(labels, 10, seed)] += 1
    # Each image should be drawn in a quarter of the cases; 0.04 is four standard deviations.
    np.testing.assert_allclose(hits / 2000, 0.25, atol=0.04)


def test_stratified_sample_repeats_itself_by_seed() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 500)
    first = stratified_sample(labels, 100, seed=4)
    np.testing.assert_array_equal(stratified_sample(labels, 100, seed=4), first)
    assert not np.array_equal(stratified_sample(labels, 100, seed=5), first)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((28, 28), (2, 28, 28), r"train images of shape \(1, 28, 28\) and t10k images of \(2, 28"),
        ((784,), (784,), r"train images of shape \(40, 784\), must be \(N, H, W\)"),
        ((2, 2, 9, 9), (2, 2, 9, 9), r"train images of shape \(40, 2, 2, 9, 9\), must be"),
    ],
)
def test_images_of_wrong_shapes_are_one_line(
    train: tuple[int, ...], test: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, shape in (("train", (40, *train)), ("t10k", (15, *test))):
        write_idx(raw / f"{name}-images-idx3-ubyte", np.zeros(shape, np.uint8))
        write_idx(raw / f"{name}-labels-idx1-ubyte", np.zeros(shape[0], np.uint8))
    data = MnistDataModule(STANDARDIZE, str(tmp_path), val_size=10, digests={})
    data.prepare_data()
    with pytest.raises(ValueError, match=message) as caught:
        data.setup()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("train", np.zeros((40, 28, 28), np.uint8), r"train labels of shape \(40, 28, 28\)"),
        ("t10k", np.full(15, 7, np.uint8), "t10k label 7, but no train label above 0"),
    ],
)
def test_labels_that_are_none_are_one_line(
    name: str, labels: npt.NDArray[np.uint8], message: str, tmp_path: Path
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 40), ("t10k", 15)):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.zeros((count, 28, 28), np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.zeros(count, np.uint8))
    write_idx(raw / f"{name}-labels-idx1-ubyte", labels)
    data = MnistDataModule(STANDARDIZE, str(tmp_path), val_size=10, digests={})
    data.prepare_data()
    with pytest.raises(ValueError, match=message):
        data.setup()
