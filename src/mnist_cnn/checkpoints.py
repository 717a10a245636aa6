"""The one place that turns a file into a network, and decides which files may be loaded."""

import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from mnist_cnn.data import MnistDataModule
from mnist_cnn.models import DigitClassifier

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
        data: Arguments of the data module it was trained with.
        recipe: The whole configuration of its training, as plain data.
    """

    path: Path
    model: DigitClassifier
    epoch: int
    data: dict[str, Any]
    recipe: dict[str, Any]

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
    return Checkpoint(Path(path), model.eval(), epoch, data, description.get("recipe", {}))


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


def check_resumable(path: str | Path, model: DigitClassifier) -> None:
    """Checks that a training of `model` can go on from a checkpoint.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint of this project, or one of another network.
    """
    saved = load_checkpoint(path).model
    if _describe(saved) != _describe(model):
        raise ValueError(
            f"checkpoint {path} holds {_describe(saved)}, this run trains {_describe(model)}; "
            "resume with the model settings of that run"
        )


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
        checkpoint[DESCRIPTION] = {
            "format_version": FORMAT_VERSION,
            "model": type(pl_module).__name__,
            "recipe": self.recipe,
        }


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, whose files a resumed run takes over into its own folder.

    Lightning would forget the best score there, and the first epoch after a resumption would
    replace a better one before it.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Copies the best file of the run before; starts anew if it isn't there any more."""
        before = Path(state_dict["best_model_path"])
        if not before.is_file():
            return
        taken_over = Path(str(self.dirpath), before.name)
        taken_over.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(before, taken_over)
        moved = {
            "dirpath": self.dirpath,
            "best_model_path": str(taken_over),
            "best_k_models": {str(taken_over): state_dict["best_model_score"]},
            "kth_best_model_path": str(taken_over),
        }
        super().load_state_dict(state_dict | moved)


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
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as file:
            try:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


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
            f"checkpoint {path} was not loaded: it is no checkpoint, or holds more than plain "
            "data, which could run code on this machine; use one that this project wrote"
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
            "update mnist-cnn"
        )
    return content


def _describe(model: DigitClassifier) -> str:
    return f"{type(model).__name__}({', '.join(f'{k}={v}' for k, v in model.hparams.items())})"
