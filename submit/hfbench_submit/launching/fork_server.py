"""The launch method `fork_server`: workers forked from one process that imported the framework."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType
from typing import IO, Any, Self

from hfbench_submit.launching.listening import Listener, OnMessage
from hfbench_submit.launching.process_groups import (
    EXIT_GRACE_S,
    await_exit,
    kill_group,
    killed_at_exit,
)
from hfbench_submit.launching.scratch import scratch_folder
from hfbench_submit.launching.spawn import (
    WorkerOutcome,
    children_cpu_s,
    exit_of,
    oom_kills_so_far,
    start_module,
    worker_environ,
)

_PACKET_BYTES = 1 << 20


class ForkServer:
    """Runs workers in one environment, each a fork of a process that has imported the framework.

    It saves the imports of every worker but the first. Its figures are never mixed with those of
    spawned workers: all its forks share one memory layout and one hash seed. The server process
    is started by the first `run`, and again after a worker that did not end well.
    """

    def __init__(
        self, python: Path, threads: int, hash_seed: int = 0, caches: Path | None = None
    ) -> None:
        """Choose the environment's interpreter, and what `worker_environ` takes."""
        self._python = python
        self._environ = worker_environ(threads, caches=caches, hash_seed=hash_seed)
        self._running = contextlib.ExitStack()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        """Return the fork server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server process."""
        self._stop()

    def run(
        self, plan: dict[str, Any], timeout_s: float, on_message: OnMessage | None = None
    ) -> WorkerOutcome:
        """Run one worker to its end; the outcome is the one that `run_worker` would return.

        `wall_ns` includes the start of the server where it had to be started, and is 0 for a plan
        that can only be spawned: its outcome is `unsupported`.

        Raises:
            OSError: the interpreter cannot be started.
        """
        if reason := _refusal(plan):
            return _refused(reason)
        oom_kills, start, ended_well = oom_kills_so_far(), perf_counter_ns(), False
        try:
            outcome = self._start(timeout_s) or self._run(plan, timeout_s, on_message)
            ended_well = outcome.returncode == 0 and not outcome.timed_out
        finally:
            if not ended_well:
                self._stop()
        oom_kills = oom_kills_so_far() - oom_kills
        return replace(outcome, wall_ns=perf_counter_ns() - start, oom_kills=oom_kills)

    def _start(self, timeout_s: float) -> WorkerOutcome | None:
        """Have a server that is ready to fork; without one, return what came of the attempt."""
        if self._server is not None:
            return None
        cpu_s = children_cpu_s()
        with contextlib.ExitStack() as starting:
            scratch = starting.enter_context(scratch_folder())
            environ = self._environ | {"TMPDIR": str(scratch)}
            process, control = _launch(self._python, environ, starting)
            with _listener_at_start(process, control, starting) as heard:
                timed_out = heard.listen(timeout_s, until="ready")
            if "ready" in heard.messages:
                self._server = _Server(process, control, heard.messages["ready"]["answer_fd"])
                self._running = starting.pop_all()
                return None
        return _outcome(heard, process.returncode, timed_out, children_cpu_s() - cpu_s)

    def _stop(self) -> None:
        self._server = None
        self._running.close()

    def _run(
        self, plan: dict[str, Any], timeout_s: float, on_message: OnMessage | None
    ) -> WorkerOutcome:
        assert self._server is not None  # noqa: S101 - started just before
        server, cpu_s, timed_out = self._server, children_cpu_s(), False
        with contextlib.ExitStack() as stack:
            pipes = _WorkerPipes(stack)
            end = server.control.fileno()
            heard = stack.enter_context(
                Listener(pipes.answer.fileno(), pipes.printed.fileno(), end, on_message)
            )
            forked, ended = server.fork(pipes, timeout_s), {}
            if "pid" in forked:
                pipes.send_plan({**plan, "answer_fd": server.answer_fd})
                timed_out = heard.listen(timeout_s)
                ended = server.end_of(forked["pid"], timed_out)
            elif forked:
                heard.messages["failed"] = forked
        if not ended:  # the server itself has ended
            self._stop()
            ended = {"returncode": server.process.returncode, "cpu_s": children_cpu_s() - cpu_s}
        spent_s, server.cpu_s = ended["cpu_s"] - server.cpu_s, ended["cpu_s"]
        return _outcome(heard, ended["returncode"], timed_out, spent_s)


