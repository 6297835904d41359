"""Where a training is: for the parent, which waits, and for whoever asks after the end."""

import os
from collections.abc import Callable

from hfbench_worker.timing import Announcements

_WIDTH = 80
"""Bytes of a note: each overwrites the whole of the one before."""


class Progress:
    """Announces places to the parent, which restarts its timeout, and notes each in a file.

    `place` is the latest one. A process that is killed cannot say any more where it was: what it
    noted remains.
    """

    def __init__(self, begin: Callable[[str], None], notes: str | None) -> None:
        """Begin.

        Args:
            begin: is told of a place, as `Announcements` does it.
            notes: the path of the file, None for no notes.
        """
        self._announcements, self.place = Announcements(begin), ""
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT, 0o600) if notes else None

    def at(self, place: str, announce: bool = False) -> None:
        """Note a place; announce it if asked to, or if it is time to."""
        self.place = place
        if self._notes is not None:
            os.pwrite(self._notes, place.ljust(_WIDTH).encode(), 0)
        self._announcements.at(place, announce)
