"""MNIST as a LightningDataModule."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning import LightningDataModule
from torch import Tensor

from mnist_cnn.data.augmentation import Augmentation, unchanged
from mnist_cnn.data.batches import TensorBatches
from mnist_cnn.data.idx import read_idx
from mnist_cnn.data.normalization import build_normalization
from mnist_cnn.data.sources import MNIST_SHA256, provide_files

VAL_SPLITS = ("stratified", "tail")
EVAL_BATCH_SIZE = 250  # fastest of 100 to 2000 for most of the networks on a CPU


class MnistDataModule(LightningDataModule):
    """MNIST: 60,000 images to train and validate with, the official 10,000 to test with.

    With other `digests` it is any data set that comes as four such files, of images (N, H, W) or
    (N, C, H, W). The images stay one uint8 tensor, on a CPU the mapped file itself, on a GPU a copy
    there; batches are indexed, converted and normalised as a whole on the training device. Training
    is shuffled; validation and test never are. The validation part is taken from the 60,000, the
    same one for every `seed`.

    Args:
        normalization: The normalisation's description, see `build_normalization`.
        data_dir: Folder of the files, which lie in `MNIST/raw` below it as torchvision has them.
        batch_size: Training images per step and process.
        val_size: Images taken for validation; 0 trains on all.
        val_split: "stratified" draws them at random with the shares of the classes kept, "tail"
            takes the last ones of the file, as Keras' `validation_split` does.
        split_seed: Of the stratified draw.
        seed: Of the training order.
        digests: File name → SHA-256 of its content; None stands for the official files, an empty
            one for files that were made here, which are taken as they are.
        augment: Changes each training batch, see `data.augmentation`.
        plain_epochs: The last epochs of a training, which are not augmented.

    Attributes:
        image_shape: (C, H, W) of the images, once `setup` has read them.
        num_classes: One more than the highest training label, likewise.

    Raises:
        ValueError: An argument is out of range.
    """

    image_shape: tuple[int, int, int]
    num_classes: int

    def __init__(
        self,
        normalization: Mapping[str, Any],
        data_dir: str = "data",
        batch_size: int = 100,
        val_size: int = 5000,
        val_split: str = "stratified",
        split_seed: int = 0,
        seed: int = 0,
        digests: Mapping[str, str] | None = None,
        augment: Augmentation = unchanged,
        plain_epochs: int = 0,
    ) -> None:
        super().__init__()
        _check_whole("batch_size", batch_size, at_least=1, remedy="try 100")
        _check_whole("val_size", val_size, at_least=0, remedy="0 means no validation")
        _check_whole("split_seed", split_seed, at_least=0, remedy="try 0")
        _check_whole("seed", seed, at_least=0, remedy="try 1")
        _check_whole("plain_epochs", plain_epochs, at_least=0, remedy="0 augments all epochs")
        if digests and digests.keys() != MNIST_SHA256.keys():
            raise ValueError(
                f"digests name {', '.join(digests)}, must name {', '.join(MNIST_SHA256)} or nothing"
            )
        if val_split not in VAL_SPLITS:
            raise ValueError(f"val_split is {val_split!r}, must be one of {', '.join(VAL_SPLITS)}")
        self.save_hyperparameters(ignore=["augment", "plain_epochs"], logger=False)
        self.normalize, self.augment = build_normalization(normalization), augment
        self.folder = Path(data_dir, "MNIST", "raw")
        self.batch_size, self.val_size, self.val_split = batch_size, val_size, val_split
        self.split_seed, self.seed, self.plain_epochs = split_seed, seed, plain_epochs
        self.digests = dict(MNIST_SHA256 if digests is None else digests)
        self._parts: dict[str, tuple[Tensor, Tensor, Tensor]] = {}  # images, labels, indices

    def prepare_data(self) -> None:
        """Fetches missing files and checks all; see `provide_files` for its errors.

        Raises:
            FileNotFoundError: A file without a digest is missing: nobody else has it.
        """
        provide_files(self.folder, self.digests)
        missing = [name for name in MNIST_SHA256 if not (self.folder / name).exists()]
        if missing:
            raise FileNotFoundError(
                f"{self.folder} lacks {', '.join(missing)}, which were to be made here; "
                "python simulate.py makes those of data=photos"
            )

    def setup(self, stage: str | None = None) -> None:
        """Reads the files and splits them, once.

        Raises:
            ValueError: A file is no proper IDX file, or `val_size` leaves nothing to train on.
        """
        if self._parts:
            return
        images, labels = self._read("train")
        if self.val_size >= len(images):
            raise ValueError(
                f"val_size is {self.val_size}, must be below the {len(images)} images there are; "
                "try 5000"
            )
        test = self._read("t10k")
        if test[0].shape[1:] != images.shape[1:]:
            raise ValueError(
                f"{self.folder} holds train images of shape {tuple(images.shape[1:])} and t10k "
                f"images of {tuple(test[0].shape[1:])}, must be alike; replace them by the files "
                "of one data set"
            )
        _, channels, height, width = images.shape
        self.image_shape = (channels, height, width)
        self.num_classes = int(labels.max()) + 1
        if len(test[1]) and int(test[1].max()) >= self.num_classes:
            raise ValueError(
                f"{self.folder} holds a t10k label {int(test[1].max())}, but no train label above "
                f"{self.num_classes - 1}; replace them by the files of one data set"
            )
        train, val = self._split(labels.numpy())
        self._parts = {
            "train": (images, labels, train),
            "val": (images, labels, val),
            "test": (*test, torch.arange(len(test[1]))),
        }

    def part(self, name: str, first: int | None = None) -> tuple[Tensor, Tensor]:
        """The images (N, C, H, W), uint8, and labels (N,), int64, of a part, in file order.

        Args:
            name: "train", "val" or "test".
            first: At most so many of them; None for all.
        """
        images, labels, indices = self._parts[name]
        return images[indices[:first]], labels[indices[:first]]

    def train_dataloader(self) -> TensorBatches:
        """Shuffled batches of the training part, augmented but in the last `plain_epochs`.

        Raises:
            ValueError: There are to be plain epochs, but the training has no end.
        """
        batches = self._batches("train", self.batch_size, self.seed)
        batches.augment = self.augment
        if self.plain_epochs and self.trainer is not None:
            epochs = self.trainer.max_epochs
            if epochs is None or epochs < 0:
                raise ValueError(
                    f"plain_epochs is {self.plain_epochs} and max_epochs {epochs}, must be 0 "
                    "without an end; set trainer.max_epochs"
                )
            batches.augmented_epochs = epochs - self.plain_epochs
        return batches

    def val_dataloader(self) -> TensorBatches | list[TensorBatches]:
        """Batches of the validation part in file order; no loader where there is no such part."""
        return self._batches("val", EVAL_BATCH_SIZE) if self.val_size else []

    def test_dataloader(self) -> TensorBatches:
        """Batches of the official test images in file order."""
        return self._batches("test", EVAL_BATCH_SIZE)

    def predict_dataloader(self) -> TensorBatches:
        """The test images again: what `Trainer.predict` predicts."""
        return self.test_dataloader()

    def _batches(self, name: str, batch_size: int, seed: int | None = None) -> TensorBatches:
        images, labels, indices = self._parts[name]
        rank, world_size = 0, 1
        if self.trainer is not None:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
            device = self.trainer.strategy.root_device
            if device.type != "cpu":
                images, labels = images[indices].to(device), labels[indices].to(device)
                indices = torch.arange(len(indices))
        return TensorBatches(
            images,
            labels,
            indices,
            batch_size,
            self.normalize,
            seed=seed,
            rank=rank,
            world_size=world_size,
        )

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        images = read_idx(self.folder / f"{name}-images-idx3-ubyte")
        labels = read_idx(self.folder / f"{name}-labels-idx1-ubyte")
        if len(images) != len(labels):
            raise ValueError(
                f"{self.folder} holds {len(images)} {name} images and {len(labels)} labels, must "
                "be as many; replace the two files by copies of one data set"
            )
        if labels.ndim != 1:
            raise ValueError(
                f"{self.folder} holds {name} labels of shape {labels.shape}, must be (N,); replace "
                "them by the labels of the images"
            )
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{self.folder} holds {name} images of shape {images.shape}, must be (N, H, W) or "
                "(N, C, H, W); replace them by the files of a data set of images"
            )
        if images.ndim == 3:  # grey, without a dimension for channels, as MNIST's are
            images = images[:, None]
        with warnings.catch_warnings():
            # Of writing to the mapped file, which nobody does: batches and parts are copies.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(images), torch.from_numpy(labels).long()

    def _split(self, labels: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        if self.val_split == "tail":
            val = np.arange(len(labels) - self.val_size, len(labels))
        else:
            val = stratified_sample(labels, self.val_size, self.split_seed)
        train = np.setdiff1d(np.arange(len(labels)), val)
        return torch.from_numpy(train), torch.from_numpy(val)


def _check_whole(name: str, value: object, *, at_least: int, remedy: str) -> None:
    if not isinstance(value, int) or value < at_least:
        raise ValueError(
            f"{name} is {value!r}, must be a whole number of at least {at_least}; {remedy}"
        )


def stratified_sample(labels: npt.NDArray[np.int64], size: int, seed: int) -> npt.NDArray[np.int64]:
    """Draws `size` indices at random so that each class keeps its share.

    Args:
        labels: (N,), the classes.
        size: How many to draw, at most N.
        seed: Of the draw.

    Returns:
        (size,), the indices, sorted. A class has its exact share rounded down or up.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    # A stable sort by class, then every k-th element of that row: each class gets its share, and
    # which of its images are hit was left to the shuffle.
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    hits = (np.arange(size) * len(labels)) // max(size, 1)
    return np.sort(by_class[hits])
