"""Launch one worker, sleep until it answers, and come home with an outcome whatever happens."""

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import IO, Any

import hfbench_worker
from hfbench_submit.process_groups import killed_at_exit

_BOOTSTRAP = """
import importlib.util, pathlib, runpy, sys
init = pathlib.Path(sys.argv.pop())
spec = importlib.util.spec_from_file_location(
    "hfbench_worker", init, submodule_search_locations=[str(init.parent)])
sys.modules["hfbench_worker"] = importlib.util.module_from_spec(spec)
runpy.run_module("hfbench_worker", run_name="__main__", alter_sys=True)
"""
"""Makes the worker importable in the measured environment, and nothing else of the client's."""

_INHERITED = {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_HOME"}
_INHERITED |= {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}
_EXIT_GRACE_S = 5.0
_TAIL_BYTES = 1500  # leaves room in a reason for how the worker ended


@dataclass(frozen=True)
class WorkerOutcome:
    """What came back from one worker.

    `messages` are the worker's answers by event; `wall_ns` runs from launch to end;
    `returncode` is negative if a signal ended the worker; `oom_kills` is by how much the
    kernel's count of out-of-memory kills grew; `tail` is the end of what the worker printed.
    """

    messages: dict[str, dict[str, Any]]
    wall_ns: int
    returncode: int
    timed_out: bool
    oom_kills: int
    tail: str


def run_worker(python: Path, plan: dict[str, Any], threads: int, timeout_s: float) -> WorkerOutcome:
    """Run one worker to its end; when the time is up, kill it with all its children.

    The parent sleeps in `select` all the while: one that polls costs the worker a core.

    Raises:
        OSError: the interpreter cannot be started.
    """
    oom_kills, start = _oom_kills(), perf_counter_ns()
    with tempfile.TemporaryFile() as printed:
        worker, answer = _launch(python, plan, threads, printed)
        # Popen's own exit closes stdin and waits; by then the group has been killed.
        with answer, worker, killed_at_exit(worker):
            lines, timed_out = _await_answer(answer, timeout_s)
            _await_exit(worker, 0 if timed_out else _EXIT_GRACE_S)
        return WorkerOutcome(
            messages=_parse(lines),
            wall_ns=perf_counter_ns() - start,
            returncode=worker.returncode,
            timed_out=timed_out,
            oom_kills=_oom_kills() - oom_kills,
            tail=_tail(printed),
        )


def _launch(
    python: Path, plan: dict[str, Any], threads: int, printed: IO[bytes]
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the worker in a session of its own, hand it the plan, and keep its stdin open.

    The open stdin is its lifeline: it ends when this process does.
    """
    read_end, write_end = os.pipe()
    answer = os.fdopen(read_end, "rb")
    with os.fdopen(write_end, "wb") as answer_end:
        worker = subprocess.Popen(
            [python, "-I", "-c", _BOOTSTRAP, hfbench_worker.__file__],
            stdin=subprocess.PIPE,
            bufsize=0,  # a plan that a dead worker never took must not be written again on closing
            stdout=printed,
            stderr=printed,
            env=worker_environ(threads),
            pass_fds=[answer_end.fileno()],
            start_new_session=True,
        )
        plan = {**plan, "answer_fd": answer_end.fileno()}
    with contextlib.suppress(BrokenPipeError):  # it died at once: its end tells why
        assert worker.stdin is not None  # noqa: S101 - asked for above
        worker.stdin.write(json.dumps(plan).encode() + b"\n")
    return worker, answer


def worker_environ(threads: int) -> dict[str, str]:
    """Return a worker's environment variables: an allow-list, the thread counts, and no network."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return inherited | counts | offline | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _await_answer(answer: IO[bytes], timeout_s: float) -> tuple[bytes, bool]:
    """Read until the worker closes its end; return what came, and whether the time ran out."""
    lines, deadline = b"", monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(answer, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - monotonic())):
            part = os.read(answer.fileno(), 1 << 20)
            if not part:
                return lines, False
            lines += part
    return lines, True


def _await_exit(worker: subprocess.Popen[bytes], timeout_s: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(timeout_s)


def _parse(lines: bytes) -> dict[str, dict[str, Any]]:
    """Return the messages by event; a line that is none, or was cut off by a crash, is dropped."""
    messages = {}
    for line in lines.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            message = json.loads(line)
            messages[message["event"]] = message
    return messages


def _tail(printed: IO[bytes]) -> str:
    size = printed.seek(0, os.SEEK_END)
    printed.seek(max(0, size - _TAIL_BYTES))
    return printed.read().decode(errors="replace")


def _oom_kills() -> int:
    """Return the kernel's count of out-of-memory kills, 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0
