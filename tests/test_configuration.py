"""The files of conf/: each composes, fits the code that it configures, and says what it should."""

import inspect
import json
import math
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from conftest import ROOT, quiet_trainer
from mnist_cnn.data import MnistDataModule
from mnist_cnn.training import train

CONF = ROOT / "conf"
FILES = sorted(CONF.rglob("*.yaml"))
GROUPS = {
    *(
        "averaging",
        "callbacks",
        "data",
        "data/augment",
        "data/normalization",
        "experiment",
        "hydra/help",
    ),
    *("logger", "model", "optimizer", "scheduler", "trainer"),
}
LONG_FILES = {
    *("callbacks/default.yaml", "train.yaml", "hydra/help/train.yaml", "experiment/photos.yaml")
}

CENTER = {"method": "affine", "mean": 0.5, "std": 0.5}
REFERENCES: dict[str, dict[str, Any]] = {
    "bn_cnn": {
        "model._target_": "mnist_cnn.models.BnCnn",
        "data.normalization": {"method": "affine", "mean": 0.1307, "std": 0.3081},
        "data.batch_size": 100,
        "data.val_size": 0,
        "optimizer": {
            "_target_": "torch.optim.SGD",
            "_partial_": True,
            "lr": 0.01,
            "momentum": 0.0,
            "weight_decay": 0.0,
        },
        "trainer.max_epochs": 10,
    },
    "pooled_cnn": {
        "model._target_": "mnist_cnn.models.PooledCnn",
        "data.normalization": {"method": "column_l2"},
        "data.batch_size": 32,
        "data.val_size": 18000,
        "data.val_split": "tail",
        "optimizer": {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1e-3,
            "weight_decay": 0.0,
            "eps": 1e-7,
        },
        "trainer.max_epochs": 5,
        "monitor": {"metric": "epoch", "mode": "max"},
        "callbacks.early_stopping": None,
    },
    "funnel_cnn": {
        "model._target_": "mnist_cnn.models.FunnelCnn",
        "data.normalization": {"method": "affine", "mean": 0.0, "std": 1.0},
        "data.batch_size": 128,
        "data.val_size": 0,
        "optimizer": {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1e-4,
            "weight_decay": 0.0,
            "eps": 1e-8,
        },
        "trainer.max_epochs": 7,
    },
    "deep_bn_cnn": {
        "model._target_": "mnist_cnn.models.DeepBnCnn",
        "data.normalization": CENTER,
        "data.batch_size": 100,
        "data.val_size": 0,
        "optimizer": {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 3e-4,
            "weight_decay": 1e-3,
            "eps": 1e-8,
        },
        "trainer.max_epochs": 10,
    },
    "digit_cnn": {
        "model._target_": "mnist_cnn.models.DigitCnn",
        "data.normalization": CENTER,
        "data.batch_size": 64,
        "data.val_size": 0,
        "optimizer": {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1e-3,
            "weight_decay": 0.0,
            "eps": 1e-8,
        },
        "trainer.max_epochs": 5,
    },
}


def group_and_choice(path: Path) -> tuple[str, str]:
    group, _, choice = path.relative_to(CONF).with_suffix("").as_posix().rpartition("/")
    if group.startswith("experiment/"):  # experiment=reference/bn_cnn
        choice = f"{group.removeprefix('experiment/')}/{choice}"
        group = "experiment"
    return group, choice


CHOICES = [group_and_choice(path) for path in FILES if path.parent != CONF]
MODELS = [choice for group, choice in CHOICES if group == "model"]
OPTIMIZERS = [choice for group, choice in CHOICES if group == "optimizer"]
EXPERIMENTS = [choice for group, choice in CHOICES if group == "experiment"]


@cache
def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["output_dir=.", *overrides], return_hydra_config=True)


def plain(config: Any) -> Any:
    return OmegaConf.to_container(config) if OmegaConf.is_config(config) else config


