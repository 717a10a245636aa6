"""python export.py: the file gives what the network gives, or there is no file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch.optim import SGD

from conftest import ROOT, FakeData, compose_config, train_checkpoint
from mnist_cnn.checkpoints import check_resumable, export_checkpoint, load_checkpoint
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.export import export_onnx
from mnist_cnn.models import CompactCnn
from mnist_cnn.schedulers import constant
from mnist_cnn.training import train as train_run

Here = Callable[..., tuple[int, str]]
NORMALIZATIONS: dict[str, dict[str, Any]] = {
    "affine": {"method": "affine", "mean": 0.25, "std": 0.5},
    "column_l2": {"method": "column_l2"},
}

# The exporter itself uses what is deprecated in Python and in torch.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def train(make_data: Callable[..., MnistDataModule], tmp_path: Path) -> Callable[[str], Path]:
    """Trains a tiny network for two steps with a normalisation; returns its checkpoint."""

    def train(normalization: str) -> Path:
        torch.manual_seed(0)
        model = CompactCnn(
            (1, 28, 28),
            10,
            channels=(2, 3, 4),
            optimizer=lambda parameters: SGD(parameters, lr=0.01),
            scheduler=constant,
        )
        data = make_data(normalization=NORMALIZATIONS[normalization])
        return train_checkpoint(model, data, tmp_path, max_steps=2)

    return train


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_opencv_gives_what_torch_gives(
    normalization: str, train: Callable[[str], Path], run_here: Here, tmp_path: Path
) -> None:
    path = train(normalization)
    code, output = run_here("export.py", str(path), "tiny.onnx")
    assert code == 0
    assert "tiny.onnx" in output
    assert not list(tmp_path.glob(".*"))

    checkpoint = load_checkpoint(path)
    normalize = build_normalization(checkpoint.normalization)
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "tiny.onnx"))
    for number in (1, 5):
        images = np.random.default_rng(0).integers(0, 256, (number, 1, 28, 28), np.uint8)
        with torch.inference_mode():
            expected = checkpoint.model(normalize(torch.from_numpy(images))).softmax(dim=1)
        network.setInput(images.astype(np.float32))
        np.testing.assert_allclose(network.forward(), expected, rtol=0, atol=1e-5)
        assert expected.std(dim=1).min() > 1e-3


def test_half_floats_give_nearly_the_same(
    train: Callable[[str], Path], run_here: Here, tmp_path: Path
) -> None:
    path = train("affine")
    export_onnx(load_checkpoint(path), tmp_path / "whole.onnx")
    code, _ = run_here("export.py", str(path), "half.onnx", "--half")
    assert code == 0
    images = np.random.default_rng(0).uniform(0, 255, (5, 1, 28, 28)).astype(np.float32)
    outputs = []
    for name, weights in (("whole.onnx", "f4"), ("half.onnx", "f2")):
        network = cv2.dnn.readNetFromONNX(str(tmp_path / name))
        network.setInput(images)
        outputs.append(np.array(network.forward()))
        stored = map(numpy_helper.to_array, onnx.load(tmp_path / name).graph.initializer)
        for array in stored:
            if array.dtype.kind == "f":
                assert array.dtype == np.dtype(weights if array.ndim > 1 else "f4")
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=0, atol=0.01)
    assert not np.array_equal(outputs[1], outputs[0])


def test_a_weight_too_large_for_half_floats_is_named(
    train: Callable[[str], Path], tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(train("affine"))
    with torch.no_grad():
        list(checkpoint.model.parameters())[-2][0, 0] = 1e5
    with pytest.raises(ValueError, match=r"reaches 100000, half floats end at 65504; export with"):
        export_onnx(checkpoint, tmp_path / "half.onnx", half=True)
    assert not (tmp_path / "half.onnx").exists()


def test_half_floats_are_for_onnx_alone(run_here: Here, tmp_path: Path) -> None:
    code, output = run_here("export.py", "best.ckpt", "small.ckpt", "--half")
    assert code == 2
    assert output.startswith("error: --half is for .onnx, small.ckpt is none; leave it out;")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_checkpoint_is_one_line(run_here: Here, tmp_path: Path) -> None:
    code, output = run_here("export.py", "missing.ckpt", "tiny.onnx")
    assert code == 1
    assert output.startswith("error: ")
    assert "missing.ckpt" in output
    assert output.count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_no_checkpoint(run_here: Here, tmp_path: Path) -> None:
    (tmp_path / "words.ckpt").write_text("weights\n")
    code, output = run_here("export.py", "words.ckpt", "tiny.onnx")
    assert code == 1
    assert output.startswith("error: ")
    assert output.count("\n") == 0
    assert not (tmp_path / "tiny.onnx").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, fake_data: FakeData) -> Path:
    """The folder of a whole run; its data and its output have absolute paths."""
    folder = tmp_path_factory.mktemp("run") / "run"
    small = ["model=digit_cnn", "model.channels=[4,8]", "optimizer=adam", "trainer.max_epochs=1"]
    train_run(compose_config(fake_data, folder, *small, "~callbacks.digit_pictures"))
    return folder


def test_an_exported_checkpoint_is_the_network_alone(
    run: Path, run_here: Here, fake_data: FakeData, tmp_path: Path
) -> None:
    path = run / "checkpoints" / "best.ckpt"
    code, output = run_here("export.py", str(path), "small.ckpt")
    small = tmp_path / "small.ckpt"
    assert code == 0
    assert f"small.ckpt: {small.stat().st_size:,} bytes" in output
    assert small.stat().st_size < path.stat().st_size / 2
    folder = str(fake_data.folder.parent).encode()
    assert folder in path.read_bytes()
    assert folder not in small.read_bytes()

    before, after = load_checkpoint(path), load_checkpoint(small)
    assert after.epoch == before.epoch
    assert after.data == before.data | {"data_dir": fake_data.folder.name}
    assert after.recipe["optimizer"] == before.recipe["optimizer"]
    assert after.recipe["output_dir"] == "run"
    images = torch.rand(3, 1, 28, 28)
    with torch.inference_mode():
        assert torch.equal(after.model(images), before.model(images))
    code, output = run_here("evaluate.py", "small.ckpt", "--data", str(fake_data.folder))
    assert code == 0, output


def test_no_training_goes_on_from_an_exported_checkpoint(run: Path, tmp_path: Path) -> None:
    path = run / "checkpoints" / "last.ckpt"
    whole = load_checkpoint(path)
    check_resumable(path, whole.recipe)
    export_checkpoint(whole, tmp_path / "small.ckpt")
    with pytest.raises(ValueError, match=r"small.ckpt was exported without the optimizer's state"):
        check_resumable(tmp_path / "small.ckpt", whole.recipe)


def test_a_checkpoint_is_not_replaced_by_its_export(
    run: Path, run_here: Here, tmp_path: Path
) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes((run / "checkpoints" / "last.ckpt").read_bytes())
    content = path.read_bytes()
    code, output = run_here("export.py", str(path), "./last.ckpt")
    assert code == 2
    assert output.startswith("error: last.ckpt is the checkpoint itself; name another file;")
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["tiny", "tiny.pt"])
def test_another_suffix_is_a_usage_error(name: str, run_here: Here) -> None:
    code, output = run_here("export.py", "any.ckpt", name)
    assert code == 2
    assert output.startswith(f"error: {name} must end in .onnx or .ckpt;")


@pytest.mark.parametrize("target", ["folder.onnx", "missing/tiny.onnx", "missing/tiny.ckpt"])
def test_a_target_that_cannot_be_written_is_one_line(
    target: str, train: Callable[[str], Path], run_here: Here, tmp_path: Path
) -> None:
    path = train("affine")
    (tmp_path / "folder.onnx").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, output = run_here("export.py", str(path), target)
    assert code == 1
    error = output[output.index("error: ") :]
    assert target in error
    assert error.count("\n") == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_an_existing_file_survives_a_failure(
    train: Callable[[str], Path], run_here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train("affine")
    (tmp_path / "tiny.onnx").write_bytes(b"old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", fail)
    code, output = run_here("export.py", str(path), "tiny.onnx")
    assert code == 1
    assert "No space left on device" in output
    assert (tmp_path / "tiny.onnx").read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


def test_help_says_what_is_written(run_here: Here) -> None:
    code, output = run_here("export.py", "--help")
    assert code == 0
    assert "ONNX" in output


def test_the_file_tells_nothing_of_the_machine(
    train: Callable[[str], Path], tmp_path: Path
) -> None:
    export_onnx(load_checkpoint(train("affine")), tmp_path / "tiny.onnx")
    content = (tmp_path / "tiny.onnx").read_bytes()
    assert str(ROOT).encode() not in content
    assert b"site-packages" not in content


def test_onnx_says_which_package_it_lacks(run_here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, output = run_here("export.py", "best.ckpt", "best.onnx")
    assert code == 2
    assert "needs the package onnxscript; pip install" in output
