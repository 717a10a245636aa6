"""What is chosen for the machine at hand."""

import os
import subprocess
import sys

import pytest
import torch

from mnist_cnn.hardware import choose_precision, on_cpu


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with nothing special; tests add to it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    return monkeypatch


@pytest.mark.parametrize("accelerator", ["auto", "cpu", "gpu"])
def test_float32_where_bfloat16_would_be_emulated(
    accelerator: str, machine: pytest.MonkeyPatch
) -> None:
    assert choose_precision(accelerator) == "32-true"


@pytest.mark.parametrize("ability", ["avx512_bf16", "amx_bf16"])
def test_bfloat16_on_processors_that_multiply_it(ability: str, machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cpu, "get_capabilities", lambda: {ability: True})
    assert choose_precision("auto") == "bf16-mixed"
    assert choose_precision("cpu") == "bf16-mixed"
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_precision("auto") == "32-true"  # Lightning takes Apple's GPU then
    assert choose_precision("cpu") == "bf16-mixed"
    assert on_cpu("cpu")
    assert not on_cpu("auto")


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_gpu_is_asked_where_there_is_one(
    fast: bool, expected: str, machine: pytest.MonkeyPatch
) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    assert choose_precision("auto") == choose_precision("gpu") == expected
    assert choose_precision("cpu") == "32-true"


STEPS = """
import resource, torch
from mnist_cnn.hardware import keep_freed_memory
keep_freed_memory()
faults = []
for _ in range(40):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(3_000_000) for _ in range(3)]  # 12 MB each
    del tensors
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[20:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
@pytest.mark.parametrize("attempt", range(3))
def test_freed_memory_is_used_again(attempt: int) -> None:
    # Where the system puts a process decides what glibc does by itself: two of three processes
    # have 100,000 page faults here without it.
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, check=True)
    assert int(done.stdout) < 100


# The cores that are some thread's only one, within and after; a process of its own has no threads
# of earlier tests.
CORES = """
import os, sys
from mnist_cnn.hardware import use_threads
def bound():
    cores = [os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")]
    return sorted({core for some in cores if len(some) == 1 for core in some})
with use_threads(int(sys.argv[1]), own_cores=sys.argv[2] == "own"):
    print(bound())
print(sorted(os.sched_getaffinity(0)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads")
@pytest.mark.parametrize("own_cores", [True, False])
@pytest.mark.parametrize("fewer", [0, 1])
def test_as_many_threads_as_cores_have_one_each(fewer: int, own_cores: bool) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        pytest.skip("one core is every thread's only one")
    arguments = [str(len(cores) - fewer), "own" if own_cores else "any"]
    done = subprocess.run([sys.executable, "-c", CORES, *arguments], capture_output=True, text=True)
    bound = cores if own_cores and not fewer else []
    assert done.stdout == f"{bound}\n{cores}\n"
