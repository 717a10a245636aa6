"""Makes the most of the machine at hand: number format, threads, memory."""

import ctypes
import sys

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
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator == "cpu" or (accelerator == "auto" and not torch.backends.mps.is_available()):
        abilities = torch.cpu.get_capabilities()
        fast = bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    else:
        fast = False
    return "bf16-mixed" if fast else "32-true"


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
