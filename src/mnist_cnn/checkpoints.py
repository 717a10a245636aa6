"""The one place that turns a file into a network, and decides which files may be loaded."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO

from mnist_cnn.data import MnistDataModule
from mnist_cnn.models import DigitClassifier
from mnist_cnn.outputs import whole_file, write_whole

# 1: `mnist_cnn` holds format_version, model and recipe; the rest is Lightning's.
FORMAT_VERSION = 1
DESCRIPTION = "mnist_cnn"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as it was found.

    Attributes:
        path: The file.
        model: The network with its weights, in evaluation mode, on the CPU.
        epoch: Number of the epoch it was saved in, from 1.
        data: Arguments of the data module it was trained with, but for augmentation.
        recipe: The whole configuration of its training, as plain data.
        resumable: Whether a training can go on from it: it has the optimizer's state.
    """

    path: Path
    model: DigitClassifier
    epoch: int
    data: dict[str, Any]
    recipe: dict[str, Any]
    resumable: bool = False

    @property
    def normalization(self) -> dict[str, Any]:
        """Description of its normalisation, see `mnist_cnn.data.build_normalization`."""
        return self.data["normalization"]  # type: ignore[no-any-return]  # plain data


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Rebuilds a network from its checkpoint alone.

    Nothing in the file can run code: it is unpickled with `weights_only=True`, and it names its
    class, which must be one of the networks that this process has imported.

    Args:
        path: A file written by a training of this project.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is cut, comes from elsewhere, holds more than plain data, is newer than
            this release, or its contents don't fit together.
    """
    content = _read(Path(path))
    description = content[DESCRIPTION]
    networks = {network.__name__: network for network in DigitClassifier.__subclasses__()}
    name = str(description.get("model"))
    if name not in networks:
        raise ValueError(
            f"checkpoint {path} holds a {name!r}, known are {', '.join(sorted(networks))}; import "
            "the module that defines it first"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # a run's own random numbers stay what they are
            model = networks[name](**content["hyper_parameters"])
        model.load_state_dict(content["state_dict"])
        data = content["datamodule_hyper_parameters"]
        MnistDataModule(**data)
        epoch = content["epoch"] + 1
    except Exception as error:  # whatever a constructor makes of arguments that aren't its own
        reason = " ".join(repr(error).split())[:200]
        raise ValueError(
            f"checkpoint {path} lacks a part, or its parts don't fit its {name} ({reason}); use a "
            "checkpoint as this project wrote it"
        ) from error
    return Checkpoint(
        path=Path(path),
        model=model.eval(),
        epoch=epoch,
        data=data,
        recipe=description.get("recipe", {}),
        resumable="optimizer_states" in content,
    )


def check_distinct(paths: Sequence[Path], what: str) -> None:
    """Checks that no file counts twice.

    Args:
        paths: Files that exist.
        what: What they are called in the error.

    Raises:
        ValueError: Two paths are one file.
    """
    files = [path.resolve() for path in paths]
    for index, file in enumerate(files):
        if file in files[:index]:
            raise ValueError(
                f"{what} {file} is named twice and would count twice; name each file once"
            )


def export_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint without what only a training needs, above all the optimizer's state.

    It can be evaluated and read with, but no training goes on from it. Of absolute paths in its
    recipe the last part is kept: the folders say something of the machine only.

    Args:
        checkpoint: As it was loaded.
        path: The file, whose folder exists.

    Raises:
        OSError: The file can't be written.
    """
    content = {
        DESCRIPTION: _description(checkpoint.model, _without_folders(checkpoint.recipe)),
        "state_dict": checkpoint.model.state_dict(),
        "hyper_parameters": dict(checkpoint.model.hparams),
        "datamodule_hyper_parameters": _without_folders(checkpoint.data),
        "epoch": checkpoint.epoch - 1,  # counted from 0, as Lightning does
    }
    file = BytesIO()
    torch.save(content, file)
    write_whole(path, file.getvalue())


