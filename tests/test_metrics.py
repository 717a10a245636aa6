"""Intervals against published values, coverage against trying every threshold."""

import pytest
import torch

from mnist_cnn.evaluation.metrics import coverage, wilson_interval


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


def naive_coverage(confidences: list[float], correct: list[bool], accuracy: float) -> float:
    best = 0.0
    for threshold in confidences:
        decided = [hit for sure, hit in zip(confidences, correct, strict=True) if sure >= threshold]
        if sum(decided) / len(decided) >= accuracy:
            best = max(best, len(decided) / len(confidences))
    return best


@pytest.mark.parametrize("levels", [3, 8, 1000], ids=["many ties", "ties", "hardly any tie"])
@pytest.mark.parametrize("count", [1, 2, 7, 40, 200])
def test_coverage_is_the_best_of_all_thresholds(count: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(count * levels)
    for _ in range(20):
        confidences = torch.randint(1, levels + 1, (count,), generator=generator).double() / levels
        correct = torch.rand(count, generator=generator) < confidences.sqrt()
        for accuracy in (0.0, 0.5, 0.75, 0.9, 0.999, 1.0):
            expected = naive_coverage(confidences.tolist(), correct.tolist(), accuracy)
            assert coverage(confidences, correct, accuracy) == expected


@pytest.mark.parametrize(
    ("confidences", "correct", "accuracy", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 1.0, 0.5),
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 0.75, 1.0),  # it may fall short in between
        ([0.9, 0.8, 0.8, 0.6], [1, 1, 0, 1], 1.0, 0.25),  # no threshold parts the two 0.8
        ([0.6, 0.8, 0.8, 0.9], [1, 0, 1, 1], 1.0, 0.25),
        ([0.9, 0.8], [0, 1], 0.999, 0.0),
        ([0.9, 0.8], [1, 1], 1.0, 1.0),
        ([0.5, 0.5], [1, 0], 0.5, 1.0),
    ],
)
def test_coverage_by_hand(
    confidences: list[float], correct: list[int], accuracy: float, expected: float
) -> None:
    assert coverage(torch.tensor(confidences), torch.tensor(correct).bool(), accuracy) == expected


def test_an_accuracy_that_is_just_reached_counts() -> None:
    confidences = torch.arange(2000).flip(0).double() / 2000
    correct = torch.ones(2000, dtype=torch.bool)
    correct[[500, 1999]] = False
    assert coverage(confidences, correct, 0.999) == 1.0  # 1998 of 2000
    correct[999] = False  # now 1997 of 2000, but 998 of the first 999
    assert coverage(confidences, correct, 0.999) == 500 / 2000
