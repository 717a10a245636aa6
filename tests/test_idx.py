"""Reading IDX files."""

from pathlib import Path

import numpy as np
import pytest

from fake_mnist import write_idx
from mnist_cnn.data.idx import read_idx

LABELS_HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 3])
IMAGES_HEADER = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])


@pytest.mark.parametrize("shape", [(7,), (3, 5, 4), (0, 28, 28), (300, 2, 1)])
def test_read_returns_what_was_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    write_idx(tmp_path / "array", array)
    read = read_idx(tmp_path / "array")
    assert read.dtype == np.uint8
    assert read.shape == shape
    np.testing.assert_array_equal(read, array)


def test_bytes_are_read_in_c_order(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(IMAGES_HEADER + bytes(range(24)))
    image = [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
    assert read_idx(tmp_path / "images")[1].tolist() == image


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "starts with nothing, an IDX file of unsigned bytes with 000008"),
        (b"\0\0\x08", "starts with 000008, "),
        (b"\x1f\x8b\x08\x08" + bytes(20), "starts with 1f8b0808, "),
        (b"\0\x01" + LABELS_HEADER[2:] + bytes(3), "starts with 00010801, "),
        (b"\0\0\x09" + LABELS_HEADER[3:] + bytes(3), "starts with 00000901, "),
        (b"\0\0\x0d" + LABELS_HEADER[3:] + bytes(12), "starts with 00000d01, "),
        (IMAGES_HEADER[:4], "ends inside its header"),
        (IMAGES_HEADER[:-1], "ends inside its header"),
        (IMAGES_HEADER, "holds 0 elements, its header promises 24"),
        (IMAGES_HEADER + bytes(23), "holds 23 elements, its header promises 24"),
        (IMAGES_HEADER + bytes(25), "holds 25 elements, its header promises 24"),
        (LABELS_HEADER + bytes(2), "holds 2 elements, its header promises 3"),
        (LABELS_HEADER + bytes(4), "holds 4 elements, its header promises 3"),
    ],
)
def test_bad_file_is_refused_by_name(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "some-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "; replace it by " in str(caught.value)
