"""The summary of a sweep, from folders as its jobs leave them."""

import csv
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from omegaconf import OmegaConf

from conftest import ROOT
from mnist_cnn.comparison import MEASURED, group_jobs
from mnist_cnn.hydra_callbacks import OutputCheck, SweepSummary
from mnist_cnn.outputs import check_writable
from mnist_cnn.sweeps import read_jobs, summarize

Job = dict[str, Any]


def measured(val: float | None, test: float, **others: Any) -> Job:
    metrics = {
        "model": "BnCnn",
        "parameters": 954_002,
        "seed": 1,
        "epochs": 3,
        "test/accuracy": test,
        "test/loss": 1 - test,
        "train_seconds": 12.5,
    }
    return metrics | ({} if val is None else {"val/accuracy": val}) | others


def write_job(sweep: Path, number: int, overrides: str, metrics: Job | None) -> None:
    folder = sweep / str(number)
    (folder / ".hydra").mkdir(parents=True)
    lines = [f"- {override}\n" for override in overrides.split()]
    (folder / ".hydra" / "overrides.yaml").write_text("".join(lines))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two models with three seeds each, and a third whose job failed."""
    (tmp_path / "multirun.yaml").touch()
    jobs = [
        ("model=mlp", 1, measured(0.95, 0.94, seed=1, model="Mlp", parameters=567_434)),
        ("model=mlp", 2, measured(0.93, 0.95, seed=2, model="Mlp", parameters=567_434)),
        ("model=mlp", 3, measured(0.97, 0.93, seed=3, model="Mlp", parameters=567_434)),
        ("model=bn_cnn", 1, measured(0.99, 0.98, seed=1, epochs=4)),
        ("model=bn_cnn", 2, measured(0.985, 0.975, seed=2, epochs=5)),
        ("model=bn_cnn", 3, measured(0.98, 0.97, seed=3, epochs=9)),
        ("model=broken", 1, {"error": "the training loss is nan at step 3"}),
    ]
    for number, (model, seed, metrics) in enumerate(jobs):
        write_job(tmp_path, number, f"trainer.max_epochs=9 {model} seed={seed}", metrics)
    return tmp_path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_tables(text: str) -> list[list[list[str]]]:
    """The cells of each Markdown table of a text; checks that they are such tables."""
    tables = []
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if not any("|" in line for line in lines):
            continue
        assert all(line.startswith("| ") for line in (lines[0], *lines[2:]))
        assert all(line.endswith("|") for line in lines)
        cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
        assert all(re.fullmatch("-+", cell) for cell in cells[1])
        assert len({len(row) for row in cells}) == 1
        tables.append([[cell.strip() for cell in row] for row in (cells[0], *cells[2:])])
    return tables


def read_table(path: Path) -> list[list[str]]:
    """The cells of the first table of a file."""
    return read_tables(path.read_text(encoding="utf-8"))[0]


def spread(values: Sequence[float], decimals: int) -> str:
    return f"{statistics.mean(values):.{decimals}f} ± {statistics.stdev(values):.{decimals}f}"


def test_read_jobs_gives_metrics_and_overrides(sweep: Path) -> None:
    jobs = read_jobs(sweep)
    assert [job["job"] for job in jobs] == [str(number) for number in range(7)]
    assert jobs[4] == {
        "sweep": os.path.relpath(sweep),
        "job": "4",
        **measured(0.985, 0.975, seed=2, epochs=5),
        "overrides": ["trainer.max_epochs=9", "model=bn_cnn", "seed=2"],
    }
    assert jobs[6]["error"] == "the training loss is nan at step 3"


def test_a_job_without_metrics_did_not_finish(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
    write_job(tmp_path, 1, "seed=2", None)
    assert [job.get("error") for job in read_jobs(tmp_path)] == [None, "did not finish"]


def test_a_job_with_damaged_metrics_is_a_failed_one(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
    write_job(tmp_path, 1, "seed=2", None)
    (tmp_path / "1" / "metrics.json").write_text('{"seed":')
    assert summarize(tmp_path) == 1
    assert read_table(tmp_path / "summary.md")[2][-1].startswith("metrics.json is damaged: Exp")


@pytest.mark.parametrize("metrics", [{}, {"accuracy": 1}, {"seed": 1}])
def test_metrics_of_another_project_are_damaged_ones(metrics: Job, tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", metrics)
    (job,) = read_jobs(tmp_path)
    assert job["error"] == "metrics.json is damaged: it has no seed or no parameters"
    assert summarize(tmp_path) == 1


@pytest.mark.parametrize("typed", [b"- 'lr=1", b"lr: 1", b"7", b"", b"\xff\xfe", b"- 'model=${'"])
def test_damaged_settings_lose_no_job(typed: bytes, tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
    (tmp_path / "0" / ".hydra" / "overrides.yaml").write_bytes(typed)
    (job,) = read_jobs(tmp_path)
    assert job["overrides"] == []
    assert job["test/accuracy"] == 0.9


def test_jobs_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in range(12):
        write_job(tmp_path, number, f"lr={number}", measured(None, 0.9))
    jobs = read_jobs(tmp_path)
    assert [job["job"] for job in jobs] == [str(number) for number in range(12)]
    assert [group["group"] for group in group_jobs(jobs)] == [f"lr={n}" for n in range(12)]


def test_groups_differ_in_more_than_their_seed(sweep: Path) -> None:
    groups = group_jobs(read_jobs(sweep))
    assert [group["group"] for group in groups] == [
        "model=bn_cnn",
        "model=mlp",
        "model=broken seed=1",
    ]
    assert [group["runs"] for group in groups] == [3, 3, 0]
    assert groups[0]["val/accuracy"] == [0.99, 0.985, 0.98]
    assert groups[0]["epochs"] == [4, 5, 9]
    assert groups[1]["parameters"] == 567_434
    assert groups[2]["error"] == "the training loss is nan at step 3"
    assert all(groups[2][figure] == [] for figure in MEASURED)


def test_the_table_shows_means_and_sample_standard_deviations(sweep: Path) -> None:
    assert summarize(sweep) == 1
    title, *rows = read_table(sweep / "summary.md")
    assert title == [
        *("settings", "runs", "validation accuracy %", "test accuracy %"),
        *("test accuracy %, min to max", "test loss", "epochs", "training s", "parameters"),
        "error",
    ]
    assert rows == [
        [
            "model=bn_cnn",
            "3",
            spread([99, 98.5, 98], 2),
            spread([98, 97.5, 97], 2),
            "97.00 to 98.00",
            spread([0.02, 0.025, 0.03], 4),
            spread([4, 5, 9], 0),
            "12 ± 0",
            "954,002",
            "",
        ],
        [
            "model=mlp",
            "3",
            spread([95, 93, 97], 2),
            spread([94, 95, 93], 2),
            "93.00 to 95.00",
            spread([0.06, 0.05, 0.07], 4),
            "3 ± 0",
            "12 ± 0",
            "567,434",
            "",
        ],
        ["model=broken seed=1", "0", *[""] * 7, "the training loss is nan at step 3"],
    ]
    assert "7 jobs, 1 failed" in (sweep / "summary.md").read_text(encoding="utf-8")


def test_the_screen_shows_the_table(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summarize(sweep)
    shown = capsys.readouterr().out
    for line in (sweep / "summary.md").read_text(encoding="utf-8").splitlines()[2:]:
        assert line in shown
    assert f"{sweep}/summary.md" in shown


def test_the_groups_are_compared_with_the_best(sweep: Path) -> None:
    summarize(sweep)
    text = (sweep / "summary.md").read_text(encoding="utf-8")
    _, comparison = read_tables(text)
    # -4, -2.5 and -4 points: mean -3.5, standard deviation 0.866; t is 4.3027.
    assert comparison[1:] == [
        ["model=mlp", "3", "-3.500", "-5.651 to -1.349", "a difference"],
    ]
    assert "minus that of model=bn_cnn, seed by seed" in text


def test_a_sweep_of_one_group_has_nothing_to_compare(tmp_path: Path) -> None:
    for seed in range(3):
        write_job(tmp_path, seed, f"seed={seed}", measured(0.9, 0.9, seed=seed))
    summarize(tmp_path)
    assert len(read_tables((tmp_path / "summary.md").read_text(encoding="utf-8"))) == 1


def test_a_seed_that_was_run_twice_costs_the_comparison_alone(sweep: Path) -> None:
    write_job(sweep, 7, "trainer.max_epochs=9 model=mlp seed=3", measured(0.9, 0.9, seed=3))
    assert summarize(sweep) == 1
    text = (sweep / "summary.md").read_text(encoding="utf-8")
    assert len(read_tables(text)) == 1
    assert text.endswith("a comparison takes one run of a seed; move one of them elsewhere\n")
    assert re.search(r"\nnot compared: \S+/2 and \S+/7 are both seed 3 of model=mlp, ", text)


def test_summary_csv_holds_the_same_numbers(sweep: Path) -> None:
    summarize(sweep)
    rows = read_csv(sweep / "summary.csv")
    groups = group_jobs(read_jobs(sweep))
    assert len(rows) == len(groups) == 3
    for row, group in zip(rows, groups, strict=True):
        assert row["group"] == group["group"]
        assert row["runs"] == str(group["runs"])
        assert row["error"] == group.get("error", "")
        for figure in MEASURED:
            values = group[figure]
            if values:
                assert float(row[f"{figure}_mean"]) == pytest.approx(statistics.mean(values))
                assert float(row[f"{figure}_sd"]) == pytest.approx(statistics.stdev(values))
                assert float(row[f"{figure}_min"]) == min(values)
                assert float(row[f"{figure}_max"]) == max(values)
            else:
                assert {row[f"{figure}_{name}"] for name in ("mean", "sd", "min", "max")} == {""}


def test_jobs_csv_has_a_row_per_job(sweep: Path) -> None:
    summarize(sweep)
    rows = read_csv(sweep / "jobs.csv")
    jobs = read_jobs(sweep)
    assert len(rows) == len(jobs) == 7
    for row, job in zip(rows, jobs, strict=True):
        assert row["overrides"] == " ".join(job["overrides"])
        for name in ("job", "model", "seed", *MEASURED, "parameters", "error"):
            assert row[name] == str(job.get(name, ""))


def test_the_picture_of_a_sweep_opens(sweep: Path) -> None:
    summarize(sweep)
    assert imread(sweep / "summary.png").std() > 0


def test_a_sweep_of_one_job(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "model=mlp seed=1", measured(0.951, 0.94))
    assert summarize(tmp_path) == 0
    title, row = read_table(tmp_path / "summary.md")
    assert row[:4] == ["model=mlp", "1", "95.10", "94.00"]  # no ± of one value
    assert title[4] == "test loss"  # and no smallest and largest
    (row_of_csv,) = read_csv(tmp_path / "summary.csv")
    assert row_of_csv["test/accuracy_sd"] == ""
    assert row_of_csv["test/accuracy_min"] == row_of_csv["test/accuracy_max"] == "0.94"
    assert (tmp_path / "summary.png").exists()


def test_a_sweep_without_overrides(tmp_path: Path) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    (tmp_path / "0" / ".hydra" / "overrides.yaml").write_text("[]\n")
    assert summarize(tmp_path) == 1
    assert read_table(tmp_path / "summary.md")[1] == ["job 0", "0", "did not finish"]


def test_a_sweep_whose_jobs_all_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        write_job(tmp_path, number, f"lr={number}", {"error": f"boom {number}"})
    assert summarize(tmp_path) == 3
    title, *rows = read_table(tmp_path / "summary.md")
    assert title == ["settings", "runs", "error"]
    assert rows == [[f"lr={number}", "0", f"boom {number}"] for number in range(3)]
    assert [row["error"] for row in read_csv(tmp_path / "jobs.csv")] == [
        "boom 0",
        "boom 1",
        "boom 2",
    ]
    assert not (tmp_path / "summary.png").exists()
    assert ".png" not in capsys.readouterr().out


def test_a_sweep_without_jobs_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no jobs; give it values"):
        summarize(tmp_path)


def test_jobs_may_have_names(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
    (tmp_path / "0").rename(tmp_path / "seed=1")
    assert [job["job"] for job in read_jobs(tmp_path)] == ["seed=1"]


def test_a_sweep_without_validation_has_no_such_column(tmp_path: Path) -> None:
    for seed in range(2):
        write_job(tmp_path, seed, f"seed={seed}", measured(None, 0.9))
    assert summarize(tmp_path) == 0
    assert "validation accuracy %" not in read_table(tmp_path / "summary.md")[0]
    assert read_csv(tmp_path / "summary.csv")[0]["val/accuracy_mean"] == ""


def test_other_files_beside_the_jobs_are_left_alone(sweep: Path) -> None:
    (sweep / "notes").mkdir()
    (sweep / "notes.txt").write_text("mine")
    summarize(sweep)
    summarize(sweep)  # again, over its own files
    assert (sweep / "notes.txt").read_text() == "mine"
    assert len(read_csv(sweep / "jobs.csv")) == 7


@pytest.mark.parametrize("error", ["a | b", "|", "first line\nsecond line", 'say "no", twice'])
def test_awkward_error_messages_leave_the_tables_whole(error: str, tmp_path: Path) -> None:
    write_job(tmp_path, 0, "lr=0", measured(0.9, 0.9))
    write_job(tmp_path, 1, "lr=1", {"error": error})
    summarize(tmp_path)
    rows = read_table(tmp_path / "summary.md")
    assert len(rows) == 3
    assert rows[2][-1] == " ".join(error.split()).replace("|", "\\|")
    assert read_csv(tmp_path / "jobs.csv")[1]["error"].split() == error.split()


def test_columns_stand_in_line(sweep: Path) -> None:
    write_job(
        sweep, 7, "model=pipe", {"error": "a | b, and long enough to be the widest cell of all"}
    )
    summarize(sweep)
    tables = (sweep / "summary.md").read_text("utf-8").split("\n\n")[2::2]
    assert len(tables) == 2
    for table in tables:
        assert len({len(line) for line in table.strip().splitlines()}) == 1


@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below"])
def test_an_output_folder_below_a_file_ends_in_one_line(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as caught:
        check_writable(tmp_path / place, "output_root=FOLDER")
    message = str(caught.value.code)
    assert message.startswith(f"error: folder {tmp_path / place} can't be written (")
    assert "\n" not in message


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", "output_root=FOLDER")
    check_writable(tmp_path / "a" / "b", "output_root=FOLDER")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize(
    ("hook", "key"),
    [(OutputCheck().on_run_start, "run"), (OutputCheck().on_multirun_start, "sweep")],
    ids=["run", "sweep"],
)
def test_the_output_check_looks_at_the_folder_of_the_command(
    hook: Callable[..., None], key: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    dirs = {"run": {"dir": str(tmp_path / "run")}, "sweep": {"dir": str(tmp_path / "sweep")}}
    hook(OmegaConf.create({"hydra": dirs}))
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [key]
    with pytest.raises(SystemExit, match=r"^error: folder .* can't be written"):
        hook(OmegaConf.create({"hydra": {key: {"dir": str(tmp_path / "file" / "x")}}}))


def test_a_sweep_with_a_failed_job_ends_with_code_1(sweep: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        SweepSummary().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(sweep)}}}))
    assert caught.value.code == 1
    assert (sweep / "summary.md").exists()


def test_a_sweep_without_a_failed_job_ends_as_usual(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
    SweepSummary().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert (tmp_path / "summary.md").exists()


Here = Callable[..., tuple[int, str]]


def write_sweep(folder: Path, recipe: str, accuracies: dict[int, float]) -> Path:
    """A sweep over seeds, as train.py -m leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "multirun.yaml").touch()
    for number, (seed, accuracy) in enumerate(accuracies.items()):
        metrics = measured(None, accuracy, seed=seed)
        write_job(folder, number, f"{recipe} seed={seed}".strip(), metrics)
    return folder


