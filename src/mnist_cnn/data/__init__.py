"""MNIST: from files on the disk to normalised batches on the training device."""

from mnist_cnn.data.augmentation import Chain, Cutout, Warp, unchanged
from mnist_cnn.data.batches import TensorBatches
from mnist_cnn.data.mnist import MnistDataModule
from mnist_cnn.data.normalization import Normalization, build_normalization

__all__ = [
    "Chain",
    "Cutout",
    "MnistDataModule",
    "Normalization",
    "TensorBatches",
    "Warp",
    "build_normalization",
    "unchanged",
]
