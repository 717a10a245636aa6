"""Makes the most of the machine at hand: number format, threads, memory."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

DEFAULT_THREADS = torch.get_num_threads()  # torch's choice: one a core, or OMP_NUM_THREADS
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def choose_precision(accelerator: str) -> str:
    """What `trainer.precision: auto` stands for: bfloat16 where the hardware multiplies it.

    Weights, their updates and sums stay in float32 (`bf16-mixed`). Where bfloat16 would be emulated
    it is slower than float32, which is the choice then.

    Args:
        accelerator: Lightning's `auto`, `cpu`, `gpu` or another.

    Returns:
        `bf16-mixed` or `32-true`.
    """
    if on_cpu(accelerator):
        abilities = torch.cpu.get_capabilities()
        fast = bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    elif accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = False
    return "bf16-mixed" if fast else "32-true"


def on_cpu(accelerator: str) -> bool:
    """Whether Lightning's `accelerator` comes to the CPU on this machine."""
    if accelerator != "auto":
        return accelerator == "cpu"
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


@contextmanager
def use_threads(count: int, *, own_cores: bool) -> Iterator[None]:
    """Sets the number of torch's threads on the CPU, which may have a core each.

    A layer is done when its last thread is, and the system moves threads about where a core is
    busy with another process: `benchmarks/shared_machine.py` has what it costs. Results are the
    same, bit by bit. Afterwards the caller may use all cores again; torch's other threads, which
    wait for work, stay where they are, and their number what it is.

    Args:
        count: Of threads.
        own_cores: Binds each to a core, if there are as many as cores and the system can. Fewer
            stay free, lest two processes choose the same cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if not own_cores or count != len(cores):
        torch.set_num_threads(count)
        yield
        return
    try:
        for number, core in enumerate(cores[1:], start=2):
            # A thread starts on the cores of the one that starts it: this one.
            os.sched_setaffinity(0, {core})
            torch.set_num_threads(number)
            torch.zeros(number * 2**16).add_(1)  # enough for all of them, so the last one starts
        os.sched_setaffinity(0, {cores[0]})
        torch.set_num_threads(count)
        yield
    finally:
        os.sched_setaffinity(0, cores)


def keep_freed_memory() -> None:
    """Lets glibc keep the memory that a step frees, for the next step to use.

    By default it gives large blocks back to the system, which hands them out again page by page, as
    zeros: up to a third of a step on a CPU. Other systems' allocators are left alone.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
