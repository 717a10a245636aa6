"""Runs grouped by recipe, and the recipes compared: plain data, and tables for the screen."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

COLUMNS = {
    "group": "settings",
    "runs": "runs",
    "val_accuracy": "validation accuracy %",
    "test_accuracy": "test accuracy %",
    "test_range": "test accuracy %, min to max",
    "test_loss": "test loss",
    "epochs": "epochs",
    "train_seconds": "training s",
    "parameters": "parameters",
    "error": "error",
}
FIGURES = {"test/accuracy": "test accuracy", "val/accuracy": "validation accuracy"}
MEASURED = ("val/accuracy", "test/accuracy", "test/loss", "epochs", "train_seconds")


def group_jobs(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups jobs that differ in nothing but their seed, best first.

    Jobs of two sweeps are never one group: the code may have changed between them.

    Args:
        jobs: As `mnist_cnn.sweeps.read_jobs` returns them.

    Returns:
        Per group: `group` (the overrides that not all jobs share, behind the sweep's folder where
        another sweep has the same ones), `sweep`, `jobs`, `runs` (their number), `parameters`, and
        for each measured figure the list of its values. Per failed job: the same with `runs` 0, and
        its `error`.
    """
    shared = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    groups: dict[tuple[str, frozenset[str]], dict[str, Any]] = {}
    failed = []
    for job in jobs:
        own = [text for text in job["overrides"] if text not in shared]
        if "error" in job:
            name = " ".join(own) or f"job {job['job']}"
            failed.append(_new_group(name, job["sweep"]) | {"error": job["error"]})
            continue
        # A resumed single run has the settings of the one that it goes on with.
        recipe = [text for text in own if not text.startswith(("seed=", "ckpt_path="))]
        key = job["sweep"], frozenset(recipe)  # whatever the order they were typed in
        group = groups.setdefault(key, _new_group(" ".join(recipe), job["sweep"]))
        group["jobs"].append(job)
        group["runs"] += 1
        group["parameters"] = job["parameters"]
        for figure in MEASURED:
            if job.get(figure) is not None:
                group[figure].append(job[figure])
    ranked = sorted(groups.values(), key=lambda group: -_mean(group["val/accuracy"], default=-1.0))
    _tell_apart(ranked + failed)
    for group in ranked:
        group["group"] = group["group"] or ("all runs" if len(ranked) == 1 else "no other settings")
    return ranked + failed


def _new_group(name: str, sweep: str) -> dict[str, Any]:
    group = {"group": name, "sweep": sweep, "jobs": [], "runs": 0, "parameters": None}
    return group | {figure: [] for figure in MEASURED}


def _mean(values: Sequence[float], default: float) -> float:
    return statistics.fmean(values) if values else default


def _tell_apart(groups: Sequence[dict[str, Any]]) -> None:
    sweeps: dict[str, set[str]] = {}
    for group in groups:
        sweeps.setdefault(group["group"], set()).add(group["sweep"])
    for group in groups:
        if len(sweeps[group["group"]]) > 1:
            group["group"] = f"{group['sweep']} {group['group']}".rstrip()


