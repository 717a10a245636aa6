"""What Hydra calls before and after runs.

Light to import: Hydra loads this before it knows what the user wants.
"""

import sys
from pathlib import Path

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mnist_cnn.errors import one_line
from mnist_cnn.outputs import check_writable
from mnist_cnn.sweeps import summarize


class OutputCheck(Callback):
    """Says in one line, before anything else happens, when results could not be written."""

    def on_run_start(self, config: DictConfig, **kwargs: object) -> None:
        """Checks the folder of a single run."""
        check_writable(Path(config.hydra.run.dir), "output_root=FOLDER")

    def on_multirun_start(self, config: DictConfig, **kwargs: object) -> None:
        """Checks the folder of a sweep."""
        check_writable(Path(config.hydra.sweep.dir), "output_root=FOLDER")


class SweepSummary(Callback):
    """Writes and prints the summary of a sweep; ends the command with an error if a job failed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: object) -> None:
        """Called by Hydra behind the last job."""
        try:
            failed = summarize(Path(config.hydra.sweep.dir))
        except Exception as error:  # Hydra would turn it into a warning, and end with code 0
            sys.exit(f"error: no summary of {config.hydra.sweep.dir}: {one_line(error)}")
        if failed:
            sys.exit(1)