def lacks(whole: Any, part: Any, key: str = "") -> list[str]:
    """The keys of a nested dictionary `part` whose values `whole` doesn't have."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [
            missing
            for name, value in part.items()
            for missing in lacks(whole.get(name, "missing"), value, f"{key}.{name}")
        ]
    return [] if whole == part else [f"{key}: {whole} instead of {part}"]


def targets(node: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a nested one that names something to build."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)


def test_the_files_were_found() -> None:
    assert {group for group, _ in CHOICES} == GROUPS
    assert len(MODELS) >= 6
    assert len(OPTIMIZERS) == 4
    assert {f"reference/{name}" for name in REFERENCES} < set(EXPERIMENTS)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_file_composes_as_its_groups_choice(group: str, choice: str) -> None:
    cfg = composed(f"{group}={choice}")
    assert cfg.hydra.runtime.choices[group] == choice
    content = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"))
    assert isinstance(content, dict)
    content.pop("defaults", None)
    elsewhere = {"experiment": cfg, "averaging": cfg.callbacks}
    package = elsewhere.get(group) or OmegaConf.select(cfg, group.replace("/", "."))
    assert lacks(plain(package), content) == []
    own = {name: value for name, value in plain(cfg).items() if name != "hydra"}
    OmegaConf.to_container(OmegaConf.create(own), resolve=True, throw_on_missing=True)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_argument_is_one_of_what_it_configures(group: str, choice: str) -> None:
    nodes = list(targets(plain(composed(f"{group}={choice}"))))
    assert len(nodes) > 10
    for node in nodes:
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        arguments = {name for name in node if name not in ("_target_", "_partial_")}
        assert arguments <= set(parameters), node["_target_"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_every_network_takes_a_step_with_every_optimizer(
    model: str,
    optimizer: str,
    make_config: Callable[..., DictConfig],
    make_data: Callable[..., MnistDataModule],
    tmp_path: Path,
) -> None:
    cfg = make_config(f"model={model}", f"optimizer={optimizer}")
    data = make_data()
    network = instantiate(cfg.model, _partial_=True, _convert_="all")(
        data.image_shape,
        data.num_classes,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
    )
    before = [parameter.detach().clone() for parameter in network.parameters()]
    trainer = quiet_trainer(tmp_path, max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(network, data)
    assert trainer.global_step == 1
    assert trainer.callback_metrics["train/loss"].isfinite()
    for old, new in zip(before, network.parameters(), strict=True):
        assert new.isfinite().all()
        # A bias before a batch normalisation has a zero gradient by mathematics.
        assert old.dim() == 1 or not old.equal(new)


@pytest.mark.parametrize("name", sorted({*EXPERIMENTS} - {"photos"}))  # not MNIST
def test_every_experiment_on_mnist_takes_a_step(
    name: str, make_config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    short = ["trainer.max_epochs=1", "trainer.limit_train_batches=1", "~callbacks.digit_pictures"]
    train(make_config(f"experiment={name}", *short))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["epochs"] == 1
    assert math.isfinite(metrics["test/loss"])


@pytest.mark.parametrize(
    ("name", "most"), [("700", 700), ("8k", 7_999), ("20k", 19_999), ("100k", 99_999)]
)
def test_a_tiny_experiment_has_no_more_parameters_than_it_says(
    name: str, most: int, make_config: Callable[..., DictConfig]
) -> None:
    model = instantiate(
        make_config(f"experiment=tiny_{name}").model, input_shape=(1, 28, 28), num_classes=10
    )
    assert most * 0.95 < sum(parameter.numel() for parameter in model.parameters()) <= most


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_experiment_states_the_values_of_its_text(name: str) -> None:
    cfg = composed(f"experiment=reference/{name}")
    expected = REFERENCES[name] | {"scheduler._target_": "mnist_cnn.schedulers.constant"}
    found = {key: plain(OmegaConf.select(cfg, key)) for key in expected}
    assert found == expected


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_experiment_states_every_value_itself(name: str) -> None:
    # Else a new default would change it silently.
    content = OmegaConf.load(CONF / "experiment" / "reference" / f"{name}.yaml")
    assert isinstance(content, DictConfig)
    keys = ("optimizer.lr", "optimizer.weight_decay", "data.batch_size", "data.val_size")
    assert [key for key in keys if OmegaConf.select(content, key) is None] == []
    assert OmegaConf.select(content, "trainer.max_epochs") is not None
    overridden = {group for entry in content["defaults"] for group in entry}
    wanted = ("model", "optimizer", "scheduler", "data/normalization")
    assert overridden == {f"override /{group}" for group in wanted}


@pytest.mark.parametrize("choice", EXPERIMENTS)
def test_an_experiments_first_comments_give_its_command(choice: str) -> None:
    top = (CONF / "experiment" / f"{choice}.yaml").read_text().splitlines()[:3]
    commands = [line.removeprefix("# ") for line in top if line.startswith("# python")]
    assert [shlex.split(command) for command in commands] == [
        ["python", "train.py", f"experiment={choice}"]
    ]


def test_configuration_files_are_short() -> None:
    lengths = {
        path.relative_to(CONF).as_posix(): len(path.read_text().splitlines()) for path in FILES
    }
    assert set(lengths) >= LONG_FILES
    assert {name for name, length in lengths.items() if length > 25} <= LONG_FILES


@pytest.mark.parametrize("number", ["0.1307", "0.3081"])
def test_a_number_of_the_data_set_has_one_place(number: str) -> None:
    sources = [*FILES, *(ROOT / "src").rglob("*.py"), *ROOT.glob("*.py")]
    assert [path.name for path in sources if number in path.read_text()] == ["standardize.yaml"]
