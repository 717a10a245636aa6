"""The data a network for photos learns from: the labels of candidates, and the files."""

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from torch.optim import SGD

from conftest import STANDARDIZE, FakeData, quiet_trainer
from fake_mnist import draw_digit
from mnist_cnn.data import MnistDataModule, photo_digits, photo_files
from mnist_cnn.data.idx import read_idx, write_idx
from mnist_cnn.data.photo_digits import (
    MOST_PAGES,
    NO_DIGIT,
    ink_polarity,
    label_candidates,
    simulate_digits,
)
from mnist_cnn.data.photo_files import read_part, write_photo_files
from mnist_cnn.models import Mlp
from mnist_cnn.photos.cuts import ALONG
from mnist_cnn.photos.glyphs import stands_alone
from mnist_cnn.photos.ink import Ink
from mnist_cnn.photos.lines import Line
from mnist_cnn.photos.page import Page, read_pages, working_grey
from mnist_cnn.photos.pieces import Piece, crop
from mnist_cnn.schedulers import constant
from mnist_cnn.simulator import OTHERS, Scene, simulate

Pixels = npt.NDArray[np.uint8]
SIZE = (500, 600)  # the working size is this size
GENERATOR = np.random.default_rng(0)
LABELS = np.arange(40) % 10
DIGITS = np.stack([draw_digit(int(label), GENERATOR) for label in LABELS])


def scene_of(owners: Pixels, line: str, light: bool = False) -> Scene:
    image = np.where(owners > 0, 50, 220).astype(np.uint8)[..., None].repeat(3, axis=2)
    return Scene(255 - image if light else image, (line,), (), owners)


def two_rings(second: int = 350) -> Pixels:
    owners = np.zeros(SIZE, np.uint8)
    cv2.ellipse(owners, (200, 250), (50, 80), 0, 0, 360, 1, 14)
    cv2.ellipse(owners, (second, 250), (50, 80), 0, 0, 360, 2, 14)
    return owners


def page_of(found: npt.NDArray[np.bool_], *masks: npt.NDArray[np.bool_]) -> Page:
    """A page on which some ink was found, with a candidate of each mask's ink."""
    mask = np.where(found, 255, 0).astype(np.uint8)
    ink = Ink((mask / 255).astype(np.float32), mask, 0.8, "dark", 0.04)
    pieces = [crop(0, 0, np.where(own, 255, 0).astype(np.uint8))[0] for own in masks]
    lines = [Line([piece], 100.0) for piece in pieces]
    return Page(1.0, np.zeros(SIZE, np.uint8), ink, mask, 14.0, lines)


def label_of(scene: Scene, mask: npt.NDArray[np.bool_]) -> int:
    """The label of one candidate with a mask's ink, on a page where all ink was found."""
    (label,), _ = label_candidates(scene, page_of((scene.owners > 0) | mask, mask))
    return int(label)


ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]


def test_a_whole_digit_has_its_label() -> None:
    owners = two_rings()
    scene = scene_of(owners, "07")
    assert label_of(scene, owners == 1) == 0
    assert label_of(scene, owners == 2) == 7


@pytest.mark.parametrize(
    ("share", "label"), [(0.3, NO_DIGIT), (0.5, NO_DIGIT), (0.75, -1), (0.95, 4)]
)
def test_a_part_of_a_digit_is_labelled_by_its_share(share: float, label: int) -> None:
    owners = np.zeros(SIZE, np.uint8)
    owners[100:400, 200:220] = 1
    part = (owners == 1) & (100 + 300 * share > ROWS)
    assert label_of(scene_of(owners, "4"), part) == label


def test_two_digits_together_are_none() -> None:
    owners = two_rings(second=300)
    assert label_of(scene_of(owners, "07"), owners > 0) == NO_DIGIT


def test_half_of_each_of_two_digits_is_none() -> None:
    owners = two_rings(second=300)
    assert label_of(scene_of(owners, "07"), (owners > 0) & (abs(COLUMNS - 250) < 50)) == NO_DIGIT


def test_clutter_is_no_digit() -> None:
    owners = two_rings()
    blot = (ROWS > 400) & (ROWS < 450) & (COLUMNS > 500) & (COLUMNS < 540)
    assert label_of(scene_of(owners, "07"), blot) == NO_DIGIT


def test_a_digit_with_much_clutter_is_none() -> None:
    owners = two_rings()
    blot = (ROWS > 360) & (ROWS < 440) & (COLUMNS > 150) & (COLUMNS < 300)
    assert label_of(scene_of(owners, "07"), (owners == 1) | blot) == NO_DIGIT


