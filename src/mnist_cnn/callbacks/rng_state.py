"""Makes a resumed training repeat the uninterrupted one."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


class RngState(Callback):
    """Keeps the state of torch's random numbers (dropout) in the checkpoint; Lightning doesn't.

    The order of the images needs no such thing: it is a function of seed and epoch.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """The states of the CPU's generator and of each GPU's: uint8 tensors."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the states until training starts, since setting up draws random numbers too."""
        self._loaded = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the states."""
        if not self._loaded:
            return
        torch.set_rng_state(self._loaded["cpu"])
        # A run may resume on a machine with other GPUs; then there is no state to restore.
        if len(self._loaded["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self._loaded["cuda"])
