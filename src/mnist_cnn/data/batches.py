"""A loader that cuts tensors into batches, whole batches at a time.

The stock DataLoader fetches images one by one, which costs more than training on them does. This
one indexes a tensor once per batch. It can be resumed in the middle of an epoch and shared out over
processes, which the stock one can't.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from mnist_cnn.data.augmentation import Augmentation, unchanged
from mnist_cnn.data.normalization import Normalization


class EpochOrder:
    """Which images one process sees in an epoch, and in which order.

    Without a seed: all images in file order, each exactly once over all processes. With one: a
    new permutation for each epoch; where they don't divide evenly, some processes also get an image
    of another's, since training processes must take the same number of steps.

    Args:
        size: Number of images.
        seed: Of the permutations; None keeps the file order.
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(self, size: int, seed: int | None, rank: int, world_size: int) -> None:
        self.size, self.seed, self.rank, self.world_size = size, seed, rank, world_size
        self.epoch = 0

    def __len__(self) -> int:
        if self.seed is None:
            return len(range(self.rank, self.size, self.world_size))
        return math.ceil(self.size / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def indices(self) -> Tensor:
        """The indices of this process and epoch: (len(self),), int64."""
        if self.seed is None:
            return torch.arange(self.size)[self.rank :: self.world_size]
        # Both numbers seed the generator: their sum would give seed 1 the epochs of seed 0.
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        even = np.resize(order, len(self) * self.world_size)  # starts over where it is too short
        return torch.from_numpy(even[self.rank :: self.world_size].copy())


class TensorBatches:
    """Yields batches `(images, labels)` of two tensors, on the tensors' device.

    Args:
        images: (N, C, H, W), uint8.
        labels: (N,), int64.
        indices: (M,), int64: of the images to use.
        batch_size: Images in a batch; the last one of an epoch may be smaller.
        normalize: Makes float images of a batch.
        augment: Changes a batch before it is normalised; see `data.augmentation`.
        augmented_epochs: So many epochs are augmented, the others are not; None: all are.
        seed: Shuffles and augments by this seed, anew for each epoch; None keeps the order.
        rank: Number of this process.
        world_size: Number of processes that share the images.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        indices: Tensor,
        batch_size: int,
        normalize: Normalization,
        *,
        augment: Augmentation = unchanged,
        augmented_epochs: int | None = None,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.images, self.labels, self.indices = images, labels, indices
        self.batch_size = batch_size
        self.augment, self.normalize = augment, normalize
        self.augmented_epochs = augmented_epochs
        # Lightning looks for these two names, to announce each epoch and to tell shuffled loaders.
        self.sampler = EpochOrder(len(self.indices), seed, rank, world_size)
        self.batch_sampler = None
        self._epoch, self._position = 0, 0  # batches handed out in the epoch that was begun last
        self._resuming = False

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        start = self._position_in_epoch() if self._resuming else 0
        self._epoch, self._position, self._resuming = self.sampler.epoch, start, False
        order = self.indices[self.sampler.indices()].to(self.images.device)
        batches = torch.split(order, self.batch_size)
        plain = self.augmented_epochs is not None and self._epoch >= self.augmented_epochs
        augment = unchanged if plain else self.augment
        generator = Generator(self.images.device)
        for index in range(start, len(self)):
            # Counted before it is handed out: a checkpoint is saved behind the step on it.
            self._position = index + 1
            chosen = batches[index]
            if augment is not unchanged:  # each seed takes longer than fetching the images
                generator.manual_seed(self._augmentation_seed(index))
            # Ten times as fast as images[chosen], which treats each byte by itself.
            images = augment(self.images.index_select(0, chosen), generator)
            yield self.normalize(images), self.labels[chosen]

    def state_dict(self) -> dict[str, Any]:
        """Where in which epoch the loader is; goes into Lightning's checkpoint."""
        return {
            "epoch": self.sampler.epoch,
            "position": self._position_in_epoch(),
            "batch_size": self.batch_size,
            "length": len(self),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on behind the last batch that was handed out, if its epoch isn't over.

        Raises:
            ValueError: The batches have another size or number than when the state was saved.
        """
        saved, now = (state["batch_size"], state["length"]), (self.batch_size, len(self))
        if 0 < state["position"] < state["length"] and saved != now:
            raise ValueError(
                f"the checkpoint was saved within an epoch of {saved[1]} batches of {saved[0]}, "
                f"this run has {now[1]} batches of {now[0]}; resume with that run's data settings"
            )
        self._epoch, self._position = state["epoch"], state["position"]
        self._resuming = True

    def _augmentation_seed(self, index: int) -> int:
        """Of a batch: the same in a resumed run, another in each process."""
        order = self.sampler
        seeds = np.random.SeedSequence([order.seed or 0, order.epoch, order.rank, index])
        return int(seeds.generate_state(1, np.uint64)[0] >> 1)  # torch's are signed

    def _position_in_epoch(self) -> int:
        return self._position if self._epoch == self.sampler.epoch else 0
