"""Child processes that lead a session of their own, and leave nothing behind."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator


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
