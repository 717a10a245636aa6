"""The same work on several things at once."""

import threading
from collections.abc import Iterator

import cv2
import pytest

from mnist_cnn.photos.threads import in_threads


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_in_the_order_of_the_things(threads: int) -> None:
    cv2.setNumThreads(threads)
    assert in_threads(lambda number: number**2, range(20)) == [n**2 for n in range(20)]
    assert in_threads(str, []) == []


def test_two_are_worked_on_at_once() -> None:
    cv2.setNumThreads(2)
    both = threading.Barrier(2, timeout=10)  # lets nobody pass before two are there
    in_threads(lambda _: both.wait(), range(2))


def test_one_thread_is_the_caller_s() -> None:
    cv2.setNumThreads(1)
    assert in_threads(lambda _: threading.get_ident(), range(3)) == [threading.get_ident()] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_the_caller_s_to_handle(threads: int) -> None:
    cv2.setNumThreads(threads)
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 / number, [1, 0, 2])
