"""Which images a path on the command line stands for."""

from pathlib import Path

import pytest

from mnist_cnn.photos.files import IMAGE_SUFFIXES, find_images
from mnist_cnn.photos.images import ImageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ["10.png", "2.JPG", "1.tiff", "b.jpeg", "A.webp", ".hidden.png", "notes.txt"]
    for name in [*names, "deep/3.png", "deep/deeper/4.png", ".thumbs/5.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(path: str) -> list[str]:
    return [str(image) for image in find_images(path)]


def test_usual_suffixes_are_known() -> None:
    assert {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"} < IMAGE_SUFFIXES
    assert not {".pdf", ".eps", ".txt", ""} & IMAGE_SUFFIXES


def test_folder_gives_its_images_in_natural_order(folder: Path) -> None:
    names = ["1.tiff", "2.JPG", "10.png", "A.webp", "b.jpeg"]
    assert find_images(str(folder)) == [folder / name for name in names]
    assert found(".") == names


@pytest.mark.parametrize("path", ["2.JPG", "notes.txt", ".hidden.png", "deep/3.png"])
def test_file_is_taken_whatever_its_name(folder: Path, path: str) -> None:
    assert found(path) == [path]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["10.png"]),
        ("[12]*", ["1.tiff", "2.JPG", "10.png"]),
        ("?.*", ["1.tiff", "2.JPG", "A.webp", "b.jpeg"]),
        ("**/*.png", ["10.png", "deep/3.png", "deep/deeper/4.png"]),
        ("*/*.png", ["deep/3.png"]),
        ("n*", ["notes.txt"]),
    ],
)
def test_pattern(folder: Path, pattern: str, expected: list[str]) -> None:
    assert found(pattern) == expected
    assert find_images(f"{folder}/{pattern}") == [folder / name for name in expected]


@pytest.mark.parametrize("name", ["1[2].png", "*.png", "a?.png"])
def test_file_whose_name_is_a_pattern_is_itself(folder: Path, name: str) -> None:
    (folder / name).touch()
    assert found(name) == [name]


def test_folder_whose_name_is_a_pattern_is_itself(folder: Path) -> None:
    (folder / "[ab]").mkdir()
    (folder / "[ab]" / "1.png").touch()
    assert found("[ab]") == ["[ab]/1.png"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (
            "folder.png",
            r"^folder.png is a folder without images of its own \(.*\.png, .*\); check the path$",
        ),
        ("lost.png", "^lost.png is no file or folder, and no file matches it as a pattern; check"),
        ("lost/*.png", r"^lost/\*.png is no file or folder, and no file matches it as a pattern"),
        ("**/*.gif", r"^\*\*/\*.gif is no file"),
        ("[", r"^\[ is no file"),
        ("deep*", r"^deep\* is no file"),
        ("a" * 5000, r"^a{5000} can't be read \(File name too long\); check the path$"),
        ("a\nb", r"^'a\\nb' is no file"),
    ],
)
def test_path_without_images_is_refused(folder: Path, path: str, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        find_images(path)


def test_folder_without_permission(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read everything
    with pytest.raises(ImageError, match=r"^deep can't be read \(Permission denied\); check the"):
        find_images("deep")
