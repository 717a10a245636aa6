"""How an error reaches the person at the screen: one line, or a traceback on request."""

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TypeVar

Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """A parser of command lines whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with code 2."""
        self.exit(2, f"error: {message}; see --help\n")


def number(
    kind: type[Number], least: Number, most: Number | float = math.inf
) -> Callable[[str], Number]:
    """What reads a number of a command line, for `add_argument(type=number(int, 1))`.

    Args:
        kind: int or float.
        least: The smallest that is taken.
        most: The largest; infinity is no limit.

    Returns:
        From a text to the number; raises `argparse.ArgumentTypeError` where it is none, or outside
        of the limits.
    """
    limits = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    rule = f"a {'whole ' if kind is int else ''}number {limits}"

    def read(text: str) -> Number:
        with suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        raise argparse.ArgumentTypeError(f"{text!r} must be {rule}")

    return read


def show_traceback() -> bool:
    """Whether HYDRA_FULL_ERROR=1 asks for tracebacks, as it does for Hydra's own errors."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1"


def one_line(error: BaseException) -> str:
    """The message of an error as one line.

    Errors that this project raises speak for themselves. Others are named by their type.
    """
    # Hydra wraps what a constructor raises, and repeats its text with the constructor's path.
    cause = error.__cause__ if type(error).__name__ == "InstantiationException" else None
    root = cause or error
    text = " ".join(str(root).split())
    if isinstance(root, ValueError | OSError) and text:
        return text
    return f"{type(root).__name__}: {text} (HYDRA_FULL_ERROR=1 shows where)"


def run_command(main: Callable[[], object]) -> None:
    """Runs a command; Ctrl-C and a reader who has read enough (`| head`) end it with code 1."""
    try:
        try:
            main()
        finally:
            print(end="", flush=True)  # what a closed pipe refuses shall be noticed here
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except BrokenPipeError:
        # Python flushes once more at its end: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@contextmanager
def ends_with_one_line() -> Iterator[None]:
    """Ends a command with code 1 and one line where its input is at fault, unless asked not to."""
    try:
        yield
    except (ValueError, OSError) as error:
        if show_traceback() or isinstance(error, BrokenPipeError):
            raise
        sys.exit(f"error: {one_line(error)}")
