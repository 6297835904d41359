"""The store: where submissions, the ledger and releases live, whatever keeps them.

A store has one line of revisions. Readers read at a revision, so that what they see cannot change
under them; a writer names the revision that it read, and its commit fails if another was made
since. What strangers propose waits beside that line until it is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NewType, Protocol

Revision = NewType("Revision", str)


class StoreError(Exception):
    """The store cannot be used as asked; the text says what, where and how to mend it."""


class ConflictError(StoreError):
    """Another writer has committed since the revision that this one read: read anew, try again."""


@dataclass(frozen=True)
class Change:
    """What one commit writes and deletes, all of it or nothing; `message` is for people."""

    message: str
    write: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    delete: frozenset[PurePosixPath] = frozenset()


@dataclass(frozen=True)
class ProposedFile:
    """One file that a proposal adds; `obstacle` says why it cannot be read, if it cannot."""

    path: PurePosixPath
    size: int = 0
    obstacle: str | None = None


@dataclass(frozen=True)
class Proposal:
    """What somebody proposes, pinned: nothing done to it later changes what is read here.

    `author` is who the store knows to have sent it, None where it cannot know; `trespasses` are
    the paths that it changes without adding a file where proposals belong.
    """

    id: str
    title: str
    author: str | None
    revision: Revision
    files: tuple[ProposedFile, ...]
    trespasses: tuple[str, ...] = ()


class Store(Protocol):
    """What intake, ledger and releases need of whatever keeps them."""

    @property
    def name(self) -> str:
        """For people: the folder, or the repository."""

    def head(self) -> Revision:
        """Return the newest revision."""

    def files(self, folder: PurePosixPath, revision: Revision) -> list[PurePosixPath]:
        """Return all files below `folder`, sorted; none if there is no such folder."""

    def changed(self, folder: PurePosixPath, old: Revision, new: Revision) -> set[PurePosixPath]:
        """Return the files below `folder` that `new` has otherwise than `old`, or more of them."""

    def read(self, path: PurePosixPath, revision: Revision) -> bytes:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """

    def commit(self, parent: Revision, change: Change) -> Revision:
        """Make a revision that follows `parent`.

        Raises:
            ConflictError: `parent` is not the newest revision any more; nothing was written.
            StoreError: nothing, or nobody knows whether anything, was written; reading tells.
        """

    def tag(self, tag: str, revision: Revision) -> None:
        """Name a revision for ever; the same name for the same revision again does nothing."""

    def tagged(self, tag: str) -> Revision | None:
        """Return the revision that has this name, None if none has."""

    def last_change(self, path: PurePosixPath, revision: Revision) -> Revision:
        """Return the revision, up to this one, that last changed a file.

        A store that keeps no history returns `revision`, at which the file is the same.
        """

    def proposals(self) -> list[str]:
        """Return the ids of what waits to be settled, oldest first where the store knows."""

    def proposal(self, proposal_id: str) -> Proposal:
        """Pin one proposal, whatever it holds, without following or running anything of it.

        Raises:
            FileNotFoundError: it does not wait any more.
        """

    def read_proposed(self, proposal: Proposal, file: ProposedFile, limit: int) -> bytes:
        """Return the bytes of a proposed file, `limit` and one more of them at most.

        Raises:
            FileNotFoundError: it does not wait any more, and the store could not keep it.
            StoreError: it cannot be read; other proposals may well be.
        """

    def settle(self, proposal: Proposal, *, accepted: bool, note: str) -> None:
        """End the wait of a proposal, with a note for its author; again does nothing more.

        What has come in its place since it was pinned is another proposal, and goes on waiting.
        """
