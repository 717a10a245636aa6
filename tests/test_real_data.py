"""On the real MNIST, which it fetches if need be: pytest -m real_data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.evaluation import evaluate

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


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("best", 0.9974),
        ("tiny_700", 0.9911),
        ("tiny_8k", 0.9960),
        ("tiny_20k", 0.9963),
        ("tiny_100k", 0.9967),
    ],
)
def test_the_networks_that_come_along_are_as_good_as_said(name: str, accuracy: float) -> None:
    weights = ROOT / "src" / "mnist_cnn" / "weights"
    assert f"| {accuracy:.2%}".rstrip("%") in (weights / "README.md").read_text()
    predictions = evaluate(load_checkpoint(weights / f"{name}.ckpt"), str(ROOT / "data"))
    # Another processor may round one image over the edge.
    assert predictions.accuracy == pytest.approx(accuracy, abs=2e-4)
