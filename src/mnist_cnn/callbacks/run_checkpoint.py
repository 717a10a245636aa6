"""The checkpoints of a run."""

import logging
import shutil
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

log = logging.getLogger(__name__)


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, whose files a resumed run takes over into its own folder.

    Lightning would forget the best score there, and the first epoch after a resumption would
    replace a better one before it.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Notes where the run is resumed from."""
        super().setup(trainer, pl_module, stage)
        self._resumed = Path(trainer.ckpt_path) if trainer.ckpt_path else None

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Copies the best file from beside the one that is resumed; without it, starts anew."""
        name = Path(state_dict["best_model_path"]).name
        if not name or self._resumed is None:
            return
        before = self._resumed.parent / name
        if not before.is_file():
            log.warning("%s is gone: the best epoch is sought among the coming ones", before)
            return
        taken_over = Path(str(self.dirpath), name)
        taken_over.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(before, taken_over)
        moved = {
            "dirpath": self.dirpath,
            "best_model_path": str(taken_over),
            "best_k_models": {str(taken_over): state_dict["best_model_score"]},
            "kth_best_model_path": str(taken_over),
        }
        super().load_state_dict(state_dict | moved)
