"""The networks that come with the project: small, without traces, as their README says."""

import re
from pathlib import Path

import onnx
import pytest
from hydra.utils import instantiate

from conftest import ROOT, FakeData, compose_config
from mnist_cnn.checkpoints import load_checkpoint

WEIGHTS = ROOT / "src" / "mnist_cnn" / "weights"
CHECKPOINTS = sorted(path.stem for path in WEIGHTS.glob("*.ckpt"))


def test_there_are_networks_for_mnist() -> None:
    assert CHECKPOINTS == ["best", "tiny_100k", "tiny_20k", "tiny_700", "tiny_8k"]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_network_is_its_experiments(name: str, fake_data: FakeData, tmp_path: Path) -> None:
    path = WEIGHTS / f"{name}.ckpt"
    checkpoint = load_checkpoint(path)
    cfg = compose_config(fake_data, tmp_path, f"experiment={name}")
    expected = instantiate(cfg.model, input_shape=(1, 28, 28), num_classes=10).state_dict()
    weights = checkpoint.model.state_dict()
    assert {key: value.shape for key, value in weights.items()} == {
        key: value.shape for key, value in expected.items()
    }
    count = sum(parameter.numel() for parameter in checkpoint.model.parameters())
    assert re.search(rf"\| `{name}.ckpt` \| {count:,} \|", (WEIGHTS / "README.md").read_text())


def test_the_network_for_photos_is_its_experiments(fake_data: FakeData, tmp_path: Path) -> None:
    cfg = compose_config(fake_data, tmp_path, "experiment=photos")
    model = instantiate(cfg.model, input_shape=(2, 28, 28), num_classes=11)
    path = WEIGHTS / "photo_digits.onnx"
    stored = [tuple(tensor.dims) for tensor in onnx.load(path).graph.initializer]
    expected = [tuple(weights.shape) for weights in model.parameters() if weights.ndim > 1]
    assert sorted(shape for shape in stored if len(shape) > 1) == sorted(expected)
    count = sum(parameter.numel() for parameter in model.parameters())
    readme = " ".join((WEIGHTS / "README.md").read_text().split())
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    assert f"{count:,} parameters as half floats, {size}" in readme
    assert f"is {size} and runs without torch" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", sorted(WEIGHTS.iterdir()), ids=lambda path: path.name)
def test_a_file_is_small_and_names_no_folder_of_a_machine(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) < 2_000_000
    assert not re.search(rb"/(home|root|tmp|Users|work)/", content)
