"""From files to pixels: every format, mode and orientation, and every way to be no image."""

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from mnist_cnn.photos import images
from mnist_cnn.photos.images import ImageError, read_image

Pixels = npt.NDArray[np.uint8]

# Blocks, so that JPEG keeps their middles; no two alike, so that no turn or flip goes unnoticed.
BLOCKS = np.array(
    [[[200, 30, 40], [20, 160, 60], [10, 50, 220]], [[240, 240, 250], [90, 90, 90], [0, 0, 0]]],
    np.uint8,
)
PICTURE = BLOCKS.repeat(16, 0).repeat(16, 1)  # (32, 48, 3), red, green, blue
GREY = PICTURE[..., 1]
RGB = Image.fromarray(PICTURE)

ORIENTATIONS: dict[int, Callable[[Pixels], Pixels]] = {  # from stored to upright pixels
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored),
}


def encode(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width: int, height: int, depth: int, colour: int, rest: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + rest


def tiff(tags: dict[int, int], content: bytes) -> bytes:
    """A little-endian TIFF of one block of data, whose offset and length are tags -1 and -2."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, {-1: start, -2: len(content)}.get(value, value))
        for tag, value in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + content


def ycck_jpeg() -> bytes:
    """Pillow writes CMYK only; Adobe's YCCK is the same file with other values and one flag."""
    ycc = np.asarray(Image.fromarray(255 - PICTURE).convert("YCbCr"))
    black = np.full((*GREY.shape, 1), 255, np.uint8)
    as_cmyk = Image.fromarray(255 - np.concatenate([ycc, black], 2), "CMYK")
    content = encode(as_cmyk, "JPEG", quality=95, subsampling=0)
    flag = content.index(b"Adobe") + 11
    return content[:flag] + b"\x02" + content[flag + 1 :]


def deep(dtype: str) -> Image.Image:
    return Image.fromarray(GREY.astype(dtype) * np.array(257, dtype))


def read_rgb(content: bytes) -> Pixels:
    pixels = read_image(content).pixels
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    return pixels[..., ::-1]


def assert_close(found: Pixels, expected: Pixels, tolerance: int) -> None:
    """Compares the middles of the blocks: lossy formats smear colours over their borders."""
    assert found.shape == expected.shape
    difference = found[8::16, 8::16].astype(int) - expected[8::16, 8::16]
    assert np.abs(difference).max() <= tolerance


PALETTE = RGB.quantize(8)
FRAMES: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", RGB.size, "pink")]}
JPEG: dict[str, Any] = {"quality": 95, "subsampling": 0}
EXACT = {
    "png": encode(RGB, "PNG"),
    "bmp": encode(RGB, "BMP"),
    "ppm": encode(RGB, "PPM"),
    "plain ppm": b"P3 48 32 255 " + " ".join(map(str, PICTURE.ravel())).encode(),
    "webp": encode(RGB, "WEBP", lossless=True),
    "tiff": encode(RGB, "TIFF"),
    "tiff of 16 bits": tiff(
        {256: 48, 257: 32, 258: 16, 259: 1, 262: 2, 273: -1, 277: 3, 278: 32, 279: -2},
        (PICTURE.astype("<u2") * 257).tobytes(),
    ),
    "big tiff": encode(RGB, "TIFF", big_tiff=True),
    "png palette": encode(PALETTE, "PNG"),
    "gif": encode(PALETTE, "GIF"),
    "bmp palette": encode(PALETTE, "BMP"),
    "tiff palette": encode(PALETTE, "TIFF"),
    "opaque rgba": encode(RGB.convert("RGBA"), "PNG"),
    "animated png": encode(RGB, "PNG", **FRAMES),
    "animated webp": encode(RGB, "WEBP", lossless=True, **FRAMES),
    "animated gif": encode(PALETTE, "GIF", **FRAMES),
    "tiff of pages": encode(RGB, "TIFF", **FRAMES),
    **{
        f"tiff {packing}": encode(RGB, "TIFF", compression=packing)
        for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")
    },
}
LOSSY = {
    "jpeg": (encode(RGB, "JPEG", **JPEG), 3),
    "progressive jpeg": (encode(RGB, "JPEG", progressive=True, **JPEG), 3),
    "mpo": (encode(RGB, "MPO", **JPEG, **FRAMES), 3),
    "cmyk jpeg": (encode(RGB.convert("CMYK"), "JPEG", **JPEG), 3),
    "ycck jpeg": (ycck_jpeg(), 4),
    "cmyk tiff": (encode(RGB.convert("CMYK"), "TIFF"), 0),
    "ycbcr tiff": (encode(RGB.convert("YCbCr"), "TIFF"), 2),
    "jpeg tiff": (encode(RGB, "TIFF", compression="jpeg", quality=95), 3),
    "lossy webp": (encode(RGB, "WEBP", quality=100), 5),
}
DEEP = {
    "grey png": encode(Image.fromarray(GREY), "PNG"),
    "grey jpeg": encode(Image.fromarray(GREY), "JPEG", quality=100),
    "grey tiff": encode(Image.fromarray(GREY), "TIFF"),
    "pgm": encode(Image.fromarray(GREY), "PPM"),
    "I;16 png": encode(deep("<u2"), "PNG"),
    "I;16 tiff": encode(deep("<u2"), "TIFF"),
    "I;16B tiff": encode(deep(">u2"), "TIFF"),
    "I pgm": encode(deep("int32"), "PPM"),
    "I tiff": encode(deep("int32"), "TIFF"),
    "I tiff to 255": encode(Image.fromarray(GREY.astype(np.int32)), "TIFF"),
    "I tiff to 240000": encode(Image.fromarray(GREY.astype(np.int32) * 1000), "TIFF"),
    "F tiff": encode(deep("float32"), "TIFF"),
    "F tiff to 1": encode(Image.fromarray(GREY.astype(np.float32) / 255), "TIFF"),
    "F tiff to 255": encode(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
    "F pfm": encode(deep("float32"), "PPM"),
}


@pytest.mark.parametrize("name", EXACT)
def test_format_gives_the_picture(name: str) -> None:
    np.testing.assert_array_equal(read_rgb(EXACT[name]), PICTURE)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_format_gives_nearly_the_picture(name: str) -> None:
    content, tolerance = LOSSY[name]
    assert_close(read_rgb(content), PICTURE, tolerance)


@pytest.mark.parametrize("name", DEEP)
def test_grey_of_any_depth_is_scaled_to_8_bits(name: str) -> None:
    expected = GREY.astype(np.float64)
    if name == "I tiff to 240000":  # no usual white: the brightest is
        expected *= 255 / 240
    assert_close(read_rgb(DEEP[name]), np.rint(expected)[..., None].repeat(3, 2), 1)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -5.0])
