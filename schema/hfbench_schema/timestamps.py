"""Points in time as every document writes them: UTC, whole seconds, `2026-11-23T13:05:09Z`."""

import re
from datetime import UTC, datetime

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def now() -> datetime:
    """Return the present moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def format_moment(moment: datetime) -> str:
    """Write a moment."""
    return moment.astimezone(UTC).strftime(_FORMAT)


def parse_moment(text: str) -> datetime:
    """Read a moment.

    Raises:
        ValueError: `text` is not of that form.
    """
    if _FORM.fullmatch(text):  # which `fromisoformat` reads ten times as fast
        return datetime.fromisoformat(text)
    raise ValueError(f"time data {text!r} does not match format {_FORMAT!r}")
