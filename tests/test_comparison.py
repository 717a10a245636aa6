"""Grouping by recipe and the paired comparison, on plain data."""

import math
import random
import statistics
from typing import Any

import pytest

from mnist_cnn.comparison import (
    compare_groups,
    format_comparisons,
    format_groups,
    group_jobs,
    student_quantile,
)

Job = dict[str, Any]


def make_job(overrides: str, val: float | None, test: float | None, sweep: str = "sweep") -> Job:
    """A finished job, whose seed is 1 where the overrides don't say it."""
    settings = overrides.split()
    seeds = [int(text.removeprefix("seed=")) for text in settings if text.startswith("seed=")]
    figures = {"val/accuracy": val, "test/accuracy": test, "test/loss": 0.1, "epochs": 3}
    return {
        "sweep": sweep,
        "job": overrides.replace(" ", ","),
        "overrides": settings,
        "parameters": 954_002,
        "seed": (seeds or [1])[0],
        "train_seconds": 12.5,
    } | {name: value for name, value in figures.items() if value is not None}


def make_runs(recipe: str, accuracies: dict[int, float], sweep: str = "sweep") -> list[Job]:
    """A job per seed, none with validation."""
    return [
        make_job(f"{recipe} seed={seed}".strip(), None, accuracy, sweep)
        for seed, accuracy in accuracies.items()
    ]


def names(jobs: list[Job]) -> list[str]:
    return [group["group"] for group in group_jobs(jobs)]


def test_groups_are_ranked_by_validation_not_by_test() -> None:
    jobs = [
        make_job("lr=1", 0.90, 0.99),
        make_job("lr=2", 0.92, 0.90),
        make_job("lr=3", None, 0.999),
        {"sweep": "sweep", "job": "3", "overrides": ["lr=4"], "error": "boom"},
        make_job("lr=5", 0.91, 0.95),
        make_job("lr=6", None, 0.5),
        make_job("lr=7", 0.0, 0.1),
    ]
    assert names(jobs) == ["lr=2", "lr=5", "lr=1", "lr=7", "lr=3", "lr=6", "lr=4"]


def test_groups_are_ranked_by_their_mean() -> None:
    jobs = [
        make_job("lr=1 seed=1", 0.99, 0.9),
        make_job("lr=1 seed=2", 0.91, 0.9),
        make_job("lr=2 seed=1", 0.96, 0.9),
        make_job("lr=2 seed=2", 0.96, 0.9),
    ]
    assert names(jobs) == ["lr=2", "lr=1"]


def test_settings_that_merely_contain_the_word_seed_make_groups() -> None:
    assert len(names([make_job(f"data.split_seed={seed}", 0.9, 0.9) for seed in range(2)])) == 2


def test_a_sweep_over_seeds_alone_is_one_group() -> None:
    (group,) = group_jobs(make_runs("model=mlp", {0: 0.9, 1: 0.8, 2: 0.7}))
    assert (group["group"], group["runs"]) == ("all runs", 3)


def test_the_order_of_typing_makes_no_groups() -> None:
    jobs = [
        make_job("lr=1 model=mlp seed=1", 0.9, 0.9),
        make_job("model=mlp seed=2 lr=1", 0.9, 0.9),
        make_job("lr=2 model=bn_cnn seed=1", 0.8, 0.9),
    ]
    assert names(jobs) == ["lr=1 model=mlp", "lr=2 model=bn_cnn"]


def test_a_recipe_without_settings_of_its_own_says_so() -> None:
    jobs = make_runs("optimizer=adam", {1: 0.9}, "a") + make_runs("", {1: 0.9}, "b")
    assert names(jobs) == ["optimizer=adam", "no other settings"]


def test_sweeps_of_one_recipe_are_told_apart_by_their_folders() -> None:
    before = make_runs("model=mlp", {1: 0.9, 2: 0.9}, "a/before")
    after = make_runs("model=mlp", {1: 0.8, 2: 0.8}, "a/after")
    other = make_runs("model=bn_cnn", {1: 0.7}, "a/after")
    groups = group_jobs(before + after)
    assert [(group["group"], group["runs"]) for group in groups] == [
        ("a/before", 2),
        ("a/after", 2),
    ]
    assert names(before + after + other) == [
        "a/before model=mlp",
        "a/after model=mlp",
        "model=bn_cnn",
    ]


def test_failed_jobs_of_one_recipe_are_told_apart_by_their_folders() -> None:
    jobs = [
        {"sweep": sweep, "job": "0", "overrides": ["seed=1"], "error": "boom"} for sweep in "ab"
    ]
    assert [group["group"] for group in group_jobs([*jobs, make_job("", 0.9, 0.9, "c")])] == [
        "all runs",
        "a seed=1",
        "b seed=1",
    ]


def test_a_single_run_on_top_is_no_yardstick() -> None:
    groups = group_jobs(
        make_runs("lr=9", {1: 0.999})
        + make_runs("lr=1", {1: 0.97, 2: 0.98})
        + make_runs("lr=2", {1: 0.98, 2: 0.99})
    )
    assert groups[0]["group"] == "lr=9"
    (row,) = compare_groups(groups)
    assert {row["first"], row["group"]} == {"lr=1", "lr=2"}


