"""A store in a dataset on the Hub: its revisions are the commits of `main`.

A proposal is a pull request, and is never merged: what was looked at is copied, at the commit that
it was pinned to, and the pull request is closed with a comment. Its author is who the Hub says.
Those who may write to `main` can push to `proposals/` there instead, as to a folder.
"""

import secrets
import textwrap
from itertools import chain, islice, takewhile
from pathlib import PurePosixPath
from typing import Final

from hfbench_aggregate.stores.hub_client import MAIN, Entry, HubClient
from hfbench_aggregate.stores.hub_errors import HubError
from hfbench_aggregate.stores.hub_proposals import (
    look_at,
    look_at_pushed,
    newest_commit,
    pushed,
)
from hfbench_aggregate.stores.store import (
    Change,
    ConflictError,
    Proposal,
    ProposedFile,
    Revision,
    StoreError,
)
from hfbench_schema.tree import REFUSED

_LONGEST_NOTE: Final = 30_000  # characters; the Hub refuses a comment without end
_MOST_PAGES: Final = 20  # of history, 50 commits each
_PATIENCE: Final = 20  # times that another writer may be faster


class HubStore:
    """A store in the dataset `repository` ("org/name").

    By default the endpoint and the token are those that `huggingface_hub` finds. Every method
    raises StoreError if the Hub does not do as it is asked, within minutes at most.

    Raises:
        StoreError: the Hub cannot be reached, or has no such dataset for this token.
    """

    def __init__(
        self, repository: str, endpoint: str | None = None, token: str | None = None
    ) -> None:
        self._hub = HubClient(repository, endpoint, token)
        self.head()

    @property
    def name(self) -> str:
        """The dataset's address."""
        return self._hub.name

    def head(self) -> Revision:
        """Return the newest commit of main."""
        return Revision(self._hub.commit_of(MAIN))

    def files(self, folder: PurePosixPath, revision: Revision) -> list[PurePosixPath]:
        """Return all files below `folder`, sorted; none if there is no such folder."""
        found = self._hub.tree(folder, revision, deep=True)
        return sorted(entry.path for entry in found if entry.kind == "file")

    def changed(self, folder: PurePosixPath, old: Revision, new: Revision) -> set[PurePosixPath]:
        """Return the files below `folder` that were added, changed or deleted.

        Only folders that differ are listed.
        """
        found: set[PurePosixPath] = set()
        for it in self._hub.differences(folder, old, new) if old != new else ():
            if it.is_below:
                found |= self.changed(it.path, old, new)
            else:
                found |= self._files_of(it.was, old) | self._files_of(it.now, new)
        return found

    def read(self, path: PurePosixPath, revision: Revision) -> bytes:
        """Return the bytes of a file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """
        return self._hub.read(path, revision)

    def commit(self, parent: Revision, change: Change) -> Revision:
        """Make a commit on main that follows `parent`; if nothing changes, return `parent`.

        Raises:
            ConflictError: `parent` is not the newest revision any more; nothing was written.
            StoreError: nothing, or nobody knows whether anything, was written; reading tells.
        """
        if self.head() != parent:  # found out before anything is sent
            raise self._conflict(parent)
        mark = f"[{secrets.token_hex(6)}]"
        return self._hub.requests.patiently(lambda: self._try_commit(parent, change, mark))

    def tag(self, tag: str, revision: Revision) -> None:
        """Name a revision for ever; the same name for the same revision again does nothing.

        Raises:
            StoreError: another revision has that name.
        """
        try:
            self._hub.tag(tag, revision)
        except HubError as error:
            if error.status != 409:
                raise
            if (held := self._hub.commit_of(tag)) != revision:
                raise StoreError(
                    f"{self.name}: tag {tag} names {held}: give {revision} another name"
                ) from error

    def tagged(self, tag: str) -> Revision | None:
        """Return the commit that has this name, None if none has."""
        try:
            return Revision(self._hub.commit_of(tag))
        except HubError as error:
            if error.status != 404:
                raise
            return None

    def last_change(self, path: PurePosixPath, revision: Revision) -> Revision:
        """Return the commit, up to this one, that last changed a file."""
        return Revision(self._hub.last_change(path, revision))

    def proposals(self) -> list[str]:
        """Return the numbers of the open pull requests, drafts too, then the files on main."""
        requests = sorted(self._hub.pull_requests())
        return [*map(str, requests), *sorted(map(str, pushed(self._hub)))]

    def proposal(self, proposal_id: str) -> Proposal:
        """Pin one pull request to its newest commit, or one file on main; tell what it changes.

        Raises:
            FileNotFoundError: it does not wait any more.
            StoreError: it cannot be looked at; others may well be.
        """
        if proposal_id.isdecimal():
            return look_at(self._hub, int(proposal_id))
        return look_at_pushed(self._hub, PurePosixPath(proposal_id))

    def read_proposed(self, proposal: Proposal, file: ProposedFile, limit: int) -> bytes:
        """Return the bytes of a proposed file, `limit` and one more of them at most."""
        at_most = limit + 1 if file.size > limit else None
        return self._hub.read(file.path, proposal.revision, at_most)

    def settle(self, proposal: Proposal, *, accepted: bool, note: str) -> None:
        """Comment on a pull request, and close it if nothing came to it since it was pinned.

        The comment is made once for a commit, by whatever store. What was pushed to main is
        deleted; if it was refused, the note takes its place in `refused/`.

        Raises:
            StoreError: the Hub did not do so; settling again completes it.
        """
        if not proposal.id.isdecimal():
            self._delete(PurePosixPath(proposal.id), proposal, None if accepted else note)
            return
        num = int(proposal.id)
        outcome = "accepted" if accepted else "refused"
        heading = f"hfbench has {outcome} this pull request as of commit {proposal.revision}."
        try:
            close = newest_commit(self._hub, num) == proposal.revision
            self._hub.conclude(num, heading, _as_code(note), close=close)
        except HubError as error:
            if error.status != 404:  # it was deleted
                raise

    def _delete(self, path: PurePosixPath, proposal: Proposal, note: str | None) -> None:
        """Delete a pushed file unless it was replaced, or is gone, and leave the note if any."""
        pinned = self._hub.tree(path.parent, proposal.revision)
        seen = next(entry for entry in pinned if entry.path == path)
        write = {} if note is None else {REFUSED / f"{path.stem}.txt": note.encode()}
        for _ in range(_PATIENCE):
            if pushed(self._hub).get(path) != seen:
                return
            try:
                change = Change(f"Settle {path.name}", write, frozenset({path}))
                self.commit(self.head(), change)
            except ConflictError:
                continue
            return
        raise StoreError(f"{self.name}: others keep writing; settle {path} later")

    def _try_commit(self, parent: Revision, change: Change, mark: str) -> Revision:
        """Commit, and find out what became of it, whatever the Hub answered."""
        problem: HubError | None = None
        try:
            self._hub.commit(parent, change, f"{change.message} {mark}")
        except HubError as error:
            problem = error
        made = self._made(parent, mark)
        if made is None and problem is not None:
            raise problem
        return made or parent

    def _made(self, parent: Revision, mark: str) -> Revision | None:
        """Return the commit after `parent` if it bears our mark, None if there is none.

        Raises:
            ConflictError: another one is there.
        """
        history = chain.from_iterable(islice(self._hub.history(MAIN), _MOST_PAGES))
        newer = list(takewhile(lambda commit: commit[0] != parent, history))
        if not newer:
            return None
        child, title = newer[-1]
        if mark in title:
            return Revision(child)
        raise self._conflict(parent)

    def _conflict(self, parent: Revision) -> ConflictError:
        return ConflictError(f"{self.name}: {MAIN} has moved on from {parent}")

    def _files_of(self, entry: Entry | None, revision: Revision) -> set[PurePosixPath]:
        if entry is None:
            return set()
        return set(self.files(entry.path, revision)) if entry.is_folder else {entry.path}


def _as_code(note: str) -> str:
    """Return a note so that nothing in it becomes a link, an image or a mention."""
    cut = note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]}\n..."
    return textwrap.indent(cut, "    ", lambda _: True)