def test_floats_that_are_no_brightness_are_black(value: float) -> None:
    grey = np.full((2, 3), 0.5, np.float32)
    grey[0, 0] = value
    expected = [[0, 128, 128], [128, 128, 128]]
    assert read_rgb(encode(Image.fromarray(grey), "TIFF"))[..., 0].tolist() == expected


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP", "PPM", "GIF"])
def test_1_bit(format_: str) -> None:
    image = Image.fromarray(GREY > 128)
    expected = np.uint8(255) * (GREY > 128)[..., None].repeat(3, 2)
    np.testing.assert_array_equal(read_rgb(encode(image, format_)), expected)


@pytest.mark.parametrize("packing", ["group3", "group4"])
def test_fax(packing: str) -> None:
    content = encode(Image.fromarray(GREY > 128), "TIFF", compression=packing)
    np.testing.assert_array_equal(read_rgb(content)[..., 0], (GREY > 128) * 255)


def test_lab_becomes_srgb() -> None:
    lab = ImageCms.profileToProfile(
        RGB, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert_close(read_rgb(encode(lab, "TIFF")), PICTURE, 16)  # Lab of 8 bits is coarse


def test_bands_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_cnn.photos.modes.BAND_PIXELS", 48 * 5)
    np.testing.assert_array_equal(read_rgb(EXACT["png"]), PICTURE)
    monkeypatch.setattr("mnist_cnn.photos.modes.BAND_PIXELS", 1)
    np.testing.assert_array_equal(read_rgb(EXACT["png palette"]), PICTURE)


def test_one_pixel() -> None:
    content = encode(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")
    assert read_image(content).pixels.tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("JPEG", JPEG),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_orientation(format_: str, options: dict[str, Any], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_rgb(encode(RGB, format_, exif=exif, **options))
    assert_close(found, ORIENTATIONS[orientation](PICTURE), 3 if format_ == "JPEG" else 0)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(("enough", "factor"), [(None, 1), (48, 1), (25, 1), (24, 2), (1, 8)])
def test_a_jpeg_is_reduced_to_what_is_enough(
    format_: str, orientation: int, enough: int | None, factor: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_image(encode(RGB, format_, exif=exif), enough)
    expected = ORIENTATIONS[orientation](PICTURE)
    assert photo.size == expected.shape[:2]
    factor = factor if format_ == "JPEG" else 1
    assert photo.pixels.shape == (photo.size[0] // factor, photo.size[1] // factor, 3)
    blocks = expected.reshape(photo.pixels.shape[0], factor, photo.pixels.shape[1], factor, 3)
    if factor <= 2:
        assert abs(photo.pixels[..., ::-1] - blocks.mean(axis=(1, 3))).mean() < 12


@pytest.mark.parametrize("image", [PALETTE, deep("<u2"), RGB.convert("RGBA"), RGB.convert("1")])
def test_orientation_in_other_modes(image: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.rot90(read_rgb(encode(image, "PNG")), -1)
    np.testing.assert_array_equal(read_rgb(encode(image, "PNG", exif=exif)), upright)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12",
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",  # no such turn
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02six\0\0\0\0\0",
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_no_reason_to_refuse(format_: str, exif: bytes) -> None:
    assert_close(read_rgb(encode(RGB, format_, exif=exif, quality=95)), PICTURE, 5)


def drawing(ink: tuple[int, int, int], alpha: int = 255) -> Image.Image:
    """A stroke with a half transparent black rim on a transparent ground of the same colour."""
    image = Image.new("RGBA", (60, 40), (*ink, 0))
    image.paste((0, 0, 0, alpha // 2), (9, 9, 51, 21))
    image.paste((*ink, alpha), (10, 10, 50, 20))
    return image


@pytest.mark.parametrize(
    ("image", "ground", "stroke"),
    [
        (drawing((0, 0, 0)), 255, [0, 0, 0]),
        (drawing((200, 0, 0)), 255, [200, 0, 0]),
        (drawing((255, 255, 255)), 0, [255, 255, 255]),
        (drawing((255, 255, 0)), 0, [255, 255, 0]),
        (drawing((0, 0, 0), alpha=51), 255, [204, 204, 204]),
        (drawing((255, 255, 255), alpha=51), 0, [51, 51, 51]),
        (drawing((0, 0, 0), alpha=0), 255, [255, 255, 255]),
        (drawing((255, 255, 255), alpha=0), 255, [255, 255, 255]),
    ],
)
@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_transparency_keeps_the_ink_visible(
    format_: str, image: Image.Image, ground: int, stroke: list[int]
) -> None:
    options = {"lossless": True, "exact": True} if format_ == "WEBP" else {}
    pixels = read_rgb(encode(image, format_, **options))
    assert pixels[0, 0].tolist() == [ground] * 3
    assert pixels[15, 30].tolist() == stroke


def test_paper_that_was_cut_out_lies_on_white() -> None:
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((250, 250, 250, 255), (20, 20, 180, 80))
    image.paste((30, 30, 30, 255), (90, 40, 94, 60))
    pixels = read_rgb(encode(image, "PNG"))
    assert pixels[0, 0].tolist() == [255] * 3
    assert pixels[50, 92].tolist() == [30] * 3


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_colour_of_each_mode(ink: int) -> None:
    stroke = np.full((8, 8), 255 - ink, np.uint8)
    stroke[2:6, 3:5] = ink
    image, ground = Image.fromarray(stroke), 255 - ink
    contents = [
        encode(image, "PNG", transparency=ground),
        encode(image.convert("1"), "PNG", transparency=ground),
        encode(image.convert("RGB"), "PNG", transparency=(ground,) * 3),
        encode(image.convert("P"), "PNG", transparency=ground),
        encode(image.convert("P"), "GIF", transparency=ground),
        encode(Image.merge("LA", (image, Image.fromarray((stroke == ink) * np.uint8(255)))), "PNG"),
    ]
    for content in contents:
        np.testing.assert_array_equal(read_rgb(content)[..., 0], stroke)


def test_path_and_bytes_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo with no suffix"
    path.write_bytes(EXACT["png"])
    np.testing.assert_array_equal(read_image(path).pixels, read_image(EXACT["png"]).pixels)


BOMB = r"has more than 100,000,000 pixels \(or 50,000,000 as WebP\); scale it down$"
BOMBS = {
    "png": png(100_000, 100_000, 8, 2, png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")),
    "png just above": png(10_001, 10_000, 1, 0, png_chunk(b"IDAT", b"")),
    "png line": png(1, 100_000_001, 1, 0, png_chunk(b"IDAT", b"")),
    "gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + EXACT["gif"][10:],
    "webp": EXACT["webp"][:21] + struct.pack("<I", 16382 | 16382 << 14) + EXACT["webp"][25:],
    "webp just above": EXACT["webp"][:21]
    + struct.pack("<I", 9999 | 5000 << 14)
    + EXACT["webp"][25:],
    "ppm": b"P6 100000 100000 255 ",
    "bmp": b"BM" + bytes(8) + struct.pack("<IIiiHHIIiiII", 54, 40, 60000, 60000, 1, 24, *[0] * 6),
    "tile": tiff(  # the image is of 10 × 10 pixels
        {
            256: 10,
            257: 10,
            258: 8,
            259: 8,
            262: 1,
            277: 1,
            322: 40000,
            323: 40000,
            324: -1,
            325: -2,
        },
        zlib.compress(bytes(1000)),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_decompression_bomb_is_refused(name: str) -> None:
    with pytest.raises(ImageError, match=f"^- {BOMB}"):
        read_image(BOMBS[name])


@pytest.mark.parametrize(("name", "limit"), [("png", "MAX_PIXELS"), ("webp", "MAX_WEBP_PIXELS")])
def test_largest_size_is_read(name: str, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, limit, 48 * 32)
    assert read_image(EXACT[name]).pixels.shape == (32, 48, 3)
    monkeypatch.setattr(images, limit, 48 * 32 - 1)
    with pytest.raises(ImageError, match=r"has more than .*\b1,535\b.*; scale it down"):
        read_image(EXACT[name])


def test_too_little_memory_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "to_bgr", fail)
    with pytest.raises(ImageError, match=r"^- takes more memory than there is; scale it down$"):
        read_image(EXACT["png"])


NO_IMAGE = (
    r"is no image in the format PNG, JPEG, BMP, GIF, TIFF, WEBP or PPM, or its beginning is "
    r"damaged; save it as PNG or JPEG$"
)


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"7",
        b"Dear reader, this is a letter.\n" * 50,
        b"%PDF-1.7\n" + bytes(500),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        LOSSY["jpeg"][0][:2],
    ],
)
def test_what_is_no_image_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(content)
    with pytest.raises(ImageError, match=f"scan.png {NO_IMAGE}"):
        read_image(tmp_path / "scan.png")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, r"can't be read \(No such file.*\); check its path and permissions$"),
        (lambda path: path.symlink_to(path), r"can't be read \(.*\); check its path"),
        (lambda path: path.mkdir(), "is a folder; give an image file$"),
        (lambda path: path.touch(), "is empty; give an image$"),
        (os.mkfifo, "is a pipe or a device; give an image file$"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device; give an image file$"),
        (
            lambda path: path.write_bytes(EXACT["png"][:-60]),
            r"is damaged or cut short \(.+\); replace it by a whole copy$",
        ),
    ],
)
def test_bad_file_is_refused_by_name(
    make: Callable[[Path], object], complaint: str, tmp_path: Path
) -> None:
    make(tmp_path / "page [1].png")
    with pytest.raises(ImageError, match=r"page \[1\].png " + complaint):
        read_image(tmp_path / "page [1].png")


def test_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything
    with pytest.raises(ImageError, match=r"a.png can't be read \(Permission denied\); check its"):
        read_image(tmp_path / "a.png")


def test_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)
    with pytest.raises(ImageError, match=r"a.tif has more than 800,000,000 bytes; scale it down$"):
        read_image(tmp_path / "a.tif")


def test_name_that_is_too_long() -> None:
    with pytest.raises(ImageError, match=r"can't be read \(File name too long\)"):
        read_image(Path("a" * 5000))


def test_message_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "two\nlines\x1b[31m.png")
    assert str(caught.value).isprintable()


TRUNCATED = {**EXACT, **{name: content for name, (content, _) in LOSSY.items()}, **DEEP}


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_file_is_never_half_a_picture(name: str) -> None:
    content = TRUNCATED[name]
    whole = read_image(content).pixels
    for length in {*range(0, len(content), max(1, len(content) // 60)), len(content) - 1}:
        try:
            pixels = read_image(content[:length]).pixels
        except ImageError:
            continue
        np.testing.assert_array_equal(pixels, whole)  # what was cut off was no pixels


def test_nothing_is_printed(tmp_path: Path) -> None:
    """In a process of its own, as pytest catches what is logged; warnings are errors."""
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(tiff({256: 9, 257: 9, 258: 8, 259: 8, 262: 1, 273: -1, 279: -2}, b"x" * 99))
    samples = tmp_path / "samples.tif"
    samples.write_bytes(tiff({256: 9, 257: 9, 258: 8, 259: 1, 277: 500, 273: -1, 279: -2}, b"x"))
    script = f"""
from pathlib import Path
from mnist_cnn.photos.images import ImageError, read_image
for path in Path({str(tmp_path)!r}).iterdir():
    try:
        read_image(path)
    except ImageError:
        print("refused")
"""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused\n" * 2, "")


def test_stderr_may_be_closed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(EXACT["png"])
    script = (
        "from pathlib import Path; from mnist_cnn.photos.images import read_image; "
        f"print(read_image(Path({str(tmp_path / 'a.png')!r})).pixels.shape)"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, script], capture_output=True
    )
    assert done.stdout == b"(32, 48, 3)\n"


def seeds() -> list[bytes]:
    """Small files of every decoder, so that each mutation weighs."""
    rgb = RGB.resize((9, 7))
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.getchannel("R"))
    grey = Image.fromarray(np.asarray(rgb)[..., 0] * np.uint16(257))
    exif = Image.Exif()
    exif[0x0112] = 6
    lossless = [encode(image, "PNG", exif=exif) for image in (rgb, rgba, grey, rgb.quantize(9))]
    jpegs = [encode(rgb.convert(mode), "JPEG", exif=exif) for mode in ("RGB", "L", "CMYK")]
    gifs = [encode(rgb.quantize(9), "GIF", **FRAMES), encode(rgba, "GIF")]
    others = [encode(rgb, "BMP"), encode(rgb, "PPM"), encode(rgb.quantize(9), "BMP")]
    webps = [encode(rgb, "WEBP"), encode(rgba, "WEBP", lossless=True, exif=exif)]
    packings = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
    tiffs = [encode(rgb, "TIFF", compression=packing) for packing in packings]
    tiffs += [encode(grey, "TIFF"), encode(rgb.convert("1"), "TIFF", compression="group4")]
    progressive = encode(rgb, "JPEG", progressive=True)
    return [*lossless, *jpegs, progressive, *gifs, *others, *webps, *tiffs]


SEEDS = seeds()
EDITS = st.tuples(
    st.sampled_from(["flip", "set", "cut", "delete", "insert", "splice"]),
    st.floats(0, 1, exclude_max=True),  # where
    st.binary(min_size=1, max_size=8)
    | st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]),
    st.sampled_from(SEEDS),
)


def mutate(content: bytes, kind: str, where: float, patch: bytes, other: bytes) -> bytes:
    at = int(where * len(content))
    before, after = content[:at], content[at:]
    match kind:
        case "flip":
            return before + bytes(byte ^ (1 << patch[0] % 8) for byte in after[:1]) + after[1:]
        case "set":
            return before + patch + after[len(patch) :]
        case "cut":
            return before
        case "delete":
            return before + after[len(patch) :]
        case "insert":
            return before + patch + after
    return before + other[int(where * len(other)) :]


# 20,000 examples, which take a minute, found nothing more.
@settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(SEEDS), st.lists(EDITS, min_size=1, max_size=6))
def test_damaged_file_is_an_image_or_an_error(content: bytes, edits: list[Any]) -> None:
    for edit in edits:
        content = mutate(content, *edit)
    try:
        pixels = read_image(content).pixels
    except ImageError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.size > 0
