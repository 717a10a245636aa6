"""Writes networks for programs without torch."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from mnist_cnn.checkpoints import Checkpoint
from mnist_cnn.data import Normalization, build_normalization
from mnist_cnn.models import DigitClassifier
from mnist_cnn.outputs import write_whole

HALF_MAX = float(np.finfo(np.float16).max)


class PixelsToProbabilities(nn.Module):
    """A network with all that is around it: nobody can pair it with the wrong normalisation.

    Args:
        model: The network.
        normalize: The normalisation of its training.
    """

    def __init__(self, model: DigitClassifier, normalize: Normalization) -> None:
        super().__init__()
        # Only the layers: the rest of a LightningModule is for training.
        self.layers, self.normalize = model.layers, normalize

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities (N, K) of the classes for images (N, C, H, W), float, 0 to 255."""
        # A copy: normalisations work in place on what is float already.
        probabilities: Tensor = self.layers(self.normalize(images.clone())).softmax(dim=1)
        return probabilities


def export_onnx(checkpoint: Checkpoint, path: Path, *, half: bool = False) -> None:
    """Writes a network as one ONNX file, from pixels to probabilities.

    Args:
        checkpoint: Of the network.
        path: The file, whose folder exists.
        half: Stores the weights as half floats, in half the bytes. The probabilities of the bundled
            network change by 0.0012 at most.

    Raises:
        OSError: The file can't be written.
        ValueError: A weight is too large for a half float.
    """
    network = PixelsToProbabilities(
        checkpoint.model, build_normalization(checkpoint.normalization)
    ).eval()
    shape = checkpoint.model.hparams["input_shape"]
    program = torch.onnx.export(
        network,
        (torch.zeros(2, *shape),),  # of one image, the number would be taken for a constant
        input_names=["images"],
        output_names=["probabilities"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        external_data=False,
        verbose=False,
    )
    model = program.model_proto  # type: ignore[union-attr]  # dynamo
    for node in model.graph.node:
        node.ClearField("metadata_props")  # stack traces, with this machine's paths
    if half:
        _store_as_half(model.graph)
    write_whole(path, model.SerializeToString())


def _store_as_half(graph: onnx.GraphProto) -> None:
    """Rounds the weights to half floats, which become floats again as the network is read."""
    for stored in graph.initializer:
        weights = numpy_helper.to_array(stored)
        if weights.dtype == np.float32 and weights.ndim > 1:  # biases are few
            name, largest = stored.name, np.abs(weights).max()
            if not largest <= HALF_MAX:
                raise ValueError(
                    f"weight {name} reaches {largest:g}, half floats end at {HALF_MAX:g}; export "
                    "without --half"
                )
            stored.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}_half"))
            to_float = helper.make_node("Cast", [stored.name], [name], to=onnx.TensorProto.FLOAT)
            graph.node.insert(0, to_float)
