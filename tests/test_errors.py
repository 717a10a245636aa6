"""Errors as one line."""

from argparse import ArgumentTypeError
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from mnist_cnn.errors import ends_with_one_line, number, one_line, run_command, show_traceback

HINT = "(HYDRA_FULL_ERROR=1 shows where)"
BAD_DATA = {
    "_target_": "mnist_cnn.data.MnistDataModule",
    "normalization": {"method": "column_l2"},
    "batch_size": 0,
}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("lr is -1, must be positive"), "lr is -1, must be positive"),
        (ValueError("first\n  second\n\tthird\n"), "first second third"),
        (FileNotFoundError("no data"), "no data"),
        (PermissionError(13, "Permission denied", "/x"), "[Errno 13] Permission denied: '/x'"),
        (KeyError("name"), f"KeyError: 'name' {HINT}"),
        (RuntimeError("out of\nmemory"), f"RuntimeError: out of memory {HINT}"),
        (ZeroDivisionError("division by zero"), f"ZeroDivisionError: division by zero {HINT}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


@pytest.mark.parametrize("error", [ValueError(), OSError(), RuntimeError("\n")], ids=repr)
def test_an_error_without_a_message_is_named(error: Exception) -> None:
    assert one_line(error).split() == [f"{type(error).__name__}:", *HINT.split()]


@pytest.mark.parametrize(
    "config", [BAD_DATA, {"_target_": "builtins.dict", "data": BAD_DATA}], ids=["direct", "nested"]
)
def test_hydras_wrapping_is_taken_off(config: dict[str, Any]) -> None:
    with pytest.raises(InstantiationException) as caught:
        instantiate(config)
    assert (
        one_line(caught.value) == "batch_size is 0, must be a whole number of at least 1; try 100"
    )


def test_an_unexpected_error_inside_hydras_wrapping_is_named() -> None:
    with pytest.raises(InstantiationException) as caught:
        instantiate({"_target_": "mnist_cnn.data.MnistDataModule"})
    line = one_line(caught.value)
    assert line.startswith("TypeError: ")
    assert "normalization" in line
    assert line.endswith(HINT)


def test_a_missing_target_is_one_line_that_names_it() -> None:
    with pytest.raises(InstantiationException) as caught:
        instantiate({"_target_": "mnist_cnn.models.NoSuchNetwork"})
    line = one_line(caught.value)
    assert "NoSuchNetwork" in line
    assert "\n" not in line


def test_a_cause_is_not_shown_in_place_of_the_projects_own_message() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")
    assert one_line(error) == "outer"


@pytest.mark.parametrize(
    ("value", "wanted"), [("1", True), ("0", False), ("", False), (None, False)]
)
def test_tracebacks_are_shown_on_request(
    value: str | None, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    if value is not None:
        monkeypatch.setenv("HYDRA_FULL_ERROR", value)
    assert show_traceback() is wanted


def test_input_at_fault_ends_a_command_and_a_closed_pipe_goes_on() -> None:
    with pytest.raises(SystemExit, match=r"^error: such a file$"), ends_with_one_line():
        raise OSError("such a file")
    with pytest.raises(BrokenPipeError), ends_with_one_line():
        raise BrokenPipeError


def test_ctrl_c_is_one_word() -> None:
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match=r"^interrupted$"):
        run_command(main)


def test_numbers_within_their_limits_are_read() -> None:
    assert number(int, 1)("12") == 12
    assert [number(int, 1, 10)(text) for text in ("1", "10")] == [1, 10]
    assert [number(float, 0, 1)(text) for text in ("0", "1", "1e-3")] == [0, 1, 0.001]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "", "٣x", "inf"])
def test_what_is_no_number_of_something_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^'.*' must be a whole number of at least 1$"):
        number(int, 1)(text)


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan", "inf", ""])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^'.*' must be a number from 0 to 1$"):
        number(float, 0, 1)(text)