def _without_folders(value: Any) -> Any:  # noqa: ANN401  # plain data of any kind
    if isinstance(value, dict):
        return {key: _without_folders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def newest_checkpoint(root: str | Path) -> Path:
    """The `last.ckpt` below a folder that was written most recently.

    Raises:
        FileNotFoundError: There is none.
    """
    found = list(Path(root).rglob("checkpoints/last.ckpt"))
    if not found:
        raise FileNotFoundError(
            f"ckpt_path=last found no checkpoints/last.ckpt below {root}; name a file instead"
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def check_resumable(path: str | Path, recipe: Mapping[str, Any]) -> None:
    """Checks that a training with `recipe` can go on from a checkpoint and stay what it was.

    The two must agree in all that makes the result: network, data, optimizer, schedule,
    averaging, seed, devices, precision.

    Args:
        path: The checkpoint.
        recipe: The configuration of the run that wants to go on, as plain data.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint of this project, or one of a run with other settings, or was
            exported.
    """
    checkpoint = load_checkpoint(path)
    if not checkpoint.resumable:
        raise ValueError(
            f"checkpoint {path} was exported without the optimizer's state, which going on needs; "
            "use the run's own last.ckpt"
        )
    before, now = _settings(checkpoint.recipe), _settings(recipe)
    differing = [
        key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)
    ]
    if differing:
        key = differing[0]
        raise ValueError(
            f"checkpoint {path} comes from a run with {key}={before.get(key)}, this run has "
            f"{now.get(key)}: a resumed run needs the settings it began with; repeat them "
            f"({', '.join(differing)})"
        )


def _settings(recipe: Mapping[str, Any]) -> dict[str, Any]:
    # `data_dir` is where, not what.
    groups = {
        name: recipe.get(name)
        for name in (
            "model",
            "data",
            "optimizer",
            "scheduler",
            "label_smoothing",
            "distillation",
            "seed",
        )
    }
    groups["callbacks.averaging"] = recipe.get("callbacks", {}).get("averaging")
    settings = _flatten(groups)
    settings.pop("data.data_dir", None)
    for name in (
        "precision",
        "gradient_clip_val",
        "accumulate_grad_batches",
    ):
        settings[f"trainer.{name}"] = recipe["trainer"].get(name)
    # Older recipes leave out what is Lightning's default.
    settings["trainer.limit_train_batches"] = recipe["trainer"].get("limit_train_batches", 1.0)
    devices = recipe["trainer"].get("devices")
    settings["trainer.devices"] = 1 if devices == "auto" else devices  # which is one, as a rule
    ending = str(settings.get("scheduler._target_")).endswith((".cosine", ".one_cycle"))
    # What happens in or until the last epochs depends on their number.
    if ending or settings.get("data.plain_epochs") or settings.get("callbacks.averaging.epochs"):
        settings["trainer.max_epochs"] = recipe["trainer"]["max_epochs"]
        settings["trainer.max_steps"] = recipe["trainer"].get("max_steps")
    return settings


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


class CheckpointDescription(Callback):
    """Writes into every checkpoint what `load_checkpoint` needs beside Lightning's own content.

    Args:
        recipe: The whole configuration, as plain data.
    """

    def __init__(self, recipe: Any) -> None:  # noqa: ANN401  # whatever a configuration holds
        self.recipe = recipe

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Adds the description."""
        checkpoint[DESCRIPTION] = _description(pl_module, self.recipe)


def _description(model: LightningModule, recipe: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    return {"format_version": FORMAT_VERSION, "model": type(model).__name__, "recipe": recipe}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Saves beside the target and renames, so that a killed process leaves the old file whole.

    Lightning's own way goes through the folder for temporary files; on another file system its
    move is a copy, which can be cut.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,  # noqa: ANN401  # Lightning's signature
    ) -> None:
        """Writes, flushes to the disk, renames.

        Raises:
            OSError: The file can't be written.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file:
            torch.save(checkpoint, file)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} is not a file; name one that a training wrote, such as "
            "outputs/runs/…/checkpoints/best.ckpt"
        )
    try:
        # Explicit: an environment variable can turn torch's default off.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint {path} was not loaded: it is no .ckpt file, or holds more than plain "
            "data, which could run code on this machine; use a .ckpt file that this project wrote"
        ) from error
    except Exception as error:  # torch raises a dozen kinds, depending on the damage
        raise ValueError(
            f"checkpoint {path} can't be read: it is cut, altered or no checkpoint at all; use "
            "a whole copy"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get(DESCRIPTION), dict):
        raise ValueError(
            f"checkpoint {path} was not written by this project: it has no {DESCRIPTION!r} entry; "
            "train one with train.py"
        )
    version = content[DESCRIPTION].get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"checkpoint {path} has format version {version}, this release reads {FORMAT_VERSION}; "
            "use the release that wrote it, or a newer one"
        )
    return content