@pytest.mark.parametrize(("share", "label"), [(0.03, 0), (0.06, -1), (0.12, NO_DIGIT)])
@pytest.mark.parametrize("owner", [0, OTHERS])
def test_a_digit_with_a_sign_is_none(share: float, label: int, owner: int) -> None:
    owners = two_rings()
    length = round(share / (1 - share) * (owners == 1).sum() / 10)
    sign = (abs(ROWS - 250) < 5.5) & (COLUMNS >= 262) & (262 + length > COLUMNS)
    owners[sign] = owner
    assert label_of(scene_of(owners, "07"), (owners == 1) | sign) == (label if owner else 0)


def test_a_sign_is_no_digit() -> None:
    owners = np.zeros(SIZE, np.uint8)
    owners[100:400, 200:220] = OTHERS
    scene = scene_of(owners, "")
    labels, owned = label_candidates(scene, page_of(owners > 0, owners > 0))
    assert (labels.tolist(), owned.tolist()) == ([NO_DIGIT], [-1])


def test_a_digit_that_is_hardly_visible_has_no_label_of_its_own() -> None:
    owners = np.zeros(SIZE, np.uint8)
    owners[100:400, 200:220] = 1
    scene = scene_of(owners, "4")
    seen = (owners == 1) & (ROWS < 200)
    labels, owned = label_candidates(scene, page_of(seen, seen))
    assert (labels.tolist(), owned.tolist()) == ([-1], [0])


def test_owners_are_those_of_most_of_the_ink() -> None:
    owners = two_rings(second=300)
    both, left = owners > 0, (owners > 0) & (COLUMNS < 260)
    blot = (ROWS > 400) & (ROWS < 450) & (COLUMNS > 500)
    masks = [owners == 2, owners == 1, left, both & (COLUMNS > 245), blot]
    page = page_of(both | blot, *masks)
    labels, owned = label_candidates(scene_of(owners, "07"), page)
    assert owned.tolist() == [1, 0, 0, 1, -1]
    assert labels[:2].tolist() == [7, 0]
    assert labels[-1] == NO_DIGIT


def test_owners_are_counted_through_the_lines() -> None:
    owners = two_rings()
    scene = Scene(scene_of(owners, "").image, ("4", "9"), (), owners)
    labels, owned = label_candidates(scene, page_of(owners > 0, owners == 2, owners == 1))
    assert (labels.tolist(), owned.tolist()) == ([9, 4], [1, 0])


def test_no_candidates_no_labels() -> None:
    owners = two_rings()
    labels, owned = label_candidates(scene_of(owners, "07"), page_of(owners > 0))
    assert labels.shape == owned.shape == (0,)


def test_labels_follow_the_scale() -> None:
    owners = np.ascontiguousarray(two_rings()[100:400:4, 100:450:4])
    scene = scene_of(owners, "36")
    page = next(read_pages(*working_grey(scene.image)))
    assert page.scale > 2
    labels, owned = label_candidates(scene, page)
    assert labels.dtype == owned.dtype == np.int64
    assert len(labels) == len(owned) == len(page.candidates)
    assert {3, 6} <= set(labels.tolist())
    for candidate, label, owner in zip(page.candidates, labels, owned, strict=True):
        middle = (candidate.piece.x + candidate.piece.width / 2) / page.scale
        if label in (3, 6):
            assert owner == (middle > owners.shape[1] / 2)
            assert label == (3, 6)[owner]


@pytest.mark.parametrize("light", [False, True])
def test_polarity_is_that_of_the_scene(light: bool) -> None:
    assert ink_polarity(scene_of(two_rings(), "07", light)) == ("light" if light else "dark")


def test_polarity_is_judged_near_the_ink() -> None:
    scene = scene_of(two_rings(), "07")
    scene.image[:80] = scene.image[420:] = 0  # a table darker than the ink
    assert ink_polarity(scene) == "dark"


def test_a_scene_without_ink_has_a_polarity() -> None:
    assert ink_polarity(scene_of(np.zeros(SIZE, np.uint8), "")) in ("dark", "light")


def test_simulated_digits_are_views_with_labels() -> None:
    views, labels = simulate_digits(np.random.default_rng(1), DIGITS, LABELS, 12)
    assert views.shape == (len(labels), 2, 28, 28)
    assert views.dtype == labels.dtype == np.uint8
    assert len(labels) > 12
    assert labels.max() == NO_DIGIT
    assert (labels < NO_DIGIT).sum() >= 5
    assert (views[:, 0].max(axis=(1, 2)) > 100).all()
    assert views[:, 1].any(axis=(1, 2)).all()


