"""One measurement at a time on one machine: two would disturb each other."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hfbench_schema.timestamps import format_moment, now
from hfbench_submit.errors import SubmitError

_FOLDER = Path("/tmp")  # noqa: S108 - a lock that holds nothing


@contextmanager
def only_measurement_on_this_machine(what: str) -> Iterator[None]:
    """Refuse to measure beside another measurement.

    Args:
        what: is measured, for the message that another one gets.

    Raises:
        SubmitError: another one is running; the message says which.
    """
    # Not in the cache folder nor in $TMPDIR, of which there may be several; by user, who alone
    # may open it: what other users run is seen as contamination.
    path = _FOLDER / f"hfbench-measuring-{os.getuid()}.lock"
    holder = path.with_suffix(".holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SubmitError(
            f"another hfbench-submit is measuring on this machine{_described(holder)}; "
            "wait for it to end"
        ) from error
    try:
        holder.write_text(f"{what}, process {os.getpid()}, since {format_moment(now())}")
        yield
    finally:
        lock.release()


def _described(holder: Path) -> str:
    with contextlib.suppress(OSError):
        return f" ({holder.read_text()})"
    return ""
