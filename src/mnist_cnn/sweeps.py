"""The summary of a sweep. Without torch: Hydra loads this before it knows what the user wants."""

import csv
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

COLUMNS = {
    "group": "settings",
    "runs": "runs",
    "val_accuracy": "validation accuracy %",
    "test_accuracy": "test accuracy %",
    "test_loss": "test loss",
    "epochs": "epochs",
    "train_seconds": "training s",
    "parameters": "parameters",
    "error": "error",
}
MEASURED = ("val/accuracy", "test/accuracy", "test/loss", "epochs", "train_seconds")


def summarize(sweep: Path) -> int:
    """Summarises the jobs of a sweep, grouped over their seeds.

    Writes `jobs.csv` with a row per job, and `summary.csv`, `summary.md` and `summary.png` with one
    per group: best first by validation accuracy, which is the one that may choose. Groups without
    validation follow in the order of the sweep. A failed job is a row of its own.

    Args:
        sweep: Folder with one folder per job.

    Returns:
        Number of jobs that failed.

    Raises:
        ValueError: There are no jobs.
    """
    jobs = read_jobs(sweep)
    if not jobs:
        raise ValueError(f"sweep {sweep} has no jobs; give it values, such as seed=1,2,3")
    groups = group_jobs(jobs)
    rows = [_format(group) for group in groups]
    shown = [name for name in COLUMNS if any(row[name] for row in rows)]
    table = _table([[COLUMNS[name] for name in shown], *([row[n] for n in shown] for row in rows)])
    _write_csv(sweep / "jobs.csv", [_flat_job(job) for job in jobs])
    _write_csv(sweep / "summary.csv", [_flat_group(group) for group in groups])
    failed = sum("error" in job for job in jobs)
    text = (
        f"{len(jobs)} jobs, {failed} failed; mean ± standard deviation over the runs of a group; "
        "sorted by validation accuracy\n\n" + table
    )
    (sweep / "summary.md").write_text(f"# Sweep {sweep.name}\n\n{text}\n", encoding="utf-8")
    _draw(sweep, groups)
    print(f"\n{text}\n\nsummary  {sweep}/summary.md")
    return failed


def read_jobs(sweep: Path) -> list[dict[str, Any]]:
    """What each job left: its metrics or `error`, its `overrides`, its `job` (the folder)."""
    jobs = []
    folders = [path.parent for path in sweep.rglob(".hydra")]
    # By number, and by name where somebody chose names (hydra.sweep.subdir).
    for folder in sorted(folders, key=lambda folder: (len(folder.name), folder.name)):
        metrics = {"error": "did not finish"}
        if (folder / "metrics.json").exists():
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        overrides = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "overrides.yaml"))
        jobs.append({"job": str(folder.relative_to(sweep)), **metrics, "overrides": overrides})
    return jobs


def group_jobs(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups jobs that differ in nothing but their seed, best first.

    Args:
        jobs: As `read_jobs` returns them.

    Returns:
        Per group: `group` (the overrides that not all jobs share), `runs`, `parameters`, and for
        each measured figure the list of its values. Per failed job: `group`, `runs` 0, `error`.
    """
    shared = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    groups: dict[str, dict[str, Any]] = {}
    failed = []
    for job in jobs:
        own = [text for text in job["overrides"] if text not in shared]
        if "error" in job:
            name = " ".join(own) or f"job {job['job']}"
            failed.append(_new_group(name) | {"error": job["error"]})
            continue
        name = " ".join(text for text in own if not text.startswith("seed=")) or "all runs"
        group = groups.setdefault(name, _new_group(name))
        group["runs"] += 1
        group["parameters"] = job["parameters"]
        for figure in MEASURED:
            if job.get(figure) is not None:
                group[figure].append(job[figure])
    ranked = sorted(groups.values(), key=lambda group: -_mean(group["val/accuracy"], default=-1.0))
    return ranked + failed


def _new_group(name: str) -> dict[str, Any]:
    return {"group": name, "runs": 0, "parameters": None} | {figure: [] for figure in MEASURED}


def _mean(values: Sequence[float], default: float) -> float:
    return statistics.fmean(values) if values else default


def _format(group: dict[str, Any]) -> dict[str, str]:
    return {
        "group": group["group"],
        "runs": str(group["runs"]),
        "val_accuracy": _spread(group["val/accuracy"], 100, 2),
        "test_accuracy": _spread(group["test/accuracy"], 100, 2),
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
    return f"{mean} ± {scale * statistics.stdev(values):.{decimals}f}"


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


def _flat_job(job: dict[str, Any]) -> dict[str, Any]:
    names = ("job", "model", "seed", *MEASURED, "parameters", "error")
    return {name: job.get(name, "") for name in names} | {"overrides": " ".join(job["overrides"])}


def _flat_group(group: dict[str, Any]) -> dict[str, Any]:
    row = {"group": group["group"], "runs": group["runs"], "parameters": group["parameters"]}
    for figure in MEASURED:
        values = group[figure]
        row[f"{figure}_mean"] = statistics.fmean(values) if values else ""
        row[f"{figure}_sd"] = statistics.stdev(values) if len(values) > 1 else ""
    return row | {"error": group.get("error", "")}


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _draw(sweep: Path, groups: Sequence[dict[str, Any]]) -> None:
    from mnist_cnn import figures  # matplotlib takes half a second, only sweeps need it here

    finished = [group for group in groups if group["runs"]]
    if finished:
        figure = figures.sweep(finished, f"Sweep {sweep.name}")
        figure.savefig(sweep / "summary.png", dpi=120)
