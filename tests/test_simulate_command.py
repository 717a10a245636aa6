"""python simulate.py, as a person at the screen has it."""

from collections.abc import Callable
from pathlib import Path

import pytest

Here = Callable[..., tuple[int, str]]


def test_help_names_the_options(run_here: Here) -> None:
    code, output = run_here("simulate.py", "--help")
    assert code == 0
    for option in ("--out", "--data", "--scenes", "--seed", "--processes"):
        assert option in output


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--scenes", "99", "--scenes: '99' must be a whole number of at least 1000;"),
        ("--scenes", "many", "--scenes: 'many' must be a whole number"),
        ("--seed", "-1", "--seed: '-1' must be a whole number of at least 0;"),
        ("--seed", "0.5", "--seed: '0.5' must be a whole number"),
        ("--processes", "0", "--processes: '0' must be a whole number of at least 1;"),
    ],
)
def test_bad_numbers_are_usage_errors(
    option: str, value: str, complaint: str, run_here: Here
) -> None:
    code, output = run_here("simulate.py", f"{option}={value}")
    assert code == 2
    assert output.startswith("error: ")
    assert complaint in output
    assert output.count("\n") <= 1


def test_a_folder_that_cannot_be_made_is_one_line(run_here: Here) -> None:
    code, output = run_here("simulate.py", "--out", "/dev/null/photos")
    assert code == 1
    assert output.startswith("error: folder /dev/null/photos can't be written")
    assert "--out DIR" in output
    assert output.count("\n") <= 1


def test_altered_files_of_mnist_are_one_line(run_here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"1")
    code, output = run_here("simulate.py", "--out", "out")
    assert code == 1
    assert output.startswith("error: data file ")
    assert "has SHA-256" in output
    assert output.count("\n") <= 1


def test_a_data_folder_that_cannot_be_made_is_one_line(run_here: Here) -> None:
    code, output = run_here("simulate.py", "--data", "/dev/null", "--out", "out")
    assert code == 1
    assert output.startswith("error: folder /dev/null/MNIST/raw can't be written")
    assert "choose another with data.data_dir or --data" in output
    assert output.count("\n") <= 1