class _WorkerPipes:
    """The client's ends of a worker's pipes, and `theirs`, the worker's, closed once it has them.

    The worker's stdin stays open as long as the stack: it is its lifeline.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        stdin, self._plan = _pipe(stack)
        self.answer, answer = _pipe(stack)
        self.printed, printed = _pipe(stack)
        self.theirs = (stdin, answer, printed)

    def send_plan(self, plan: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died at once: its end tells why
            self._plan.write(json.dumps(plan).encode() + b"\n")


@dataclass
class _Server:
    """A server process that is ready to fork, and the socket to it.

    `cpu_s` is the CPU time that it and its workers had spent when the last worker ended.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    answer_fd: int
    cpu_s: float = 0.0

    def fork(self, pipes: _WorkerPipes, timeout_s: float) -> dict[str, Any]:
        """Have a worker forked; return `forked` or `failed`, empty if the server has ended."""
        with contextlib.suppress(OSError):
            socket.send_fds(self.control, [b"w"], [end.fileno() for end in pipes.theirs])
        for end in pipes.theirs:
            end.close()
        return self._packet(timeout_s)

    def end_of(self, worker: int, timed_out: bool) -> dict[str, Any]:
        """Return how a worker ended, having killed it if need be; empty if the server has ended."""
        ended = {} if timed_out else self._packet(EXIT_GRACE_S)
        if not ended:
            kill_group(worker)
            ended = self._packet(EXIT_GRACE_S)
        return ended

    def _packet(self, timeout_s: float) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            self.control.settimeout(timeout_s)
            if packet := self.control.recv(_PACKET_BYTES):
                said: dict[str, Any] = json.loads(packet)
                return said
        return {}


def _refusal(plan: dict[str, Any]) -> str | None:
    """Return why a plan can only be spawned, None if it can be forked."""
    if not (hasattr(os, "pidfd_open") and sys.platform == "linux"):
        return "launch method fork_server needs Linux: launch with spawn"
    if plan.get("role") == "cold":
        return "a forked worker has no cold start, its imports are done: launch with spawn"
    for name, supported in (("framework", "torch"), ("device", "cpu")):
        if plan["cell"][name] != supported:
            return (
                f"{name} {plan['cell'][name]} has not been shown to survive a fork, "
                f"{supported} has: launch with spawn"
            )
    return None


def _refused(reason: str) -> WorkerOutcome:
    failed = {"event": "failed", "status": "unsupported", "reason": reason}
    return WorkerOutcome({"failed": failed}, 0, 0, False, 0, "", "start", 0.0)


def _launch(
    python: Path, environ: dict[str, str], stack: contextlib.ExitStack
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a server process; the socket to it is its stdin.

    When the stack unwinds, the socket closes, at which the server kills its worker and ends.
    """
    # Packets, so that what it says next stays in the socket, where `select` sees it.
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, theirs:
        module = "hfbench_worker.fork_server"
        process = stack.enter_context(start_module(python, module, environ, stdin=theirs.fileno()))
        stack.enter_context(killed_at_exit(process))
        stack.callback(await_exit, process)
        return process, stack.enter_context(control.dup())


def _listener_at_start(
    process: subprocess.Popen[bytes], control: socket.socket, stack: contextlib.ExitStack
) -> Listener:
    assert process.stdout is not None  # noqa: S101 - asked for in start_module
    end = stack.enter_context(exit_of(process))
    return Listener(control.fileno(), process.stdout.fileno(), end, None)


def _pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    read_end, write_end = os.pipe()
    return (
        stack.enter_context(os.fdopen(read_end, "rb", buffering=0)),
        stack.enter_context(os.fdopen(write_end, "wb", buffering=0)),
    )


def _outcome(heard: Listener, returncode: int, timed_out: bool, cpu_s: float) -> WorkerOutcome:
    return WorkerOutcome(
        messages=heard.messages,
        wall_ns=0,
        returncode=returncode,
        timed_out=timed_out,
        oom_kills=0,
        tail=heard.tail,
        phase=heard.phase,
        cpu_s=cpu_s,
    )
