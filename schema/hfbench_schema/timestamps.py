"""Points in time as every document writes them: UTC, whole seconds, `2026-11-23T13:05:09Z`."""

from datetime import UTC, datetime

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
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