def test_a_first_group_with_seeds_of_its_own_is_no_yardstick() -> None:
    groups = group_jobs(
        make_runs("lr=9", {11: 0.99, 12: 0.99})
        + make_runs("lr=1", {1: 0.98, 2: 0.98})
        + make_runs("lr=2", {1: 0.97, 2: 0.97})
    )
    assert groups[0]["group"] == "lr=9"
    (row,) = compare_groups(groups)
    assert (row["first"], row["group"]) == ("lr=1", "lr=2")


def test_a_resumed_run_is_one_of_its_recipe() -> None:
    runs = make_runs("lr=1", {1: 0.97, 2: 0.98}) + make_runs("lr=2", {1: 0.96, 2: 0.95})
    resumed = make_runs("lr=1", {3: 0.99})
    resumed[0]["overrides"].append("ckpt_path=outputs/runs/TIME/checkpoints/last.ckpt")
    assert [group["runs"] for group in group_jobs(runs + resumed)] == [3, 2]


def test_a_loss_that_is_no_number_is_shown_as_such() -> None:
    groups = group_jobs(make_runs("lr=1", {1: 0.97, 2: 0.98}))
    for loss in (math.nan, math.inf):
        groups[0]["test/loss"] = [0.1, loss]
        assert f"| {loss:.4f} ± nan |" in format_groups(groups)


# From printed tables of the distribution, to as many digits as they have.
QUANTILES = {1: 12.706205, 2: 4.302653, 4: 2.776445, 9: 2.262157, 29: 2.045230, 1000: 1.962339}


@pytest.mark.parametrize(("freedom", "quantile"), QUANTILES.items())
def test_students_quantile(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=1e-6)


@pytest.mark.parametrize("number", [2, 3, 10])
def test_the_interval_is_that_of_a_paired_t_test(number: int) -> None:
    draw = random.Random(number)
    first, other = ([draw.gauss(0.98, 0.003) for _ in range(number)] for _ in range(2))
    groups = group_jobs(
        make_runs("lr=1", dict(enumerate(first)))
        # Backwards: runs meet by their seed, not by their place.
        + make_runs("lr=2", dict(reversed(list(enumerate(other)))))
    )
    (row,) = compare_groups(groups)
    differences = [100 * (two - one) for one, two in zip(first, other, strict=True)]
    half = QUANTILES[number - 1] * statistics.stdev(differences) / number**0.5
    assert (row["group"], row["first"], row["seeds"]) == ("lr=2", "lr=1", number)
    assert row["difference"] == pytest.approx(100 * (sum(other) - sum(first)) / number)
    assert row["low"] == pytest.approx(statistics.mean(differences) - half)
    assert row["high"] == pytest.approx(statistics.mean(differences) + half)


def test_a_difference_by_hand() -> None:
    groups = group_jobs(
        make_runs("lr=1", {1: 0.97, 2: 0.98, 3: 0.96}) + make_runs("lr=2", {1: 0.98, 2: 1, 3: 0.99})
    )
    (row,) = compare_groups(groups)
    # 1, 2 and 3 points: mean 2, standard deviation 1, and t of 2 degrees of freedom is 4.302653.
    assert row["difference"] == pytest.approx(2)
    assert row["low"] == pytest.approx(2 - 4.302653 / 3**0.5)
    assert row["high"] == pytest.approx(2 + 4.302653 / 3**0.5)
    assert format_comparisons([row]).splitlines() == [
        "test accuracy minus that of lr=1, seed by seed, in percentage points; interval by "
        "Student's t, of each comparison by itself",
        "",
        "| settings | common seeds | mean difference | 95 % interval    | result     |",
        "|----------|--------------|-----------------|------------------|------------|",
        "| lr=2     | 3            | +2.000          | -0.484 to +4.484 | none shown |",
    ]


@pytest.mark.parametrize(
    ("low", "high", "result"),
    [
        (0.001, 0.059, "a difference"),
        (-0.0001, 0.06, "none shown"),
        (-0.059, -0.001, "a difference"),
        (-0.001, 0.06, "none shown"),
        (0.0, 0.06, "none shown"),
        (-0.06, 0.0, "none shown"),
    ],
)
def test_a_difference_is_one_whose_interval_excludes_0(
    low: float, high: float, result: str
) -> None:
    names = {"group": "b", "first": "a", "figure": "test/accuracy", "seeds": 9}
    row = names | {"difference": -0.0001, "low": low, "high": high}
    interval = f"{low:+.3f} to {high:+.3f}".replace("-0.000", "+0.000")
    shown = [cell.strip() for cell in format_comparisons([row]).splitlines()[-1].split("|")]
    assert shown[1:-1] == ["b", "9", "+0.000", interval, result]