def test_a_scene_gives_two_looks_at_a_digit_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[Scene] = []

    def record(*arguments: Any) -> Scene:
        scenes.append(simulate(*arguments))
        return scenes[-1]

    monkeypatch.setattr(photo_digits, "simulate", record)
    looks = []
    for seed in range(12):
        scenes.clear()
        _, labels = simulate_digits(np.random.default_rng(seed), DIGITS, LABELS, 1)
        text = "".join(line for scene in scenes for line in scene.lines)
        counts = np.bincount(labels, minlength=11)
        assert all(counts[digit] <= 2 * text.count(str(digit)) for digit in range(10))
        assert counts[NO_DIGIT] <= (2 + 2 * len(text) if text else photo_digits.MOST_WITHOUT)
        looks.append(counts[:NO_DIGIT].sum())
    assert min(looks) == 0
    assert max(looks) > 4  # at all digits of a line


def harvest(monkeypatch: pytest.MonkeyPatch, scene: Scene, *pages: Page) -> list[tuple[int, Page]]:
    monkeypatch.setattr(photo_digits, "_all_pages", lambda _: iter(pages))
    rng = np.random.default_rng(1)
    return [(label, page) for label, page, _ in photo_digits._harvest(rng, scene, MOST_PAGES)]


def test_the_looks_at_a_digit_are_of_different_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = two_rings()
    zero, light = owners == 1, page_of(owners > 0, owners == 1)
    light = replace(light, ink=replace(light.ink, polarity="light"))  # the scene's ink is dark
    pages = [page_of(owners > 0, zero, zero, zero) for _ in range(3)]
    for number, looks in ((1, 1), (2, 2), (3, 2)):
        found = harvest(monkeypatch, scene_of(owners, "07"), light, *pages[:number])
        assert [label for label, _ in found] == looks * [0]
        assert len({id(page) for _, page in found}) == looks
        assert not any(page is light for _, page in found)


@pytest.mark.parametrize(("pages", "most"), [(1, 12), (3, 16), (12, 16)])
def test_of_a_scene_without_digits_some_refusals_are_kept(
    pages: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.zeros(SIZE, np.uint8)
    blot = (ROWS > 400) & (ROWS < 450) & (COLUMNS > 500) & (COLUMNS < 540)
    found = [page_of(blot, *[blot] * 20) for _ in range(pages)]
    kept = harvest(monkeypatch, Scene(scene_of(nothing, "").image, (), (), nothing), *found)
    assert [label for label, _ in kept] == most * [NO_DIGIT]
    seen = [[page is other for other in found].index(True) for _, page in kept]
    assert max(seen) < MOST_PAGES


def test_most_digits_are_of_scenes_full_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[int, int]] = []
    harvest = photo_digits._harvest

    def record(rng: np.random.Generator, scene: Scene, most_pages: int) -> Any:
        looked.append((len(scene.boxes), most_pages))
        return harvest(rng, scene, most_pages)

    monkeypatch.setattr(photo_digits, "_harvest", record)
    simulate_digits(np.random.default_rng(4), DIGITS, LABELS, 40)
    full = [count for count, pages in looked if pages == photo_digits.PAGES_IF_FULL]
    others = [count for count, pages in looked if pages == MOST_PAGES]
    assert len(full) + len(others) == 40
    assert min(full) >= 4  # two lines of two
    assert min(others) == 0
    assert sum(full) > 2 * sum(others)


