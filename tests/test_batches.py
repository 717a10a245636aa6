"""TensorBatches: orders, shares of processes, and resumption."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mnist_cnn.data.batches import TensorBatches

SIZES = [(10, 3), (12, 4), (7, 7), (5, 8), (1, 1), (9, 1)]  # images and batch size


def halve(images: Tensor) -> Tensor:
    return images.float() / 2


def make_batches(size: int, batch_size: int, **arguments: Any) -> TensorBatches:
    # The number of an image is its label and is in its first two pixels.
    labels = torch.arange(size)
    images = torch.zeros(size, 1, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = labels % 256, labels // 256
    indices = arguments.pop("indices", torch.arange(size))
    return TensorBatches(images, labels, indices, batch_size, halve, **arguments)


def read(batches: TensorBatches, epoch: int | None = None) -> list[list[int]]:
    if epoch is not None:
        batches.sampler.set_epoch(epoch)
    return [labels.tolist() for _, labels in batches]


def flat(batches: list[list[int]]) -> list[int]:
    return [number for batch in batches for number in batch]


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize(("size", "batch_size"), SIZES)
def test_epoch_has_each_image_once(size: int, batch_size: int, seed: int | None) -> None:
    batches = make_batches(size, batch_size, seed=seed)
    for epoch in range(3):
        assert sorted(flat(read(batches, epoch))) == list(range(size))


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize(("size", "batch_size"), SIZES)
def test_all_batches_but_the_last_are_full(size: int, batch_size: int, seed: int | None) -> None:
    batches = make_batches(size, batch_size, seed=seed)
    sizes = [len(batch) for batch in read(batches)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert sizes[-1] == size - batch_size * (len(sizes) - 1)
    assert 0 < sizes[-1] <= batch_size
    assert len(batches) == len(sizes)


def test_without_seed_the_order_is_the_tensors() -> None:
    batches = make_batches(10, 4)
    for epoch in range(2):
        assert read(batches, epoch) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("seed", [None, 3])
def test_images_are_normalized_and_stay_with_their_labels(seed: int | None) -> None:
    batches = make_batches(600, 64, seed=seed)
    seen = 0
    for images, labels in batches:
        assert images.shape == (len(labels), 1, 2, 2)
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert torch.equal(images[:, 0, 0, 0], (labels % 256) / 2)
        assert torch.equal(images[:, 0, 0, 1], (labels // 256) / 2)
        seen += len(labels)
    assert seen == 600


def test_each_seed_and_epoch_has_its_own_order() -> None:
    orders = {
        (seed, epoch): tuple(flat(read(make_batches(50, 8, seed=seed), epoch)))
        for seed in range(4)
        for epoch in range(4)
    }
    # Above all, seed 1 must not see in epoch 0 what seed 0 sees in epoch 1.
    assert orders[1, 0] != orders[0, 1]
    assert len(set(orders.values())) == 16
    assert tuple(range(50)) not in orders.values()


def test_same_seed_and_epoch_repeat_the_order() -> None:
    one = make_batches(50, 8, seed=5)
    torch.manual_seed(0)
    first = read(one, 3)
    torch.manual_seed(1)
    assert read(make_batches(50, 8, seed=5), 3) == first
    read(one, 4)
    assert read(one, 3) == first


def test_shuffling_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    read(make_batches(50, 8, seed=5))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("size", "world_size"), [(12, 3), (10, 3), (11, 4), (7, 2), (2, 5)])
def test_training_shares_are_equally_long_and_cover_all(size: int, world_size: int) -> None:
    shares = [
        make_batches(size, 2, seed=1, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for epoch in range(2):
        read_shares = [read(share, epoch) for share in shares]
        lengths = [[len(batch) for batch in share] for share in read_shares]
        assert lengths == [lengths[0]] * world_size
        assert [len(share) for share in shares] == [len(lengths[0])] * world_size
        numbers = [number for share in read_shares for number in flat(share)]
        assert set(numbers) == set(range(size))
        assert len(numbers) < size + world_size


def test_training_shares_change_with_the_epoch() -> None:
    share = make_batches(40, 5, seed=1, rank=1, world_size=2)
    assert set(flat(read(share, 0))) != set(flat(read(share, 1)))


@pytest.mark.parametrize(("size", "world_size"), [(12, 3), (10, 3), (11, 4), (7, 2), (2, 5)])
def test_evaluation_shares_have_each_image_once(size: int, world_size: int) -> None:
    numbers = []
    for rank in range(world_size):
        share = make_batches(size, 2, rank=rank, world_size=world_size)
        own = read(share)
        assert len(share) == len(own)
        assert flat(own) == sorted(flat(own))
        numbers += flat(own)
    assert sorted(numbers) == list(range(size))


def interrupted_state(batches: TensorBatches, epoch: int, position: int) -> dict[str, Any]:
    """The state after `position` batches of an epoch, as a checkpoint between two steps has it."""
    batches.sampler.set_epoch(epoch)
    iterator = iter(batches)
    for _ in range(position):
        next(iterator)
    return batches.state_dict()


@pytest.mark.parametrize("epoch", [0, 3])
@pytest.mark.parametrize("position", [1, 2, 3, 4])
@pytest.mark.parametrize("arguments", [{"seed": 2}, {}, {"seed": 2, "rank": 1, "world_size": 2}])
def test_resumption_gives_exactly_the_rest(
    arguments: dict[str, Any], position: int, epoch: int
) -> None:
    size = 19 * arguments.get("world_size", 1)
    state = interrupted_state(make_batches(size, 4, **arguments), epoch, position)
    resumed = make_batches(size, 4, **arguments)
    resumed.load_state_dict(state)
    whole = read(make_batches(size, 4, **arguments), epoch)
    assert len(whole) == 5
    assert read(resumed, epoch) == whole[position:]
    next_epoch = read(make_batches(size, 4, **arguments), epoch + 1)
    assert read(resumed, epoch + 1) == next_epoch


def test_resumption_works_when_the_epoch_is_set_after_iter() -> None:
    # Lightning makes the iterator first and announces the epoch then.
    state = interrupted_state(make_batches(19, 4, seed=2), 3, 2)
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(state)
    iterator = iter(resumed)
    resumed.sampler.set_epoch(3)
    rest = [labels.tolist() for _, labels in iterator]
    assert rest == read(make_batches(19, 4, seed=2), 3)[2:]


def test_resumed_loader_can_be_resumed_again() -> None:
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(interrupted_state(make_batches(19, 4, seed=2), 1, 1))
    again = make_batches(19, 4, seed=2)
    again.load_state_dict(interrupted_state(resumed, 1, 2))
    assert read(again, 1) == read(make_batches(19, 4, seed=2), 1)[3:]


@pytest.mark.parametrize("position", [3, 5])
def test_resumption_at_an_epochs_end_starts_the_next_in_full(position: int) -> None:
    # 3 of 5: an epoch cut by limit_train_batches is over too.
    state = interrupted_state(make_batches(19, 4, seed=2), 0, position)
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(state)
    assert read(resumed, 1) == read(make_batches(19, 4, seed=2), 1)


def test_state_before_the_first_batch_resumes_in_full() -> None:
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(make_batches(19, 4, seed=2).state_dict())
    assert read(resumed, 0) == read(make_batches(19, 4, seed=2), 0)


@pytest.mark.parametrize("position", [3, 5])
def test_state_saved_when_the_next_epoch_has_begun_resumes_it_in_full(position: int) -> None:
    # Such as by a callback's on_train_epoch_start, before the epoch's first batch.
    batches = make_batches(19, 4, seed=2)
    interrupted_state(batches, 0, position)
    batches.sampler.set_epoch(1)
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(batches.state_dict())
    assert read(resumed, 1) == read(make_batches(19, 4, seed=2), 1)


def test_state_saved_right_after_resumption_keeps_the_position() -> None:
    resumed = make_batches(19, 4, seed=2)
    resumed.load_state_dict(interrupted_state(make_batches(19, 4, seed=2), 1, 2))
    resumed.sampler.set_epoch(1)
    again = make_batches(19, 4, seed=2)
    again.load_state_dict(resumed.state_dict())
    assert read(again, 1) == read(make_batches(19, 4, seed=2), 1)[2:]


@pytest.mark.parametrize("taken", [0, 2, 5])
def test_second_iteration_starts_from_the_beginning(taken: int) -> None:
    batches = make_batches(19, 4, seed=2)
    interrupted_state(batches, 0, taken)
    whole = read(make_batches(19, 4, seed=2), 0)
    assert read(batches) == whole
    assert read(batches) == whole


def test_abandoned_iteration_does_not_disturb_the_next_epoch() -> None:
    batches = make_batches(19, 4, seed=2)
    interrupted_state(batches, 0, 2)
    assert read(batches, 1) == read(make_batches(19, 4, seed=2), 1)


@pytest.mark.parametrize("other", [2, 3, 8])
def test_resumption_with_another_number_of_batches_is_refused(other: int) -> None:
    state = interrupted_state(make_batches(19, 4, seed=2), 0, 2)
    with pytest.raises(
        ValueError, match="within an epoch of 5 batches of 4, this run has"
    ) as caught:
        make_batches(19, other, seed=2).load_state_dict(state)
    assert "resume with that run's data settings" in str(caught.value)


def test_resumption_with_another_batch_size_is_refused() -> None:
    state = interrupted_state(make_batches(10, 6, seed=2), 0, 1)
    other = make_batches(10, 9, seed=2)
    assert len(other) == state["length"]  # two batches either way, cut at different images
    with pytest.raises(ValueError, match="resume with that run's data settings"):
        other.load_state_dict(state)


def test_number_of_batches_may_change_between_epochs() -> None:
    state = interrupted_state(make_batches(19, 4, seed=2), 0, 5)
    other = make_batches(19, 2, seed=2)
    other.load_state_dict(state)
    assert read(other, 1) == read(make_batches(19, 2, seed=2), 1)


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("seed", [None, 4])
def test_only_the_images_of_the_indices_are_used(seed: int | None, world_size: int) -> None:
    chosen = [8, 1, 5, 30, 2, 3]
    seen = []
    for rank in range(world_size):
        shares = {"seed": seed, "rank": rank, "world_size": world_size}
        batches = make_batches(40, 2, indices=torch.tensor(chosen), **shares)
        seen += flat(read(batches, epoch=1))
    assert sorted(seen) == sorted(chosen)
    assert (seen == chosen) == (seed is None and world_size == 1)


def noise(images: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 256, images.shape, generator=generator)


def test_augmentation_differs_by_seed_epoch_process_and_batch_and_repeats() -> None:
    def augmented(epoch: int = 0, rank: int = 0, seed: int = 1) -> list[Tensor]:
        batches = make_batches(40, 5, augment=noise, seed=seed, rank=rank, world_size=2)
        batches.sampler.set_epoch(epoch)
        return [images for images, _ in batches]

    first = augmented()
    assert all(map(torch.equal, first, augmented()))
    others = [*first[1:], *augmented(epoch=1), *augmented(rank=1), *augmented(seed=2)]
    assert not any(torch.equal(first[0], other) for other in others)


def test_a_resumed_epoch_goes_on_with_the_same_augmentation() -> None:
    whole = make_batches(12, 4, augment=noise, seed=1)
    images = [batch for batch, _ in whole]
    cut = make_batches(12, 4, augment=noise, seed=1)
    next(iter(cut))
    rest = make_batches(12, 4, augment=noise, seed=1)
    rest.load_state_dict(cut.state_dict())
    assert all(map(torch.equal, images[1:], [batch for batch, _ in rest]))


@pytest.mark.parametrize("epoch", range(4))
def test_only_so_many_epochs_are_augmented(epoch: int) -> None:
    plain = make_batches(12, 4, seed=1)
    augmented = make_batches(12, 4, augment=noise, seed=1)
    stopping = make_batches(12, 4, augment=noise, augmented_epochs=2, seed=1)
    for batches in (plain, augmented, stopping):
        batches.sampler.set_epoch(epoch)
    expected = augmented if epoch < 2 else plain
    for (seen, _), (wanted, _) in zip(stopping, expected, strict=True):
        assert torch.equal(seen, wanted)
