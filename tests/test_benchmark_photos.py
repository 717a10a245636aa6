"""The benchmarks of photos run and count rightly."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, FakeData
from mnist_cnn.photos.images import read_image
from mnist_cnn.photos.ink import Bytes, Floats
from mnist_cnn.simulator import CONDITIONS

sys.path.insert(0, str(ROOT / "benchmarks"))

import photo_speed
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


def test_missing_digits_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["photo_speed.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        photo_speed.main()
    assert "python train.py trainer=smoke fetches them" in str(caught.value)
    assert capsys.readouterr().out == ""


def test_the_speed_is_measured_of_a_photo_with_24_digits(
    fake_data: FakeData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_speed, "SIZE", (900, 1200))
    written = photo_speed.write_photo(tmp_path / "photo.jpg", str(fake_data.folder))
    assert [len(line) for line in written] == [8, 8, 8]
    photo = read_image(tmp_path / "photo.jpg")
    assert photo.size == (900, 1200)
    sizes = []

    def classify(views: Bytes) -> Floats:
        sizes.append(len(views))
        return np.full((len(views), 11), 1 / 11, np.float32)

    _, seconds = photo_speed.time_reading(tmp_path / "photo.jpg", classify, 2)
    assert len(seconds) == 2
    assert min(seconds) > 0
    assert sizes[0] >= 10