def test_a_seed_makes_the_same_digits_again() -> None:
    first, again = (simulate_digits(np.random.default_rng(2), DIGITS, LABELS, 4) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    other = simulate_digits(np.random.default_rng(3), DIGITS, LABELS, 4)
    assert other[0].shape != first[0].shape or (other[0] != first[0]).any()


def test_digits_are_also_seen_as_fine_cuts_leave_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate_some() -> tuple[Pixels, Pixels]:
        return simulate_digits(np.random.default_rng(6), DIGITS, LABELS, 6)

    with_cuts = simulate_some()[0]
    monkeypatch.setattr(photo_digits, "ALONG", replace(ALONG, most_added=0))
    without_cuts = simulate_some()[0]
    assert with_cuts.shape != without_cuts.shape or (with_cuts != without_cuts).any()


def test_no_scenes_no_digits() -> None:
    views, labels = simulate_digits(np.random.default_rng(0), DIGITS, LABELS, 0)
    assert views.shape == (0, 2, 28, 28)
    assert labels.shape == (0,)


class Threads(ThreadPoolExecutor):
    """In place of processes, which take seconds to start; what they are given can be pickled."""

    def __init__(self, processes: int, context: BaseContext) -> None:
        assert context.get_start_method() == "spawn"
        super().__init__(processes)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(pickle.loads(pickle.dumps(fn)), *args, **kwargs)


@pytest.fixture
def write(fake_data: FakeData, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Writes the files of a few scenes; takes a folder and other arguments."""
    monkeypatch.setattr(photo_files, "MNIST_SHA256", fake_data.digests)
    monkeypatch.setattr(photo_files, "CHUNK", 2)
    monkeypatch.setattr(photo_files, "ProcessPoolExecutor", Threads)
    threads = cv2.getNumThreads()
    arguments = {"data": str(fake_data.folder), "scenes": 4, "seed": 1, "processes": 1}
    yield lambda out, **others: write_photo_files(out, **{**arguments, **others})
    cv2.setNumThreads(threads)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "MNIST" / "raw").iterdir()}


def test_files_do_not_depend_on_the_number_of_processes(
    write: Callable[..., None], tmp_path: Path
) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    write(tmp_path / "other", seed=2)
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_written_files_train_a_network_of_eleven_classes(
    write: Callable[..., None],
    fake_data: FakeData,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path)
    output = capsys.readouterr().out
    raw, mnist = tmp_path / "MNIST" / "raw", fake_data.folder / "MNIST" / "raw"
    assert contents(tmp_path).keys() == fake_data.digests.keys()
    for part in ("train", "t10k"):
        images = read_idx(raw / f"{part}-images-idx3-ubyte")
        labels = read_idx(raw / f"{part}-labels-idx1-ubyte")
        assert images.shape == (len(labels), 2, 28, 28)
        assert labels.max() <= NO_DIGIT
        assert f"{part}: {len(labels):,} images; " in output
    first = stands_alone(read_part(mnist, "train")[0])
    np.testing.assert_array_equal(read_idx(raw / "train-images-idx3-ubyte")[: len(first)], first)
    assert f"data.data_dir={tmp_path}" in output

    data = MnistDataModule(STANDARDIZE, str(tmp_path), val_size=50, digests={})
    data.prepare_data()
    data.setup()
    assert (data.image_shape, data.num_classes) == ((2, 28, 28), 11)
    model = Mlp(
        data.image_shape, data.num_classes, optimizer=partial(SGD, lr=0.1), scheduler=constant
    )
    trainer = quiet_trainer(tmp_path, max_steps=2)
    trainer.fit(model, data)
    assert trainer.global_step == 2


def test_missing_files_that_were_made_here_name_the_command(tmp_path: Path) -> None:
    data = MnistDataModule(STANDARDIZE, str(tmp_path), digests={})
    with pytest.raises(FileNotFoundError, match=r"python simulate\.py") as caught:
        data.prepare_data()
    assert "\n" not in str(caught.value)
    assert "train-images-idx3-ubyte, " in str(caught.value)


@pytest.mark.parametrize("shape", [(0,), (5,), (3, 28, 28), (2, 1, 4, 3)])
def test_written_arrays_are_read_again(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    write_idx(tmp_path / "values-idx-ubyte", values)
    np.testing.assert_array_equal(read_idx(tmp_path / "values-idx-ubyte"), values)
    assert [path.name for path in tmp_path.iterdir()] == ["values-idx-ubyte"]


def test_a_piece_of_nothing_known_is_none() -> None:
    scene = scene_of(np.zeros(SIZE, np.uint8), "")
    piece = Piece(10, 10, np.full((20, 20), 255, np.uint8))
    mask = np.zeros(SIZE, bool)
    mask[10:30, 10:30] = piece.mask > 0
    assert label_of(scene, mask) == NO_DIGIT


def test_tuning_digits_are_the_training_digits_that_no_photo_shows(fake_data: FakeData) -> None:
    folder = fake_data.folder / "MNIST" / "raw"
    for index, what in enumerate(("images", "labels")):
        whole = read_idx(next(folder.glob(f"train-{what}*")))
        train, tuning = read_part(folder, "train")[index], read_part(folder, "tuning")[index]
        assert len(tuning) == len(whole) // 12
        np.testing.assert_array_equal(np.concatenate([train, tuning]), whole)
        test = read_idx(next(folder.glob(f"t10k-{what}*")))
        np.testing.assert_array_equal(read_part(folder, "t10k")[index], test)
