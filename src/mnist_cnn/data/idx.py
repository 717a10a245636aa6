"""The IDX file format, in which MNIST is published."""

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_cnn.outputs import write_whole

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Reads an IDX file of unsigned bytes.

    The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a byte for the type of the
    elements, a byte for the number of dimensions, each size as a big-endian 32-bit integer, then
    the elements in C order.

    Args:
        path: The file.

    Returns:
        A read-only array of the stored shape: images are (N, H, W) or (N, C, H, W), labels (N,).

    Raises:
        ValueError: The file is no IDX file of unsigned bytes, or its length isn't what it says.
    """
    content = path.read_bytes()
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise ValueError(
            f"{path} starts with {content[:4].hex() or 'nothing'}, an IDX file of unsigned bytes "
            "with 000008; replace it by one of the MNIST files"
        )
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise ValueError(f"{path} ends inside its header; replace it by a whole copy")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise ValueError(
            f"{path} holds {len(content) - header} elements, its header promises "
            f"{math.prod(shape)}; replace it by a whole copy"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def write_idx(path: Path, values: npt.NDArray[np.uint8]) -> None:
    """Writes an IDX file; see `read_idx`.

    Args:
        path: The file; whoever reads it never sees half of it.
        values: Of any shape.
    """
    header = struct.pack(f">HBB{values.ndim}I", 0, UNSIGNED_BYTE, values.ndim, *values.shape)
    write_whole(path, header + values.tobytes())
