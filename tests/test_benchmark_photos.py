"""The benchmark of photos runs and counts rightly."""

import json
import sys
from pathlib import Path

import pytest

from conftest import ROOT, FakeData
from mnist_cnn.simulator import CONDITIONS

sys.path.insert(0, str(ROOT / "benchmarks"))

import photo_tables
import photos


@pytest.mark.parametrize(
    ("read", "truth", "wrong"),
    [("123", "123", 0), ("", "12", 2), ("129", "123", 1), ("1123", "123", 1), ("13", "123", 1)],
)
def test_wrong_digits_are_substituted_missed_or_invented(read: str, truth: str, wrong: int) -> None:
    assert photos.distance(read, truth) == wrong


def test_it_writes_a_table_figures_and_a_picture(
    fake_data: FakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: CONDITIONS[name] for name in ("clean", "blocky")}
    for module in (photos, photo_tables):
        monkeypatch.setattr(module, "CONDITIONS", few)
        monkeypatch.setattr(module, "NON_DIGITS", ("noise",))
    counts = ["--singles", "1", "--strings", "1", "--none", "1"]
    arguments = ["photos.py", *counts, "--data", str(fake_data.folder), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    photos.main()
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert sum(row.startswith("| ") for row in rows) == 1 + len(few) + 1
    figures = json.loads((tmp_path / "results.json").read_text())
    assert figures["clean single"]["images"] == 1
    assert (tmp_path / "failures.png").stat().st_size > 0
