"""Child processes that lead a session of their own, and leave nothing behind."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

EXIT_GRACE_S = 5.0
"""For how long a process that has said all may take to end."""


@contextlib.contextmanager
def killed_at_exit(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill what is left of the process's group on the way out, also on Ctrl-C, and reap it.

    The process must have been started with `start_new_session=True`.
    """
    try:
        yield
    finally:
        kill_group(process.pid)
        process.wait()


def kill_group(leader: int) -> None:
    """Kill a process group; one that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def await_exit(process: subprocess.Popen[bytes], timeout_s: float = EXIT_GRACE_S) -> None:
    """Wait until a process ends, but no longer than that."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout_s)
