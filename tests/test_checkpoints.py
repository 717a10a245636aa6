"""Checkpoints: what a training saves is loaded whole, anything else is refused in one sentence."""

import copy
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel
from torch import Tensor
from torch.optim import SGD

from conftest import FakeData, quiet_trainer
from mnist_cnn.checkpoints import (
    DESCRIPTION,
    AtomicCheckpointIO,
    CheckpointDescription,
    check_resumable,
    load_checkpoint,
    newest_checkpoint,
)
from mnist_cnn.data import MnistDataModule, build_normalization
from mnist_cnn.models import BnCnn, DeepBnCnn, Mlp
from mnist_cnn.schedulers import constant

NORMALIZATIONS: dict[str, dict[str, Any]] = {
    "affine": {"method": "affine", "mean": 0.25, "std": 0.5},
    "column_l2": {"method": "column_l2"},
}
RECIPE = {
    "model": {"_target_": "mnist_cnn.models.BnCnn", "channels": [2, 3]},
    "data": {"data_dir": "data", "normalization": {"method": "affine", "mean": 0.5, "std": 0.5}},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001},
    "scheduler": {"_target_": "mnist_cnn.schedulers.constant"},
    "trainer": {"max_epochs": 3},
    "seed": 1,
}

OTHER_FILES = {
    "empty": b"",
    "zeros": bytes(1000),
    "words": b"weights\n",
    "umlauts": "Grüße, kein Modell\n".encode(),
    "zip without content": b"PK\x03\x04" + bytes(100),
    "json": b'{"model": "BnCnn"}\n',
    "metrics.csv": b"epoch,step,train/loss\n0,49,0.5\n",
    "overrides.yaml": b"- seed=1\n",
    "train.yaml": b"seed: 1\nmodel: bn_cnn\n",
    "numbers": b"0.1\n0.2\n",
    "full stop": b".",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "random 1": random.Random(1).randbytes(1),
    "random 10": random.Random(2).randbytes(10),
    "random 1000": random.Random(3).randbytes(1000),
    "random 100000": random.Random(4).randbytes(100_000),
    # 2: the protocol of torch.save; others make torch.load warn.
    "pickled dict": pickle.dumps({}, protocol=2),
    "pickled list": pickle.dumps([1, 2], protocol=2),
    "pickled None": pickle.dumps(None, protocol=2),
    "pickled text": pickle.dumps("text", protocol=2),
}


@dataclass(frozen=True)
class Trained:
    """A file, and what the network in it gave for the first test images before it was saved."""

    path: Path
    normalization: dict[str, Any]
    images: Tensor
    logits: Tensor


class Intruder:
    """Creates a file when it is unpickled by the ordinary pickle."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.target,)


def new_model(channels: tuple[int, int] = (2, 3)) -> BnCnn:
    return BnCnn(
        (1, 28, 28),
        10,
        channels=channels,
        hidden=8,
        optimizer=lambda parameters: SGD(parameters, lr=0.01),
        scheduler=constant,
    )


def three_steps(folder: Path, *callbacks: Callback) -> Trainer:
    return quiet_trainer(
        folder,
        max_epochs=1,
        limit_train_batches=3,
        limit_val_batches=0,
        enable_checkpointing=bool(callbacks),
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
    )


@pytest.fixture(scope="module")
def train_tiny(
    fake_data: FakeData, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Trained]:
    """Trains three steps with a normalisation; once for all tests that ask for the same."""
    done: dict[str, Trained] = {}

    def train(normalization: str) -> Trained:
        if normalization in done:
            return done[normalization]
        folder = tmp_path_factory.mktemp(normalization)
        data = MnistDataModule(
            NORMALIZATIONS[normalization],
            data_dir=str(fake_data.folder),
            val_size=0,
            digests=fake_data.digests,
        )
        torch.manual_seed(0)
        model = new_model()
        saving = ModelCheckpoint(folder, filename="tiny", save_on_train_epoch_end=True)
        three_steps(folder, saving, CheckpointDescription(RECIPE)).fit(model, data)
        images = data.part("test")[0][:50]
        with torch.inference_mode():
            logits = model.eval()(data.normalize(images)).clone()
        done[normalization] = Trained(
            folder / "tiny.ckpt", NORMALIZATIONS[normalization], images, logits
        )
        return done[normalization]

    return train


@pytest.fixture(scope="module")
def trained(train_tiny: Callable[[str], Trained]) -> Trained:
    return train_tiny("affine")


@pytest.fixture
def altered(
    trained: Trained, tmp_path: Path
) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Saves the good checkpoint again, after a function has changed its content."""

    def alter(change: Callable[[dict[str, Any]], object]) -> Path:
        content = torch.load(trained.path, weights_only=True)
        change(content)
        torch.save(content, tmp_path / "altered.ckpt")
        return tmp_path / "altered.ckpt"

    return alter


