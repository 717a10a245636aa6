"""python predict.py, as a person at the screen has it: output, exit code, files."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from conftest import ROOT
from mnist_cnn.prediction import ReadDigit, Reading

Here = Callable[..., tuple[int, str]]
Pixels = npt.NDArray[np.uint8]
STROKES = {0: [(15, 0), (28, 10), (30, 30), (25, 50), (15, 58), (5, 50), (0, 30), (3, 10), (15, 0)],
           1: [(2, 15), (15, 0), (15, 58)],
           7: [(0, 2), (30, 2), (12, 58)]}  # fmt: skip


def draw(path: Path, digits: list[int], height: int = 120) -> Path:
    """Writes an image of digits in a row, dark on light."""
    image = np.full((height, 80 * len(digits) + 40, 3), 230, np.uint8)
    for index, digit in enumerate(digits):
        points = np.add(STROKES[digit], (45 + 80 * index, 30)).astype(np.int32)
        cv2.polylines(image, [points], False, (40, 30, 30), 6, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return draw(tmp_path / "photo.png", [7])


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((90, 120, 3), 230, np.uint8))
    return tmp_path / "blank.png"


def made_up(digits: str, probability: float = 0.9, width: int = 30) -> Reading:
    """A reading of lines of digits; each second one's probability is a half of the other's."""
    read = []
    for line, text in enumerate(digits.split()):
        for index, digit in enumerate(text):
            row = np.full(10, 0.001, np.float32)
            row[(int(digit) + 1) % 10] = 0.05
            row[int(digit)] = probability / (1 + index % 2)
            box = (10 + index * width, 10 + 50 * line, width - 5, 40)
            read.append(ReadDigit(row, box, line, np.zeros((28, 28), np.uint8)))
    return Reading(read, None)


@pytest.fixture
def fake_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the command read certain digits in every image."""

    def fake(digits: str) -> None:
        monkeypatch.setattr(
            "mnist_cnn.prediction.command.read_digits", lambda *_, **__: made_up(digits)
        )

    return fake


