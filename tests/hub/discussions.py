"""Discussions and pull requests: one numbering, events in the order they happened."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from tests.hub.objects import Commit

OPEN: Final = frozenset({"open", "draft"})
"""What the Hub lists as open; the rest is closed."""


@dataclass(frozen=True)
class Event:
    """A comment, a commit, a change of status or of title; `data` as the wire has it."""

    kind: str
    author: str
    data: dict[str, Any]
    date: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: uuid4().hex[:24])


@dataclass
class Discussion:
    """A discussion, or, if it has a base, a pull request.

    Attributes:
        status: draft, open, closed or merged.
        base: the commit the pull request started from.
        target: the ref it wants to change.
        merge: the commit that merged it.
    """

    num: int
    title: str
    author: str
    status: str = "open"
    base: Commit | None = None
    target: str | None = None
    merge: Commit | None = None
    events: list[Event] = field(default_factory=list)
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def ref(self) -> str:
        """Where the pull request's commits are."""
        return f"refs/pr/{self.num}"

    @property
    def is_open(self) -> bool:
        """Whether the Hub lists it as open, which it does with drafts."""
        return self.status in OPEN

    def happened(self, kind: str, author: str, **data: Any) -> Event:
        """Record an event, and return it."""
        event = Event(kind, author, data)
        self.events.append(event)
        return event

    def comment(self, author: str, text: str) -> Event:
        """Add a comment."""
        return self.happened("comment", author, text=text)

    def change_status(self, author: str, status: str) -> Event:
        """Set the status."""
        self.status = status
        return self.happened("status-change", author, status=status)

    def rename(self, author: str, title: str) -> Event:
        """Set the title."""
        event = self.happened("title-change", author, **{"from": self.title, "to": title})
        self.title = title
        return event
