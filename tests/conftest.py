"""What the tests share: a fake MNIST on the disk, drawings, and runs of the project's commands."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hydra import compose, initialize_config_dir
from lightning import LightningModule, Trainer
from omegaconf import DictConfig

from fake_mnist import write_fake_mnist
from mnist_cnn.checkpoints import CheckpointDescription
from mnist_cnn.data import MnistDataModule

ROOT = Path(__file__).parent.parent
STANDARDIZE = {"method": "affine", "mean": 0.1307, "std": 0.3081}


def leaning_bars() -> npt.NDArray[np.uint8]:
    """Two bars as a mask, 100 pixels high, that lean by 15° and touch along a quarter of it."""
    mask = np.zeros((120, 90), np.uint8)
    cv2.line(mask, (47, 10), (20, 110), 255, 10)
    cv2.line(mask, (65, 10), (38, 110), 255, 10)
    cv2.line(mask, (54, 50), (48, 70), 255, 14)
    return mask


def fading_light(loss: float) -> npt.NDArray[np.uint8]:
    """Blank paper, (400, 500), whose corners get so much less light, as a share; some noise."""
    y, x = np.mgrid[-1:1:400j, -1:1:500j]
    light = 230 * (1 - loss * (x**2 + y**2) / 2)
    grey = light + np.random.default_rng(0).normal(0, 2, light.shape)
    return np.asarray(grey.clip(0, 255), np.uint8)


@dataclass(frozen=True)
class FakeData:
    """The fake data set: its folder, the digests of its files, and both as Hydra overrides."""

    folder: Path
    digests: dict[str, str]

    @property
    def overrides(self) -> list[str]:
        digests = ",".join(f"{name}:'{digest}'" for name, digest in self.digests.items())
        return [f"data.data_dir={self.folder}", f"+data.digests={{{digests}}}", "data.val_size=500"]


@pytest.fixture(scope="session")
def fake_data(tmp_path_factory: pytest.TempPathFactory) -> FakeData:
    """Don't change its files; `own_data` gives a copy for that."""
    folder = tmp_path_factory.mktemp("data")
    return FakeData(folder, write_fake_mnist(folder))


@pytest.fixture
def own_data(fake_data: FakeData, tmp_path: Path) -> FakeData:
    """A copy of the fake data that the test may spoil."""
    shutil.copytree(fake_data.folder, tmp_path / "data")
    return FakeData(tmp_path / "data", fake_data.digests)


@pytest.fixture
def make_data(fake_data: FakeData) -> Callable[..., MnistDataModule]:
    """Builds data modules on the fake data, ready to use; takes their other arguments."""

    def make(**arguments: Any) -> MnistDataModule:
        defaults = {"normalization": STANDARDIZE, "val_size": 500, "digests": fake_data.digests}
        data = MnistDataModule(**{"data_dir": str(fake_data.folder), **defaults, **arguments})
        data.prepare_data()
        data.setup()
        return data

    return make


def quiet_trainer(folder: Path, **settings: Any) -> Trainer:
    """A trainer on the CPU that writes nothing by itself; `settings` are Lightning's."""
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
    }
    return Trainer(**{**quiet, **settings})


def train_checkpoint(
    model: LightningModule, data: MnistDataModule, folder: Path, max_steps: int
) -> Path:
    """Trains a network for a few steps; returns its checkpoint in a folder."""
    description = CheckpointDescription({"seed": 1})
    trainer = quiet_trainer(folder, max_steps=max_steps, callbacks=[description])
    trainer.fit(model, data)
    trainer.save_checkpoint(folder / "tiny.ckpt")
    return folder / "tiny.ckpt"


def compose_config(fake_data: FakeData, output_dir: Path, *overrides: str) -> DictConfig:
    """Composes a configuration on the fake data, without a progress bar."""
    quiet = "~callbacks.progress_bar"
    output = f"output_dir={output_dir}"
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", [*fake_data.overrides, output, quiet, *overrides])


@pytest.fixture
def make_config(fake_data: FakeData, tmp_path: Path) -> Callable[..., DictConfig]:
    """Composes configurations that write to `run` in tmp_path; takes overrides."""
    return partial(compose_config, fake_data, tmp_path / "run")


@pytest.fixture
def run_command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python SCRIPT …` of the project as its users do, from an empty folder."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / script), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a script within this process, which saves importing torch; (exit code, output)."""

    def run(script: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        code: object = 0
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        if isinstance(code, str):  # sys.exit(text) prints it and ends with 1
            return 1, out + err + code
        return int(str(code or 0)), out + err

    return run