def snapshot(folder: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_compare_shows_both_tables_over_all_sweeps_and_writes_nothing(
    tmp_path: Path, run_here: Here
) -> None:
    write_sweep(tmp_path / "one", "data=mnist lr=1", {1: 0.97, 2: 0.98, 3: 0.96})
    write_sweep(tmp_path / "two", "data=mnist lr=2", {1: 0.98, 2: 1.00, 3: 0.99, 4: 0.5})
    before = snapshot(tmp_path)
    code, output = run_here("compare.py", "one", "two")
    assert code == 0
    assert snapshot(tmp_path) == before
    assert output.startswith("7 jobs, 0 failed; mean ± standard deviation")
    groups, comparison = read_tables(output)
    assert [row[:2] for row in groups[1:]] == [["lr=1", "3"], ["lr=2", "4"]]
    assert comparison[1:] == [["lr=2", "3", "+2.000", "-0.484 to +4.484", "none shown"]]


def test_compare_finds_the_sweeps_below_a_folder(tmp_path: Path, run_here: Here) -> None:
    write_sweep(tmp_path / "sweeps" / "b", "", {1: 0.97, 2: 0.98})
    write_sweep(tmp_path / "sweeps" / "a", "", {1: 0.98, 2: 0.99})
    (tmp_path / "link").symlink_to("sweeps")
    code, output = run_here("compare.py", "sweeps", "sweeps/a", "link")
    assert code == 0
    assert output.startswith("4 jobs, ")  # not twice what is named twice
    groups, (_, row) = read_tables(output)
    assert [row[:4] for row in groups[1:]] == [
        ["sweeps/a", "2", spread([98, 99], 2), "98.00 to 99.00"],
        ["sweeps/b", "2", spread([97, 98], 2), "97.00 to 98.00"],
    ]
    assert row[:3] == ["sweeps/b", "2", "-1.000"]
    assert "minus that of sweeps/a, " in output


def test_jobs_with_long_names_belong_to_their_sweep(tmp_path: Path) -> None:
    for name in ("data=mnist,seed=1", "seed=1,experiment=reference/mlp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_job(tmp_path, 0, "seed=1", measured(0.9, 0.9))
        (tmp_path / "0").rename(tmp_path / name)
    (tmp_path / "multirun.yaml").touch()
    assert [(job["sweep"], job["job"]) for job in read_jobs(tmp_path)] == [
        (os.path.relpath(tmp_path), "data=mnist,seed=1"),
        (os.path.relpath(tmp_path), "seed=1,experiment=reference/mlp"),
    ]


def test_single_runs_are_grouped_by_recipe(tmp_path: Path, run_here: Here) -> None:
    runs = tmp_path / "outputs" / "runs"
    accuracies = [("", 1, 0.5), ("", 2, 0.5), ("lr=2", 1, 0.625), ("lr=2", 2, 0.625)]
    for number, (recipe, seed, accuracy) in enumerate(accuracies):
        write_job(runs, number, f"{recipe} seed={seed}", measured(None, accuracy, seed=seed))
    folders = [f"outputs/runs/{number}" for number in range(4)]
    code, output = run_here("compare.py", *folders)
    assert code == 0
    _, (_, row) = read_tables(output)
    assert row == ["lr=2", "2", "+12.500", "+12.500 to +12.500", "a difference"]
    assert run_here("compare.py", "outputs/runs") == (0, output)
    # The seed is the run's, whether or not it was typed.
    (runs / "0" / ".hydra" / "overrides.yaml").write_text("[]\n")
    assert run_here("compare.py", *folders) == (0, output)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["nowhere"], r"nowhere is not a folder; give one that train\.py wrote"),
        (["one", "one/0/metrics.json"], r"one/0/metrics\.json is not a folder; give one that"),
        (["one", "empty"], r"empty has no run in it; give one that train\.py wrote"),
        (["one"], r"nothing to compare: no two recipes .* train both with seed=1,2,3"),
        (["one", "apart"], r"nothing to compare: no two recipes have"),
        (["failed"], r"nothing to compare: no two recipes have"),
        (["one", "twice"], r"twice/0 and twice/1 are both seed 1 of lr=2, .*; move one of them"),
    ],
)
def test_what_compare_refuses_ends_in_one_line(
    folders: list[str], message: str, tmp_path: Path, run_here: Here
) -> None:
    (tmp_path / "empty").mkdir()
    write_sweep(tmp_path / "one", "lr=1", {1: 0.97, 2: 0.98})
    write_sweep(tmp_path / "apart", "lr=2", {2: 0.97, 3: 0.98})
    write_job(tmp_path / "failed", 0, "", None)
    write_sweep(tmp_path / "twice", "lr=2", {1: 0.97})
    write_job(tmp_path / "twice", 1, "lr=2 seed=1", measured(None, 0.9))
    code, output = run_here("compare.py", *folders)
    assert code == 1
    assert re.fullmatch(f"error: {message}.*", output)  # . is no line's end


def test_compare_without_a_folder_says_how_it_is_used(run_here: Here) -> None:
    code, output = run_here("compare.py")
    assert code == 2
    assert "SWEEP" in output
    assert output.count("\n") == 1


def test_help_answers_without_what_takes_long_to_import() -> None:
    code = (
        "import sys, runpy; import mnist_cnn.hydra_callbacks; sys.argv = ['compare.py', '--help']\n"
        f"try: runpy.run_path(r'{ROOT / 'compare.py'}', run_name='__main__')\n"
        "finally: assert not {'mpmath', 'torch', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SWEEP" in done.stdout
