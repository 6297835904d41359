"""The launch method `fork_server`: import the framework once, then fork a worker for each plan.

It runs nothing of the framework and has one thread: a fork copies no other thread, so that the
child of a process with a pool of them hangs in its first operation. The client speaks to it
over the socket that is its stdin, one JSON line a packet; what it sends are the three descriptors
of the next worker: its stdin, its answers, and what it prints.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from hfbench_worker.failures import MeasurementError, describe


def main() -> None:
    """Import the framework, say so, and fork on demand until the client hangs up."""
    control = socket.socket(fileno=0)
    _say(control, "phase", name="import")
    try:
        _import_framework()
        answer_fd = os.open(os.devnull, os.O_RDONLY)  # keeps a number for the workers' answers
        _say(control, "ready", answer_fd=answer_fd)
        while worker_fds := socket.recv_fds(control, 1, 3)[1]:
            _check_that_a_fork_works()
            _run_worker(control, worker_fds, answer_fd)
    except (Exception, SystemExit) as error:  # every failure is data: the client stores it
        status, reason = describe(error)
        with contextlib.suppress(OSError):  # the client has hung up
            _say(control, "failed", status=status, reason=reason)


def _import_framework() -> None:
    """Import what every worker imports, without leaving a thread behind.

    The environment is as it is for any worker; only numpy's own thread pool, which it would start
    while it is imported and no forward pass uses, is kept from starting.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with contextlib.suppress(ImportError):
        import numpy  # noqa: F401
    del os.environ["OPENBLAS_NUM_THREADS"]
    import hfbench_worker.__main__
    import hfbench_worker.torch_workload  # noqa: F401

    gc.collect()
    gc.freeze()  # else the first collection in a worker copies every page of what is shared


def _check_that_a_fork_works() -> None:
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise MeasurementError(
            "unsupported",
            f"the process that imported the framework has {threads} threads, and a fork of it "
            "would hang; something in this environment starts them: launch with spawn",
        )


def _run_worker(control: socket.socket, worker_fds: list[int], answer_fd: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_worker(control, worker_fds, answer_fd)
    for descriptor in worker_fds:
        os.close(descriptor)
    _say(control, "forked", pid=pid)
    _await_end(control, pid)


def _be_worker(control: socket.socket, worker_fds: list[int], answer_fd: int) -> NoReturn:
    """Become what a spawned worker is: a session, its descriptors, and the same entry point."""
    try:
        os.setsid()
        control.detach()
        stdin, answer, printed = worker_fds
        for source, target in ((stdin, 0), (printed, 1), (printed, 2), (answer, answer_fd)):
            os.dup2(source, target)
        for descriptor in worker_fds:
            os.close(descriptor)
        from hfbench_worker.__main__ import main as measure

        measure()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def _await_end(control: socket.socket, pid: int) -> None:
    """Sleep until the worker ends, and say how; if the client ends first, so do both."""
    end = os.pidfd_open(pid)
    ready, _, _ = select.select([control.fileno(), end], [], [])
    os.close(end)
    for kill in (os.killpg, os.kill):  # the group is there once the worker has made it
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if control.fileno() in ready:  # the client never speaks while a worker runs: it has hung up
        os._exit(1)
    _say(control, "ended", returncode=os.waitstatus_to_exitcode(status), cpu_s=_cpu_s())


def _cpu_s() -> float:
    """Return the CPU time of this process and of all workers so far."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _say(control: socket.socket, event: str, **fields: Any) -> None:
    control.send(json.dumps({"event": event, **fields}).encode() + b"\n")


if __name__ == "__main__":
    main()
    os._exit(0)  # as a worker: tearing down torch takes a second that nobody needs
