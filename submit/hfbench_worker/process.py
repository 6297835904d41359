"""What a worker's process does to itself: where it runs, when it dies, how it ends."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def settle(cpus: Sequence[int] | None) -> None:
    """Take the CPUs the parent chose, and be the first that the kernel kills for memory."""
    if cpus is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def usable_cpus() -> int:
    """Return how many CPUs this process may run on."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the one that started it dies, `kill -9` included.

    Only Linux can; elsewhere a process whose parent is killed ends with the end of its stdin.
    """
    with contextlib.suppress(OSError, AttributeError):  # no such function in this C library
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)


def leave(code: int = 0) -> NoReturn:
    """End at once: tearing down torch takes a second that nobody needs."""
    _end_compile_workers()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_compile_workers() -> None:
    """Wait for the processes that torch.compile compiles in, where it has started any.

    Left behind, they would compute on, and nobody would count their CPU time as this worker's.
    """
    if pool := sys.modules.get("torch._inductor.async_compile"):
        with contextlib.suppress(Exception):  # the answer is given; the parent ends what is left
            pool.shutdown_compile_workers()