@pytest.mark.parametrize(("gain", "result"), [(0.25, "a difference"), (0.0, "none shown")])
def test_differences_without_spread_have_an_interval_without_width(
    gain: float, result: str
) -> None:
    first = {1: 0.5, 2: 0.625, 3: 0.75}  # exact in binary
    other = {seed: accuracy + gain for seed, accuracy in first.items()}
    comparisons = compare_groups(group_jobs(make_runs("lr=1", first) + make_runs("lr=2", other)))
    (row,) = comparisons
    assert row["low"] == row["difference"] == row["high"] == 100 * gain
    assert result in format_comparisons(comparisons)


def test_only_seeds_in_common_are_compared_at_least_two() -> None:
    groups = group_jobs(
        make_runs("lr=1", {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.1})
        + make_runs("lr=2", {3: 0.71, 1: 0.93, 7: 0.2})
        + make_runs("lr=3", {4: 0.9, 8: 0.9, 9: 0.9})
        + make_runs("lr=4", {8: 0.9, 9: 0.9})
    )
    (row,) = compare_groups(groups)
    assert (row["group"], row["seeds"]) == ("lr=2", 2)
    assert row["difference"] == pytest.approx((1 + 3) / 2)


def test_the_first_by_validation_is_what_others_are_compared_with() -> None:
    jobs = [
        make_job(f"lr={rate} seed={seed}", val, test)
        for rate, val, test in ((1, 0.90, 0.99), (2, 0.95, 0.90), (3, 0.93, 0.92))
        for seed in (1, 2)
    ]
    rows = compare_groups(group_jobs(jobs))
    assert [(row["group"], row["first"]) for row in rows] == [("lr=3", "lr=2"), ("lr=1", "lr=2")]
    assert [row["difference"] for row in rows] == pytest.approx([2, 9])


@pytest.mark.parametrize(("first", "second"), [(None, None), (0.97, None), (None, 0.97)])
def test_recipes_that_were_not_tested_are_compared_by_validation(
    first: float | None, second: float | None
) -> None:
    jobs = [
        make_job(f"lr={rate} seed={seed}", accuracy, test)
        for rate, accuracy, test in ((1, 0.90, first), (2, 0.95, second))
        for seed in (1, 2)
    ]
    (row,) = comparisons = compare_groups(group_jobs(jobs))
    assert (row["group"], row["difference"]) == ("lr=1", pytest.approx(-5))
    assert format_comparisons(comparisons).startswith("validation accuracy minus that of lr=2, ")


def test_failed_and_untested_jobs_take_no_part() -> None:
    jobs = make_runs("lr=1", {1: 0.9, 2: 0.9, 3: 0.9}) + make_runs("lr=2", {1: 0.8, 2: 0.8})
    failed = {"sweep": "sweep", "job": "9", "overrides": ["lr=2", "seed=3"], "error": "boom"}
    groups = group_jobs([failed, *jobs, make_job("lr=2 seed=3", 0.1, None)])
    (row,) = compare_groups(groups)
    assert row["seeds"] == 2
    assert "7 jobs, 1 failed" in format_groups(groups)


def test_there_is_no_comparison_of_fewer_than_two_groups() -> None:
    failed = {"sweep": "sweep", "job": "9", "overrides": ["lr=2"], "error": "boom"}
    again = make_job("lr=1 seed=2", None, 0.8) | {"job": "again"}  # nor anything to complain of
    jobs = [failed, *make_runs("lr=1", {1: 0.9, 2: 0.9}), again]
    assert compare_groups(group_jobs(jobs)) == []
    assert compare_groups(group_jobs([failed])) == []


@pytest.mark.parametrize("twice", ["lr=1", "lr=2"])
def test_two_runs_of_a_seed_are_refused(twice: str) -> None:
    jobs = make_runs("lr=1", {1: 0.9, 2: 0.9}) + make_runs("lr=2", {1: 0.9, 2: 0.9})
    again = make_job(f"{twice} seed=2", None, 0.8) | {"job": "again"}
    message = f"sweep/{twice},seed=2 and sweep/again are both seed 2 of {twice}, .*; move one of"
    with pytest.raises(ValueError, match=message):
        compare_groups(group_jobs([*jobs, again]))


def test_untested_sweeps_without_validation_hide_no_comparison() -> None:
    tested = [*make_runs("lr=1", {1: 0.9, 2: 0.92}), *make_runs("lr=2", {1: 0.91, 2: 0.95})]
    untested = [make_job(f"lr=3 seed={seed}", None, None) for seed in (1, 2)]
    (row,) = compare_groups(group_jobs(tested + untested))
    assert (row["group"], row["first"], row["figure"]) == ("lr=2", "lr=1", "test/accuracy")


def test_untested_groups_without_validation_are_left_out_where_none_was_tested() -> None:
    blind = [make_job(f"lr=3 seed={seed}", None, None) for seed in (1, 2)]
    one = [make_job(f"lr=1 seed={seed}", 0.9, None) for seed in (1, 2)]
    assert compare_groups(group_jobs(one + blind)) == []
    two = [make_job(f"lr=2 seed={seed}", 0.92, None) for seed in (1, 2)]
    (row,) = compare_groups(group_jobs(one + two + blind))
    assert (row["group"], row["first"], row["figure"]) == ("lr=1", "lr=2", "val/accuracy")
