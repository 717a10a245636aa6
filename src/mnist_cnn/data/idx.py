"""The IDX file format, in which MNIST is published."""

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_cnn.outputs import write_whole

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Maps an IDX file of unsigned bytes into memory, from where it is read when it is used.

    So a file may be larger than the memory, and processes share what they read.

    The format (http://yann.lecun.com/exdb/mnist): two zero bytes, a byte for the type of the
    elements, a byte for the number of dimensions, each size as a big-endian 32-bit integer, then
    the elements in C order.

    Args:
        path: The file.

    Returns:
        A read-only array of the stored shape: images are (N, H, W) or (N, C, H, W), labels (N,).
        It shows what is changed in the file; `write_idx` puts a new file in its place instead.

    Raises:
        ValueError: The file is no IDX file of unsigned bytes, or its length isn't what it says.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if len(start) < 4 or start[:3] != bytes([0, 0, UNSIGNED_BYTE]):
            raise ValueError(
                f"{path} starts with {start.hex() or 'nothing'}, an IDX file of unsigned bytes "
                "with 000008; replace it by one of the MNIST files"
            )
        sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise ValueError(f"{path} ends inside its header; replace it by a whole copy")
    shape = struct.unpack(f">{start[3]}I", sizes)
    header = len(start) + len(sizes)
    elements = path.stat().st_size - header
    if elements != math.prod(shape):
        raise ValueError(
            f"{path} holds {elements} elements, its header promises {math.prod(shape)}; replace it "
            "by a whole copy"
        )
    if elements == 0:  # which can't be mapped
        return np.zeros(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", offset=header, shape=shape)


def write_idx(path: Path, values: npt.NDArray[np.uint8]) -> None:
    """Writes an IDX file; see `read_idx`.

    Args:
        path: The file; whoever reads it never sees half of it.
        values: Of any shape.
    """
    header = struct.pack(f">HBB{values.ndim}I", 0, UNSIGNED_BYTE, values.ndim, *values.shape)
    write_whole(path, header + values.tobytes())
