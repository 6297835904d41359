"""What strangers put into a folder, looked at without following or running any of it."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from hfbench_aggregate.stores.store import Revision


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a symbolic link is not followed.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    # O_NONBLOCK: opening a pipe must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {_kind(mode)}", str(path))


def obstacle(path: Path) -> str | None:
    """Return why an entry is nothing that can be read, None if it can.

    Raises:
        FileNotFoundError: it is not there.
    """
    if not stat.S_ISREG(mode := path.lstat().st_mode):
        return _kind(mode)
    try:
        open_regular(path).close()
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return None


def identity(status: os.stat_result) -> Revision:
    """Return what changes when an entry is replaced or rewritten."""
    return Revision(f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}")


def unused(folder: Path, stem: str) -> Path:
    """Return a path that nothing is at, so that what was set aside before stays."""
    number = 1
    while os.path.lexists(target := folder / f"{stem}.entry-{number}"):
        number += 1
    return target


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
