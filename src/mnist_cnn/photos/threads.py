"""The same work on several things at once: OpenCV and numpy let other threads compute meanwhile."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def in_threads(work: Callable[[Thing], Result], things: Iterable[Thing]) -> list[Result]:
    """Works on as many things at once as OpenCV has threads.

    Args:
        work: Must not change what the others see.
        things: One for each call.

    Returns:
        What `work` returned, in the order of the things.
    """
    threads = cv2.getNumThreads()
    if threads < 2:  # such as one process of several
        return [work(thing) for thing in things]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, things))