def assert_refused(path: Path, match: str = "^checkpoint ") -> None:
    with pytest.raises(ValueError, match=match) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_loaded_network_gives_the_logits_of_the_trained_one(
    normalization: str, train_tiny: Callable[[str], Trained]
) -> None:
    trained = train_tiny(normalization)
    checkpoint = load_checkpoint(trained.path)
    assert checkpoint.normalization == trained.normalization
    assert not checkpoint.model.training
    with torch.inference_mode():
        images = build_normalization(checkpoint.normalization)(trained.images)
        assert torch.equal(checkpoint.model(images), trained.logits)


def test_a_checkpoint_describes_its_training(trained: Trained, fake_data: FakeData) -> None:
    checkpoint = load_checkpoint(str(trained.path))
    assert checkpoint.path == trained.path
    assert checkpoint.epoch == 1
    assert checkpoint.recipe == RECIPE
    assert checkpoint.data["data_dir"] == str(fake_data.folder)
    assert checkpoint.data["val_size"] == 0
    assert isinstance(checkpoint.model, BnCnn)
    assert dict(checkpoint.model.hparams) == {
        "input_shape": (1, 28, 28),
        "num_classes": 10,
        "channels": (2, 3),
        "hidden": 8,
        "dropout": 0.5,
    }


def test_a_fresh_process_gets_the_same_logits(trained: Trained, tmp_path: Path) -> None:
    torch.save(trained.images, tmp_path / "images.pt")
    code = f"""
import torch
from mnist_cnn.checkpoints import load_checkpoint
from mnist_cnn.data import build_normalization
checkpoint = load_checkpoint({str(trained.path)!r})
images = torch.load({str(tmp_path / "images.pt")!r})
with torch.inference_mode():
    logits = checkpoint.model(build_normalization(checkpoint.normalization)(images))
torch.save(logits, {str(tmp_path / "logits.pt")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, timeout=120)
    assert torch.allclose(torch.load(tmp_path / "logits.pt"), trained.logits, atol=1e-6)


def test_loading_leaves_the_random_numbers_of_a_network_out_of_it(trained: Trained) -> None:
    torch.manual_seed(1)
    first = load_checkpoint(trained.path).model.state_dict()
    torch.manual_seed(2)
    second = load_checkpoint(trained.path).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("forced", [None, "1"])
def test_a_checkpoint_holds_plain_data_only(
    forced: str | None, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    assert torch.load(trained.path, weights_only=True)[DESCRIPTION]["recipe"] == RECIPE
    load_checkpoint(trained.path)


@pytest.mark.parametrize("forced", [None, "1"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", ["alone", "hyper_parameters", "state_dict", DESCRIPTION])
def test_a_malicious_checkpoint_does_not_run(
    place: str,
    legacy: bool,
    forced: str | None,
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    intruder = Intruder(tmp_path / "owned")
    content = torch.load(trained.path, weights_only=True)
    if place == "alone":
        content = intruder
    else:
        content[place]["extra"] = intruder
    torch.save(content, tmp_path / "bad.ckpt", _use_new_zipfile_serialization=not legacy)
    assert_refused(tmp_path / "bad.ckpt", "more than plain data")
    assert not (tmp_path / "owned").exists()


def test_a_malicious_plain_pickle_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.ckpt"
    path.write_bytes(pickle.dumps(Intruder(tmp_path / "owned"), protocol=2))
    assert_refused(path)
    assert not (tmp_path / "owned").exists()
    pickle.loads(path.read_bytes())  # the trap works
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_altered_bytes_are_refused(legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "altered.ckpt"
    # Refused even where nothing important is hit, so that no network of a random size is built.
    content = {DESCRIPTION: {"format_version": 0, "recipe": RECIPE}, "hyper_parameters": {"a": 1.5}}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    numbers = random.Random(0)
    for _ in range(300):
        altered = bytearray(whole)
        altered[numbers.randrange(len(whole))] = numbers.randrange(256)
        path.write_bytes(altered)
        assert_refused(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.ckpt is not a file"):
        load_checkpoint(tmp_path / "no.ckpt")


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a file"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999])
def test_a_cut_file_is_refused(share: float, trained: Trained, tmp_path: Path) -> None:
    content = trained.path.read_bytes()
    path = tmp_path / "cut.ckpt"
    path.write_bytes(content[: int(share * len(content))])
    assert_refused(path)


def test_a_file_without_its_last_byte_is_refused(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    path.write_bytes(trained.path.read_bytes()[:-1])
    assert_refused(path)


@pytest.mark.parametrize("content", OTHER_FILES.values(), ids=OTHER_FILES.keys())
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    assert_refused(path)


@pytest.mark.parametrize(
    "content",
    [{}, torch.zeros(3), [1, 2], None, {"state_dict": {}}, {DESCRIPTION: 1}, {DESCRIPTION: None}],
    ids=str,
)
def test_foreign_torch_files_are_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "foreign.ckpt")
    assert_refused(tmp_path / "foreign.ckpt", "not written by this project")


def test_another_projects_lightning_checkpoint_is_refused(tmp_path: Path) -> None:
    trainer = three_steps(tmp_path)
    trainer.strategy.connect(BoringModel())
    trainer.save_checkpoint(tmp_path / "boring.ckpt")
    assert_refused(tmp_path / "boring.ckpt", "not written by this project")


def test_a_checkpoint_without_its_description_is_refused(
    altered: Callable[..., Path],
) -> None:
    path = altered(lambda content: content.pop(DESCRIPTION))
    assert_refused(path, f"has no '{DESCRIPTION}' entry")


@pytest.mark.parametrize("version", [2, 0, None, "1"])
def test_another_format_version_is_refused(version: object, altered: Callable[..., Path]) -> None:
    path = altered(lambda content: content[DESCRIPTION].update(format_version=version))
    assert_refused(path, rf"has format version {version}, this release reads 1")


@pytest.mark.parametrize(
    "name", ["NoSuchNet", "DigitClassifier", "", None, 3, ["BnCnn"], {}], ids=str
)
def test_an_unknown_network_is_refused(name: object, altered: Callable[..., Path]) -> None:
    path = altered(lambda content: content[DESCRIPTION].update(model=name))
    assert_refused(path, "known are .*BnCnn.*Mlp")


@pytest.mark.parametrize("key", ["state_dict", "hyper_parameters", "datamodule_hyper_parameters"])
@pytest.mark.parametrize("value", ["missing", None, 3, [], {}, "text", {"a": 1}], ids=str)
def test_a_missing_or_wrong_part_is_refused(
    key: str, value: object, altered: Callable[..., Path]
) -> None:
    def change(content: dict[str, Any]) -> None:
        del content[key]
        if value != "missing":
            content[key] = value

    assert_refused(altered(change), "lacks a part")


@pytest.mark.parametrize("epoch", ["missing", None, "3"])
def test_a_missing_or_wrong_epoch_is_refused(epoch: object, altered: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        del content["epoch"]
        if epoch != "missing":
            content["epoch"] = epoch

    assert_refused(altered(change), "lacks a part")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", (2, 4)),
        ("channels", (2,)),
        ("channels", ()),
        ("channels", 5),
        ("channels", "ab"),
        ("channels", (2.5, 3)),
        ("channels", (-1, 3)),
        ("hidden", 9),
        ("hidden", 0),
        ("hidden", "8"),
        ("dropout", 2.0),
        ("dropout", "no"),
        ("input_shape", (1, 2, 2)),
        ("input_shape", (1, 28)),
        ("input_shape", ()),
        ("input_shape", 28),
        ("input_shape", None),
        ("num_classes", 11),
        ("num_classes", 1),
        ("num_classes", 0),
        ("num_classes", None),
        ("surplus", 1),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_wrong_hyperparameters_are_refused(
    name: str, value: object, altered: Callable[..., Path]
) -> None:
    path = altered(lambda content: content["hyper_parameters"].update({name: value}))
    assert_refused(path, "parts don't fit its BnCnn")


def test_a_missing_hyperparameter_is_refused(altered: Callable[..., Path]) -> None:
    path = altered(lambda content: content["hyper_parameters"].pop("input_shape"))
    assert_refused(path, "parts don't fit its BnCnn")


def test_too_few_hidden_layers_are_refused(altered: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        content[DESCRIPTION]["model"] = "DeepBnCnn"
        content["hyper_parameters"] = {
            "input_shape": (1, 28, 28),
            "num_classes": 10,
            "hidden": [200],
        }

    assert_refused(altered(change), "parts don't fit its DeepBnCnn")


@pytest.mark.parametrize(
    "normalization",
    [None, 3, {}, {"method": "none"}, {"method": "affine"}, {"method": ["affine"]}, {"mean": 0.5}],
    ids=str,
)
def test_a_wrong_normalization_is_refused(
    normalization: object, altered: Callable[..., Path]
) -> None:
    path = altered(
        lambda content: content["datamodule_hyper_parameters"].update(normalization=normalization)
    )
    assert_refused(path, "lacks a part")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers.0.weight", torch.zeros(1)),
        ("layers.0.weight", "text"),
        ("layers.0.weight", None),
        ("layers.99.weight", torch.zeros(1)),
    ],
)
def test_wrong_weights_are_refused(name: str, value: object, altered: Callable[..., Path]) -> None:
    path = altered(lambda content: content["state_dict"].update({name: value}))
    assert_refused(path, "parts don't fit its BnCnn")


@pytest.mark.parametrize(
    "other", [DeepBnCnn((1, 28, 28), 10), Mlp((1, 28, 28), 10)], ids=lambda m: type(m).__name__
)
def test_weights_of_another_network_are_refused(
    other: LightningModule, altered: Callable[..., Path]
) -> None:
    path = altered(lambda content: content.update(state_dict=other.state_dict()))
    assert_refused(path, "parts don't fit its BnCnn")


def with_setting(key: str, value: object) -> dict[str, Any]:
    recipe: dict[str, Any] = copy.deepcopy(RECIPE)
    *groups, name = key.split(".")
    part = recipe
    for group in groups:
        part = part[group]
    part[name] = value
    return recipe


@pytest.mark.parametrize(
    ("key", "value"), [("trainer.max_epochs", 9), ("data.data_dir", "elsewhere")]
)
def test_a_run_may_go_on_for_longer_and_elsewhere(
    key: str, value: object, altered: Callable[..., Path]
) -> None:
    path = altered(lambda content: content["mnist_cnn"].update(recipe=RECIPE))
    check_resumable(path, RECIPE)
    check_resumable(path, with_setting(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.channels", [2, 4]),
        ("data.normalization.mean", 0.1),
        ("data.batch_size", 7),
        ("optimizer.lr", 0.5),
        ("scheduler._target_", "mnist_cnn.schedulers.step"),
        ("seed", 2),
        ("label_smoothing", 0.1),
        ("trainer.devices", 2),
        ("trainer.precision", "16-mixed"),
        ("trainer.gradient_clip_val", 0.5),
        ("trainer.accumulate_grad_batches", 2),
        ("trainer.limit_train_batches", 10),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(
    key: str, value: object, altered: Callable[..., Path]
) -> None:
    path = altered(lambda content: content["mnist_cnn"].update(recipe=RECIPE))
    with pytest.raises(ValueError, match=rf"comes from a run with {key}=.*this run has .*repeat"):
        check_resumable(path, with_setting(key, value))


def test_an_older_run_without_a_limit_goes_on(altered: Callable[..., Path]) -> None:
    path = altered(lambda content: content["mnist_cnn"].update(recipe=RECIPE))
    check_resumable(path, with_setting("trainer.limit_train_batches", 1.0))
    with pytest.raises(ValueError, match=r"with trainer.limit_train_batches=1.0, this run has 5:"):
        check_resumable(path, with_setting("trainer.limit_train_batches", 5))


def test_a_run_does_not_go_on_with_another_average(altered: Callable[..., Path]) -> None:
    averaged = RECIPE | {"callbacks": {"averaging": {"decay": 0.9}}}
    path = altered(lambda content: content["mnist_cnn"].update(recipe=averaged))
    check_resumable(path, averaged)
    with pytest.raises(ValueError, match=r"with callbacks.averaging.decay=0.9, this run has 0.99:"):
        check_resumable(path, RECIPE | {"callbacks": {"averaging": {"decay": 0.99}}})
    with pytest.raises(ValueError, match=r"this run has None:"):
        check_resumable(path, RECIPE | {"callbacks": {"averaging": None}})


ENDING = {
    "cosine": with_setting("scheduler._target_", "mnist_cnn.schedulers.cosine"),
    "one_cycle": with_setting("scheduler._target_", "mnist_cnn.schedulers.one_cycle"),
    "plain_epochs": with_setting("data.plain_epochs", 1),
    "average": RECIPE | {"callbacks": {"averaging": {"epochs": 2}}},
}


@pytest.mark.parametrize("recipe", ENDING.values(), ids=ENDING)
def test_a_training_with_an_end_keeps_its_length(
    recipe: dict[str, Any], altered: Callable[..., Path]
) -> None:
    path = altered(lambda content: content["mnist_cnn"].update(recipe=recipe))
    check_resumable(path, recipe)
    for name, value in (("max_epochs", 9), ("max_steps", 700)):
        longer = copy.deepcopy(recipe)
        longer["trainer"][name] = value
        with pytest.raises(ValueError, match=rf"trainer.{name}=.*, this run has {value}"):
            check_resumable(path, longer)


def test_resuming_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.ckpt"):
        check_resumable(tmp_path / "no.ckpt", RECIPE)


def test_the_newest_checkpoint_is_chosen_by_time(tmp_path: Path) -> None:
    # In the order of time, which is not that of the names.
    for seconds, run in enumerate(("runs/b", "sweeps/z/0", "runs/a"), start=1_000):
        path = tmp_path / run / "checkpoints" / "last.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
        (path.parent / "best.ckpt").touch()
        os.utime(path, (seconds, seconds))
    assert newest_checkpoint(tmp_path) == tmp_path / "runs" / "a" / "checkpoints" / "last.ckpt"
    os.utime(tmp_path / "sweeps/z/0/checkpoints/last.ckpt", (2_000, 2_000))
    assert newest_checkpoint(str(tmp_path)) == tmp_path / "sweeps/z/0/checkpoints/last.ckpt"


@pytest.mark.parametrize("root", [".", "missing"])
def test_no_newest_checkpoint(root: str, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").touch()  # in no checkpoints folder
    with pytest.raises(FileNotFoundError, match="name a file instead"):
        newest_checkpoint(tmp_path / root)


def test_saving_makes_the_folder_and_leaves_no_scratch_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint({"a": torch.ones(2)}, path)
    AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(2)}, str(path))
    assert torch.load(path)["a"].tolist() == [0, 0]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_an_interrupted_save_leaves_the_old_file_whole(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint({"a": 1}, path)
    before = path.read_bytes()

    def break_off(content: object, file: Any) -> None:
        file.write(b"half a checkpoint")
        raise error

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(type(error)):
        AtomicCheckpointIO().save_checkpoint({"a": 2}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_where_one_may_not_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        AtomicCheckpointIO().save_checkpoint({"a": 1}, tmp_path / "file" / "a.ckpt")
