"""On the real MNIST, which it fetches if need be: pytest -m real_data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

pytestmark = pytest.mark.real_data


def test_one_epoch_reaches_97_percent(tmp_path: Path) -> None:
    settings = ["model=digit_cnn", "optimizer=adam", "trainer.max_epochs=1"]
    done = subprocess.run(
        [sys.executable, "train.py", *settings, f"hydra.run.dir={tmp_path}/run"],
        cwd=ROOT,  # the data belongs in the project's own folder
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test/accuracy"] >= 0.97
    assert metrics["val/accuracy"] >= 0.97
