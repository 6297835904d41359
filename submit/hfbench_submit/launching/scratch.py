"""Temporary folders of workers, removed with all that is in them, sooner or later.

A worker that is killed, or does not wait for Python to tidy up, leaves files behind; so its
temporary folder is its own, and goes when it has ended. One whose client was killed as well is
removed by a later client: as long as its own lives, it holds a lock on it.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "hfbench-worker-"
"""Short: frameworks make sockets in there, whose paths have 100 bytes at most."""
_NEW_S = 60.0
"""A folder that has just been made may not be locked yet."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder, which is removed at the end of the block."""
    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # this file system has no locks
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(folder)


def _remove_abandoned() -> None:
    """Remove the folders of clients that live no more; anybody else's are left alone."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _NEW_S:
                _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    finally:
        os.close(folder)
