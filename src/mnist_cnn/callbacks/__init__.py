"""What a run does besides training. conf/callbacks lists those that can be chosen or dropped."""

from mnist_cnn.callbacks.digit_pictures import DigitPictures
from mnist_cnn.callbacks.exact_resume import ExactResume
from mnist_cnn.callbacks.finite_loss import FiniteLoss
from mnist_cnn.callbacks.history import History
from mnist_cnn.callbacks.interrupt import Interrupt
from mnist_cnn.callbacks.last_epochs_average import LastEpochsAverage
from mnist_cnn.callbacks.moving_average import MovingAverage
from mnist_cnn.callbacks.network_summary import NetworkSummary
from mnist_cnn.callbacks.progress_bar import ProgressBar
from mnist_cnn.callbacks.run_checkpoint import RunCheckpoint
from mnist_cnn.callbacks.step_curves import StepCurves

__all__ = [
    "DigitPictures",
    "ExactResume",
    "FiniteLoss",
    "History",
    "Interrupt",
    "LastEpochsAverage",
    "MovingAverage",
    "NetworkSummary",
    "ProgressBar",
    "RunCheckpoint",
    "StepCurves",
]
