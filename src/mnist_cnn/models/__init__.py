"""The networks: one file each, all built on `DigitClassifier`."""

from mnist_cnn.models.base import DigitClassifier
from mnist_cnn.models.bn_cnn import BnCnn
from mnist_cnn.models.compact_cnn import CompactCnn
from mnist_cnn.models.deep_bn_cnn import DeepBnCnn
from mnist_cnn.models.digit_cnn import DigitCnn
from mnist_cnn.models.funnel_cnn import FunnelCnn
from mnist_cnn.models.mlp import Mlp
from mnist_cnn.models.pooled_cnn import PooledCnn
from mnist_cnn.models.residual_cnn import ResidualCnn
from mnist_cnn.models.strided_cnn import StridedCnn
from mnist_cnn.models.unpadded_cnn import UnpaddedCnn

__all__ = [
    "BnCnn",
    "CompactCnn",
    "DeepBnCnn",
    "DigitClassifier",
    "DigitCnn",
    "FunnelCnn",
    "Mlp",
    "PooledCnn",
    "ResidualCnn",
    "StridedCnn",
    "UnpaddedCnn",
]
