"""The summary of sweeps. Without torch: Hydra loads this before it knows what the user wants."""

import csv
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]  # Hydra's own dependency, untyped

from mnist_cnn.comparison import (
    MEASURED,
    compare_groups,
    format_comparisons,
    format_groups,
    group_jobs,
    sample_deviation,
)
from mnist_cnn.outputs import shown


def summarize(sweep: Path) -> int:
    """Summarises the jobs of a sweep, grouped over their seeds.

    Writes `jobs.csv` with a row per job, and `summary.csv`, `summary.md` and `summary.png` with one
    per group: best first by validation accuracy, which is the one that may choose. Groups without
    validation follow in the order of the sweep. A failed job is a row of its own. `summary.md` also
    compares the groups with the first one that shares seeds with a later one.

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
    _write_csv(sweep / "jobs.csv", [_flat_job(job) for job in jobs])
    _write_csv(sweep / "summary.csv", [_flat_group(group) for group in groups])
    text = format_groups(groups)
    try:
        comparisons = compare_groups(groups)
        text += f"\n\n{format_comparisons(comparisons)}" if comparisons else ""
    except ValueError as error:  # the runs took hours: what they gave is shown all the same
        text += f"\n\nnot compared: {error}"
    (sweep / "summary.md").write_text(f"# Sweep {sweep.name}\n\n{text}\n", encoding="utf-8")
    _draw(sweep, groups)
    print(f"\n{text}\n\nsummary  {sweep}/summary.md")
    return sum("error" in job for job in jobs)


def compare_sweeps(folders: Sequence[Path]) -> str:
    """Compares the recipes of all runs in some folders; writes nothing.

    Args:
        folders: Of a sweep, of a single run, or with several of them below it. A run that is in two
            of them counts once.

    Returns:
        The tables of `summarize`, over all the runs.

    Raises:
        ValueError: A folder is missing or has no run in it, there are no two recipes with two seeds
            in common, or one recipe has two runs of a seed.
    """
    jobs: dict[tuple[str, str], dict[str, Any]] = {}
    for folder in folders:
        found = read_jobs(folder)
        if not found:
            fault = "has no run in it" if folder.is_dir() else "is not a folder"
            raise ValueError(f"{folder} {fault}; give one that train.py wrote, in outputs/sweeps")
        jobs |= {(job["sweep"], job["job"]): job for job in found}
    groups = group_jobs(list(jobs.values()))
    comparisons = compare_groups(groups)
    if not comparisons:
        raise ValueError(
            "nothing to compare: no two recipes have finished runs of two common seeds; train "
            "both with seed=1,2,3, say"
        )
    return f"{format_groups(groups)}\n\n{format_comparisons(comparisons)}"


def read_jobs(folder: Path) -> list[dict[str, Any]]:
    """What the jobs of a sweep left, or of all sweeps and single runs below a folder.

    Returns:
        Per job: its metrics or `error`, its `overrides`, the folder of its `sweep`, and its `job`,
        the path within. Single runs that lie in one folder are taken as one sweep.
    """
    jobs = []
    runs = [path.parent.resolve() for path in folder.rglob(".hydra")]
    # By number, and by name where somebody chose names (hydra.sweep.subdir).
    for run in sorted(runs, key=lambda run: (run.parent, len(run.name), run.name)):
        # Hydra puts multirun.yaml into a sweep's folder; jobs may lie deeper, by their names.
        sweeps = (parent for parent in run.parents if (parent / "multirun.yaml").exists())
        sweep = next(sweeps, run.parent)
        place = {"sweep": shown(sweep), "job": str(run.relative_to(sweep))}
        jobs.append({**_read_metrics(run), **place, "overrides": _read_overrides(run)})
    return jobs


def _read_metrics(run: Path) -> dict[str, Any]:
    try:
        metrics = dict(json.loads((run / "metrics.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {"error": "did not finish"}
    except (TypeError, ValueError) as error:
        return {"error": f"metrics.json is damaged: {error}"}
    if "error" not in metrics and not {"seed", "parameters"} <= metrics.keys():
        return {"error": "metrics.json is damaged: it has no seed or no parameters"}
    return metrics


def _read_overrides(run: Path) -> list[str]:
    """As they were typed; empty where the run was killed before Hydra had written them."""
    try:
        found = OmegaConf.to_container(OmegaConf.load(run / ".hydra" / "overrides.yaml"))
    # OSError also stands for what is neither a list nor a mapping.
    except (OSError, UnicodeError, YAMLError, OmegaConfBaseException):
        return []
    return [str(text) for text in found] if isinstance(found, list) else []


def _flat_job(job: dict[str, Any]) -> dict[str, Any]:
    names = ("job", "model", "seed", *MEASURED, "parameters", "error")
    return {name: job.get(name, "") for name in names} | {"overrides": " ".join(job["overrides"])}


def _flat_group(group: dict[str, Any]) -> dict[str, Any]:
    row = {"group": group["group"], "runs": group["runs"], "parameters": group["parameters"]}
    for figure in MEASURED:
        values = group[figure]
        row[f"{figure}_mean"] = statistics.fmean(values) if values else ""
        row[f"{figure}_sd"] = sample_deviation(values) if len(values) > 1 else ""
        row[f"{figure}_min"] = min(values, default="")
        row[f"{figure}_max"] = max(values, default="")
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