def compare_groups(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compares accuracies with that of the first group that shares two seeds with a later one.

    They are those of the test, or, where a group has none (`trainer.limit_test_batches=0`), that of
    validation: by it the first group was chosen, so its lead is somewhat too large. Where a group
    has none of that, either, those without test accuracy are left out; where none has test
    accuracy, those without validation.

    The interval of the mean difference is that of the paired t-test (Student, The Probable Error of
    a Mean, Biometrika 6, 1908). It takes the differences for normally distributed, and holds for
    one comparison: of twenty recipes that are no better, one is expected to look different. Where
    all differences are equal it is that value alone, and those of two seeds may be so by chance.

    Args:
        groups: As `group_jobs` returns them. Failed jobs take no part.

    Returns:
        Per later group with two or more of the first one's seeds: `group` and `first` (names),
        `figure` (what is compared), `seeds` (how many are common), `difference` (the mean, above 0
        where this group is better), and the ends of its 95 % interval, `low` and `high`; in
        percentage points.

    Raises:
        ValueError: A group to compare has two runs of one seed.
    """
    repeated = [group for group in groups if group["runs"] >= 2]
    tested, validated = (
        [group for group in repeated if group[name]] for name in ("test/accuracy", "val/accuracy")
    )
    by_test = tested and (len(tested) == len(repeated) or len(validated) < len(repeated))
    figure, comparable = ("test/accuracy", tested) if by_test else ("val/accuracy", validated)
    for place, first in enumerate(comparable[:-1], start=1):
        comparisons = _compare_with(first, comparable[place:], figure)
        if comparisons:
            return comparisons
    return []


def _compare_with(
    first: dict[str, Any], others: Sequence[dict[str, Any]], figure: str
) -> list[dict[str, Any]]:
    reference = _by_seed(figure, first)
    comparisons = []
    for group in others:
        accuracy = _by_seed(figure, group)
        common = accuracy.keys() & reference.keys()
        if len(common) >= 2:
            differences = [100 * (accuracy[seed] - reference[seed]) for seed in common]
            names = {"group": group["group"], "first": first["group"], "figure": figure}
            comparisons.append(names | {"seeds": len(common)} | _mean_with_interval(differences))
    return comparisons


def _by_seed(figure: str, group: dict[str, Any]) -> dict[int, float]:
    jobs: dict[int, dict[str, Any]] = {}
    for job in group["jobs"]:
        if job.get(figure) is None:
            continue
        twin = jobs.setdefault(job["seed"], job)
        if twin is not job:
            raise ValueError(
                f"{twin['sweep']}/{twin['job']} and {job['sweep']}/{job['job']} are both seed "
                f"{job['seed']} of {group['group']}, a comparison takes one run of a seed; move "
                "one of them elsewhere"
            )
    return {seed: job[figure] for seed, job in jobs.items()}


def _mean_with_interval(values: Sequence[float]) -> dict[str, float]:
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = student_quantile(len(values) - 1) * error
    return {"difference": mean, "low": mean - half, "high": mean + half}


def student_quantile(freedom: int) -> float:
    """What Student's t exceeds with a probability of 2.5 %.

    Args:
        freedom: Degrees of freedom, at least 1.
    """
    # Not scipy: where it is installed, torchmetrics imports it, three seconds at every start.
    from mpmath import betainc, findroot

    def exceeded(t: float) -> float:
        tails = betainc(freedom / 2, 0.5, 0, freedom / (freedom + t * t), regularized=True)
        return float(tails) / 2

    # Between the normal distribution's quantile and that of one degree of freedom.
    return float(findroot(lambda t: exceeded(t) - 0.025, (1.9, 12.8), solver="anderson"))


def format_groups(groups: Sequence[dict[str, Any]]) -> str:
    """A line about all jobs and a Markdown table with a row per group, see `group_jobs`."""
    failed = sum("error" in group for group in groups)
    rows = [_format(group) for group in groups]
    filled = [name for name in COLUMNS if any(row[name] for row in rows)]
    return (
        f"{failed + sum(group['runs'] for group in groups)} jobs, {failed} failed; mean ± standard "
        "deviation over the runs of a group; sorted by validation accuracy\n\n"
        + _table([[COLUMNS[name] for name in filled], *([row[n] for n in filled] for row in rows)])
    )


def _format(group: dict[str, Any]) -> dict[str, str]:
    test = group["test/accuracy"]
    return {
        "group": group["group"],
        "runs": str(group["runs"]),
        "val_accuracy": _spread(group["val/accuracy"], 100, 2),
        "test_accuracy": _spread(test, 100, 2),
        "test_range": f"{100 * min(test):.2f} to {100 * max(test):.2f}" if len(test) > 1 else "",
        "test_loss": _spread(group["test/loss"], 1, 4),
        "epochs": _spread(group["epochs"], 1, 0),
        "train_seconds": _spread(group["train_seconds"], 1, 0),
        "parameters": f"{group['parameters']:,}" if group["parameters"] else "",
        "error": group.get("error", ""),
    }


def _spread(values: Sequence[float], scale: float, decimals: int) -> str:
    if not values:
        return ""
    mean = f"{scale * statistics.fmean(values):.{decimals}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {scale * sample_deviation(values):.{decimals}f}"


def sample_deviation(values: Sequence[float]) -> float:
    """Sample standard deviation of two or more values; NaN if one of them is infinite or NaN.

    A network that diverged has such a loss; `statistics.stdev` fails on it.
    """
    return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


def format_comparisons(comparisons: Sequence[dict[str, Any]]) -> str:
    """A line about what is compared and a Markdown table, one row each, see `compare_groups`."""
    rows = [
        [
            row["group"],
            str(row["seeds"]),
            f"{row['difference']:+z.3f}",
            f"{row['low']:+z.3f} to {row['high']:+z.3f}",
            "a difference" if row["low"] > 0 or row["high"] < 0 else "none shown",
        ]
        for row in comparisons
    ]
    title = ["settings", "common seeds", "mean difference", "95 % interval", "result"]
    return (
        f"{FIGURES[comparisons[0]['figure']]} minus that of {comparisons[0]['first']}, seed by "
        "seed, in percentage points; interval by Student's t, of each comparison by itself\n\n"
        + _table([title, *rows])
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    # A bar or a line's end, in an error message say, would end the cell or the table.
    rows = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join(
        [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
    )
