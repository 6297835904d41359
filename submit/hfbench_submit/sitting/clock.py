"""The moments of a sitting: they follow each other, whatever happens to the machine's clock."""

from datetime import datetime, timedelta
from time import monotonic

from hfbench_schema.timestamps import format_moment, now, parse_moment


class SittingClock:
    """Counts on from where it began by a clock that nobody can set.

    A wall clock that is set while a sitting runs would put moments out of order, and cost the
    contributor the whole submission.
    """

    def __init__(self, last_moment: str | None) -> None:
        """Begin at the present, or at the journal's last moment if that lies in the future."""
        present = now()
        self._began_at = max(parse_moment(last_moment), present) if last_moment else present
        self._began = monotonic()

    def moment(self) -> str:
        """Return the present moment as documents write it."""
        return format_moment(self.now())

    def now(self) -> datetime:
        """Return the present moment, to the second."""
        return self._began_at + timedelta(seconds=int(monotonic() - self._began))