def parse(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def run(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "predict.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=60, **options)


def test_a_clear_digit_is_read(photo: Path, run_here: Here) -> None:
    code, output = run_here("predict.py", "photo.png")
    assert code == 0
    assert re.fullmatch(r"photo\.png   7 +\d+\.\d %\n", output)


def test_lines_and_probabilities_are_aligned(
    photo: Path, run_here: Here, fake_reading: Callable[[str], None], tmp_path: Path
) -> None:
    draw(tmp_path / "b.png", [1])
    fake_reading("504 12345678901")
    code, output = run_here("predict.py", "photo.png", "b.png")
    block = [
        "photo.png   504            90.0  45.0  90.0 %",
        "            12345678901    " + "  ".join(["90.0  45.0"] * 5) + " %",
        "                           90.0 %",
    ]
    assert code == 0
    assert output.splitlines() == [*block, block[0].replace("photo.png", "b.png    "), *block[1:]]


def test_alternatives_have_a_row_for_each_digit(
    photo: Path, run_here: Here, fake_reading: Callable[[str], None]
) -> None:
    fake_reading("50")
    _, output = run_here("predict.py", "photo.png", "--top", "2")
    assert output.splitlines() == [
        "photo.png   50       5  90.0 %   6   5.0 %",
        "                     0  45.0 %   1   5.0 %",
    ]


def test_json(photo: Path, run_here: Here, fake_reading: Callable[[str], None]) -> None:
    fake_reading("504 12")
    code, output = run_here("predict.py", "photo.png", "--json")
    (found,) = parse(output)
    assert code == 0
    assert list(found) == ["image", "text", "lines", "digits"]
    assert (found["image"], found["text"], found["lines"]) == ("photo.png", "50412", ["504", "12"])
    assert found["digits"][4] == {
        "digit": 2,
        "probability": 0.45,
        "box": [40, 60, 25, 40],
        "line": 1,
    }


def test_json_of_improbable_digits_and_alternatives(
    photo: Path, run_here: Here, fake_reading: Callable[[str], None]
) -> None:
    fake_reading("504 12")
    arguments = ["photo.png", "--json", "--min-probability=0.5", "--top=10"]
    (found,) = parse(run_here("predict.py", *arguments)[1])
    assert found["text"] == "5?41?"
    assert found["lines"] == ["5?4", "1?"]
    assert [digit["digit"] for digit in found["digits"]] == [5, "?", 4, 1, "?"]
    top = found["digits"][1]["top"]
    assert top[:2] == [[0, 0.45], [1, 0.05]]
    assert sorted(digit for digit, _ in top) == list(range(10))


def test_csv(photo: Path, blank: Path, run_here: Here, tmp_path: Path) -> None:
    arguments = ["photo.png", "blank.png", "missing.png", "--csv", "new/table.csv", "--top", "2"]
    code, _ = run_here("predict.py", *arguments)
    assert code == 1
    with (tmp_path / "new" / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["image", "line", "position", "digit", "probability", "x", "y", "width", "height"]
    tops = ["top_1", "top_1_probability", "top_2", "top_2_probability"]
    assert list(rows[0]) == [*names, *tops, "note"]
    assert [row["digit"] for row in rows] == ["7", "", ""]
    assert (rows[0]["line"], rows[0]["position"], rows[0]["top_1"]) == ("0", "0", "7")
    assert rows[1]["note"] == "no digits found"
    assert "missing.png is no file" in rows[2]["note"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.csv"]


def test_csv_counts_positions_by_line(
    photo: Path, run_here: Here, fake_reading: Callable[[str], None], tmp_path: Path
) -> None:
    fake_reading("50 412")
    run_here("predict.py", "photo.png", "--csv", "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = ["".join((row["line"], row["position"], row["digit"])) for row in rows]
    assert found == ["005", "010", "104", "111", "122"]


def test_a_blank_page_says_so(blank: Path, run_here: Here) -> None:
    assert run_here("predict.py", "blank.png") == (0, "blank.png   no digits found\n")
    code, output = run_here("predict.py", "blank.png", "--json")
    assert (code, parse(output)) == (
        0,
        [{"image": "blank.png", "text": "", "lines": [], "digits": []}],
    )


def test_bad_images_are_one_line_each_and_the_others_go_on(
    photo: Path, run_here: Here, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:-200])
    bad = ["missing.png", "empty.png", "text.png", "cut.png", "*.jpg"]
    code, output = run_here("predict.py", *bad, "photo.png")
    assert code == 1
    lines = output.splitlines()
    assert len(lines) == 6
    assert {line.split()[1] for line in lines if line.startswith("error: ")} == set(bad)
    code, output = run_here("predict.py", *bad, "photo.png", "--json")
    records = parse(output)
    assert code == 1
    assert [record["image"] for record in records] == [*bad, "photo.png"]
    assert all(record["error"].startswith(record["image"]) for record in records[:-1])
    assert "error" not in records[-1]


def test_an_unexpected_failure_is_one_line_and_the_others_go_on(
    photo: Path, blank: Path, run_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Pixels, *_: Any, **__: Any) -> Reading:
        if image.shape[0] == 90:
            raise MemoryError("too large")
        return made_up("5")

    monkeypatch.setattr("mnist_cnn.prediction.command.read_digits", fail)
    code, output = run_here("predict.py", "blank.png", "photo.png")
    assert code == 1
    assert "error: blank.png: MemoryError: too large" in output
    assert "photo.png   5" in output
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(MemoryError):
        run_here("predict.py", "blank.png")


def test_folder_and_pattern(photo: Path, blank: Path, run_here: Here, tmp_path: Path) -> None:
    expected = ["blank.png", "photo.png"]
    for path in (str(tmp_path), "*.png"):
        records = parse(run_here("predict.py", path, "--json")[1])
        assert [Path(record["image"]).name for record in records] == expected


def test_standard_input(photo: Path, tmp_path: Path) -> None:
    done = run("-", "--json", "--save=out", cwd=tmp_path, input=photo.read_bytes())
    (found,) = parse(done.stdout.decode())
    assert (done.returncode, found["image"], found["text"]) == (0, "-", "7")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["stdin.png"]
    assert done.stderr == b""  # a program reads this
    done = run("-", "--save=out", cwd=tmp_path, input=b"")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"error: - is empty; give an image\n"  # and nothing was written


def test_pictures_are_named_after_their_images(run_here: Here, tmp_path: Path) -> None:
    for name in ("a/one.png", "b/one.png", "b/ONE.jpg", "one-2.png"):
        draw(tmp_path / name, [1])
    paths = ["a", "b/one.png", "b/ONE.jpg", "one-2.png"]
    code, output = run_here("predict.py", *paths, "--save", "boxes", "--show-steps", "steps/deep")
    assert code == 0
    assert output.endswith("written to boxes, steps/deep\n")
    expected = {"one.png", "one-2.png", "ONE-3.png", "one-2-2.png"}
    for folder in ("boxes", "steps/deep"):
        pictures = list((tmp_path / folder).iterdir())
        assert {picture.name for picture in pictures} == expected
        assert all(cv2.imread(str(picture)) is not None for picture in pictures)


@pytest.mark.parametrize("method", ["threshold", "resize"])
def test_tutorials_read_the_whole_image_as_one_digit(
    method: str, run_here: Here, tmp_path: Path
) -> None:
    draw(tmp_path / "two.png", [1, 7])
    arguments = ["two.png", "--json", "--preprocess", method, "--show-steps", "steps"]
    code, output = run_here("predict.py", *arguments)
    (found,) = parse(output)
    assert code == 0
    assert [digit["box"] for digit in found["digits"]] == [[0, 0, 200, 120]]
    assert (tmp_path / "steps" / "two.png").exists()


def test_single_is_passed_on(photo: Path, run_here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, single: bool, **__: Any) -> Reading:
        return made_up("1" if single else "17")

    monkeypatch.setattr("mnist_cnn.prediction.command.read_digits", read)
    for options, text in (([], "17"), (["--single"], "1")):
        (found,) = parse(run_here("predict.py", "photo.png", "--json", *options)[1])
        assert found["text"] == text


def test_options_may_stand_between_paths(photo: Path, blank: Path, run_here: Here) -> None:
    _, output = run_here("predict.py", "photo.png", "--json", "blank.png")
    assert [record["image"] for record in parse(output)] == ["photo.png", "blank.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "PATH"),
        (["photo.png", "--nonsense"], "--nonsense"),
        (["photo.png", "--min-prob", "1"], "--min-prob"),
        (["photo.png", "--min-probability", "1.1"], "'1.1' must be a number from 0 to 1"),
        (["photo.png", "--min-probability", "nan"], "'nan' must be a number from 0 to 1"),
        (["photo.png", "--min-probability", "x"], "'x' must be a number from 0 to 1"),
        (["photo.png", "--top", "0"], "'0' must be a whole number from 1 to 10"),
        (["photo.png", "--top", "11"], "'11' must be a whole number from 1 to 10"),
        (["photo.png", "--top", "1.5"], "'1.5' must be a whole number from 1 to 10"),
        (["photo.png", "--preprocess", "magic"], "'magic'"),
        (["photo.png", "--checkpoint", "missing.ckpt"], "missing.ckpt is not a file"),
        (["photo.png", "--checkpoint", "photo.png"], "checkpoint photo.png"),
        (["photo.png", "--save", "photo.png"], "photo.png can't be written"),
        (["photo.png", "--show-steps", "photo.png/deep"], "can't be written"),
        (["photo.png", "--csv", "photo.png/table.csv"], "can't be written"),
        (["photo.png", "--csv", "."], "choose another with --csv FILE"),
        (["photo.png", "--csv", "/dev/null"], "/dev/null is no file"),
        (["photo.png", "--csv", "photo.png"], "is an image to be read"),
        (["photo.png", "--save", "."], "is an image to be read"),
        (["photo.png", "--save", "out", "--show-steps", "./out"], "choose two folders"),
    ],
)
def test_a_usage_error_is_one_line(
    arguments: list[str], message: str, photo: Path, run_here: Here
) -> None:
    before = photo.read_bytes()
    code, output = run_here("predict.py", *arguments)
    assert code == 2
    assert output.count("\n") == 1
    assert output.startswith("error: ")
    assert message in output
    assert photo.read_bytes() == before


def test_ctrl_c_is_one_line_and_leaves_no_half_table(
    photo: Path, run_here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Reading:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_cnn.prediction.command.read_digits", interrupt)
    assert run_here("predict.py", "photo.png", "--csv", "table.csv") == (1, "interrupted")
    assert not (tmp_path / "table.csv").exists()


def test_a_closed_pipe_is_no_traceback(photo: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "predict.py"), *["photo.png"] * 3]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


def test_a_full_disk_is_one_line(
    photo: Path, run_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "table.csv")

    monkeypatch.setattr("mnist_cnn.prediction.command.write_whole", full)
    code, output = run_here("predict.py", "photo.png", "--csv", "table.csv")
    assert code == 1
    assert output.splitlines()[-1].startswith("error: [Errno 28] No space left on device")


def test_the_usual_command_imports_nothing_heavy(photo: Path, tmp_path: Path) -> None:
    code = (
        "import sys, runpy\n"
        f"script = {str(ROOT / 'predict.py')!r}\n"
        "sys.argv = [script, *sys.argv[1:]]\n"
        "try: runpy.run_path(script, run_name='__main__')\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    for arguments, light in (
        (["photo.png", "--save=a", "--show-steps=b", "--csv=c"], []),
        (["--help"], ["numpy", "cv2", "PIL"]),
    ):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        modules = set(done.stderr.split())
        assert done.returncode == 0, done.stderr
        assert "argparse" in modules
        assert not modules & {"torch", "torchvision", "matplotlib", "lightning", "hydra", *light}


def test_boxes_of_a_large_jpeg_are_in_its_own_pixels(tmp_path: Path, run_here: Here) -> None:
    image = np.full((3000, 4000, 3), 225, np.uint8)
    cv2.ellipse(image, (2600, 1800), (300, 500), 0, 0, 360, (40, 40, 40), 80)
    cv2.imwrite(str(tmp_path / "large.jpg"), image)
    _, output = run_here("predict.py", "large.jpg", "--json", "--single")
    (digit,) = parse(output)[0]["digits"]
    assert digit["box"] == pytest.approx([2260, 1260, 680, 1080], abs=12)


def test_steps_of_a_large_jpeg_are_drawn_on_the_whole_image(
    tmp_path: Path, run_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "large.jpg"), np.full((2500, 3400, 3), 225, np.uint8))
    shapes = []

    def draw(image: Pixels, _: Reading) -> Pixels:
        shapes.append(image.shape)
        return image[:9, :9]

    monkeypatch.setattr("mnist_cnn.prediction.command.draw_steps", draw)
    assert run_here("predict.py", "large.jpg", "--show-steps", "steps")[0] == 0
    assert shapes == [(2500, 3400, 3)]


def test_an_empty_path_is_an_error_of_its_own(photo: Path, run_here: Here) -> None:
    code, output = run_here("predict.py", "", "photo.png")
    assert code == 1
    assert "error: a path is empty; name an image" in output
    assert "photo.png" in output


def test_devices_are_not_replaced(photo: Path, run_here: Here) -> None:
    code, output = run_here("predict.py", "photo.png", "--csv", "/dev/stdout")
    assert code == 2
    assert "error: /dev/stdout is no file that could be replaced" in output


def test_the_tutorials_ways_know_only_digits(photo: Path, run_here: Here) -> None:
    arguments = ["photo.png", "--json", "--top", "10", "--preprocess", "threshold"]
    (record,) = parse(run_here("predict.py", *arguments)[1])
    (digit,) = record["digits"]
    assert sum(probability for _, probability in digit["top"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("option", ["--save", "--show-steps"])
def test_long_names_keep_nothing_from_being_read(
    option: str, photo: Path, run_here: Here, tmp_path: Path
) -> None:
    longest = draw(tmp_path / f"{'x' * 251}.png", [1])  # of what file systems take
    too_long = "y" * 300
    code, output = run_here("predict.py", too_long, longest.name, "photo.png", option, "out")
    assert code == 1
    assert output.count("error: ") == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {longest.name, "photo.png"}


def test_what_could_not_be_found_takes_no_room_in_the_column_of_names(
    photo: Path, run_here: Here, fake_reading: Callable[[str], None]
) -> None:
    fake_reading("5")
    output = run_here("predict.py", "no-such-photo-anywhere.png", "photo.png")[1]
    assert "photo.png   5         90.0 %" in output.splitlines()


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream_is_no_failure(closed: str, photo: Path, tmp_path: Path) -> None:
    redirection = ">&-" if closed == "stdout" else "2>&-"
    arguments = "missing.png photo.png --csv table.csv"
    done = subprocess.run(
        f"{sys.executable} {ROOT / 'predict.py'} {arguments} {redirection}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert (tmp_path / "table.csv").read_text().count("\n") == 3
    assert b"Traceback" not in done.stderr
    assert b"error" not in done.stdout


def test_the_first_alternative_is_what_was_read(
    photo: Path, run_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = np.full(10, 1e-9, np.float32)
    row[7] = 3e-7
    reading = Reading([ReadDigit(row, (0, 0, 9, 9), 0, np.zeros((28, 28), np.uint8))], None)
    monkeypatch.setattr("mnist_cnn.prediction.command.read_digits", lambda *_, **__: reading)
    (record,) = parse(run_here("predict.py", "photo.png", "--json", "--top", "3")[1])
    assert record["digits"][0]["digit"] == record["digits"][0]["top"][0][0] == 7
