"""How good is a network, or several together? Their predictions, and all that follows from them."""

from mnist_cnn.evaluation.ensembles import evaluate_together
from mnist_cnn.evaluation.predictions import MNIST_DOUBTFUL, Member, Predictions, evaluate

__all__ = ["MNIST_DOUBTFUL", "Member", "Predictions", "evaluate", "evaluate_together"]
