"""A store in a local folder: the tree of `hfbench_schema.tree`, safe against a kill at any moment.

Writers take one lock. Readers take none: files appear whole or not at all, and a document appears
before the ledger line that names it.

A folder keeps no history: it is read as it is now, at whatever revision. That suffices. Accepted
documents and releases never change, the ledger only grows, and who has read a file that is newer
than the revision at hand cannot commit on that revision.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from filelock import FileLock, Timeout

from hfbench_aggregate.stores.entries import identity, obstacle, open_regular, unused
from hfbench_aggregate.stores.journal import (
    REVISION_FILE,
    is_interrupted,
    make_folder,
    recover,
    write_together,
)
from hfbench_aggregate.stores.store import (
    Change,
    ConflictError,
    Proposal,
    ProposedFile,
    Revision,
    StoreError,
)
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import sync_folder, write_atomically
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.tree import LEDGER, PROPOSALS, REFUSED, SUBMISSIONS

LOCK_PATIENCE_S: Final = 60.0
"""How long a writer waits for another, in seconds."""

_POLL_S: Final = 0.01
_FIRST: Final = Revision("0")  # of a folder that was never committed to
_TAGS: Final = PurePosixPath("tags")
_UNFINISHED: Final = ".writing-*"  # what `write_atomically` leaves where it is killed
_MAKE_ONE: Final = (
    "To make one, propose a submission: hfbench-submit upload DOCUMENT --store FOLDER"
)


class LocalStore:
    """A store in the folder `root`; a commit that a killed process had begun is settled first.

    A proposal is an entry of `proposals/`, its id the entry's name, its author unknown. What is
    pinned is the entry's identity: one that was replaced is another proposal.

    Raises:
        StoreError: `root` is no folder, or one that nothing was ever proposed to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._swept = False
        if not root.is_dir():
            raise StoreError(f"there is no store at {root}: the folder does not exist. {_MAKE_ONE}")
        if not any((root / part).is_dir() for part in (PROPOSALS, SUBMISSIONS, LEDGER)):
            raise StoreError(
                f"{root} is not a store: it holds none of {PROPOSALS}/, {SUBMISSIONS}/ and "
                f"{LEDGER}/. {_MAKE_ONE}"
            )
        if is_interrupted(root):
            with self._writing():
                pass

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.root)

    def head(self) -> Revision:
        """Return the number of commits made; a folder of an earlier version has none.

        Raises:
            StoreError: the number cannot be read.
        """
        try:
            number = self.read(PurePosixPath(REVISION_FILE), _FIRST).strip()
        except FileNotFoundError:
            return _FIRST
        if not number.isdigit():
            raise StoreError(
                f"{self.root / REVISION_FILE} holds no number: restore it, or delete it"
            )
        return Revision(number.decode())

    def files(
        self,
        folder: PurePosixPath,
        revision: Revision,  # noqa: ARG002  the folder keeps no history
    ) -> list[PurePosixPath]:
        """Return all files below `folder`, sorted; symbolic links are not followed.

        Raises:
            StoreError: a folder cannot be read.
        """
        found: list[PurePosixPath] = []
        for where, folders, names in os.walk(self.root / folder, onerror=_unless_missing):
            folders[:] = sorted(filter(_is_content, folders))
            parent = PurePosixPath(Path(where).relative_to(self.root))
            found += [parent / name for name in sorted(names) if _is_content(name)]
        return sorted(found)

    def changed(self, folder: PurePosixPath, old: Revision, new: Revision) -> set[PurePosixPath]:
        """Return all files below `folder`, unless both revisions are one."""
        return set() if old == new else set(self.files(folder, new))

    def read(
        self,
        path: PurePosixPath,
        revision: Revision,  # noqa: ARG002  the folder keeps no history
    ) -> bytes:
        """Return the present bytes of a regular file; a symbolic link is not followed.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """
        try:
            with open_regular(self.root / path) as stream:
                return stream.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(
                f"{self.root / path} cannot be read ({error.strerror}): restore it from a backup"
            ) from error

    def commit(self, parent: Revision, change: Change) -> Revision:
        """Make a revision that follows `parent`.

        Raises:
            ConflictError: `parent` is not the newest revision any more; nothing was written.
            StoreError: the disk is full, or not writable. The change is made wholly or not at
                all, and who opens the store next sees which.
        """
        with self._writing():
            if (head := self.head()) != parent:
                raise ConflictError(f"{self.root} is at revision {head}, no more at {parent}")
            revision = Revision(str(int(parent) + 1))
            write_together(self.root, change, revision)
        return revision

    def tag(self, tag: str, revision: Revision) -> None:
        """Name a revision for ever, in the file `tags/<tag>`.

        Raises:
            StoreError: another revision has that name, or the folder cannot be written.
        """
        path = self.root / _TAGS / tag
        with self._writing():
            held = self.tagged(tag)
            if held not in (None, revision):
                raise StoreError(f"{path} names revision {held}: give {revision} another name")
            if held is None:
                make_folder(path.parent)
                write_atomically(path, f"{revision}\n".encode())

    def tagged(self, tag: str) -> Revision | None:
        """Return the revision that the file `tags/<tag>` names, None if there is none.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            return Revision(self.read(_TAGS / tag, _FIRST).decode(errors="replace").strip())
        except FileNotFoundError:
            return None

    def last_change(
        self,
        path: PurePosixPath,  # noqa: ARG002  the folder keeps no history
        revision: Revision,
    ) -> Revision:
        """Return `revision`, as the folder keeps no history."""
        return revision

    def proposals(self) -> list[str]:
        """Return the names of the entries of `proposals/`, sorted."""
        folder = self.root / PROPOSALS
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208  wants names only
        return sorted(filter(_is_content, names))

    def proposal(self, proposal_id: str) -> Proposal:
        """Look at one entry of `proposals/`, whatever it is, without following or running it.

        Raises:
            FileNotFoundError: it does not wait any more.
        """
        path = self.root / PROPOSALS / proposal_id
        status = path.lstat()
        file = ProposedFile(PROPOSALS / proposal_id, status.st_size, obstacle(path))
        return Proposal(proposal_id, proposal_id, None, identity(status), (file,))

    def read_proposed(self, proposal: Proposal, file: ProposedFile, limit: int) -> bytes:
        """Return the bytes of a proposed file, `limit` and one more of them at most.

        Raises:
            FileNotFoundError: it does not wait any more, or was replaced.
            StoreError: it cannot be read.
        """
        try:
            with open_regular(self.root / file.path) as stream:
                data = stream.read(limit + 1)
                if identity(os.fstat(stream.fileno())) == proposal.revision:
                    return data
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{file.path} cannot be read ({error.strerror})") from error
        raise FileNotFoundError(f"{file.path} was replaced while it was looked at")

    def settle(self, proposal: Proposal, *, accepted: bool, note: str) -> None:
        """Remove an accepted entry; move a refused one to `refused/`, its note beside it.

        There its name is the sha256 of its bytes, or, if it is no file of at most MAXIMUM_BYTES,
        of the name that it had. An entry that is not there, or was replaced, is left alone.

        Raises:
            StoreError: the folder cannot be written; settling again completes it.
        """
        path = self.root / PROPOSALS / proposal.id
        with self._writing():
            if not os.path.lexists(path) or identity(path.lstat()) != proposal.revision:
                return
            if accepted:
                path.unlink()
            else:
                self._set_aside(proposal, note)
            sync_folder(path.parent)

    def _set_aside(self, proposal: Proposal, note: str) -> None:
        (file,) = proposal.files
        folder = self.root / REFUSED
        make_folder(folder)
        if file.obstacle is None and file.size <= MAXIMUM_BYTES:
            stem = sha256_hex(self.read(file.path, proposal.revision))
            target = folder / f"{stem}.json"
        else:
            stem = sha256_hex(os.fsencode(proposal.id))
            target = unused(folder, stem)
        write_atomically(folder / f"{stem}.txt", note.encode())
        (self.root / file.path).rename(target)
        sync_folder(folder)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Be the only writer, after settling what a killed one left.

        Raises:
            StoreError: another process goes on writing for LOCK_PATIENCE_S, or the folder cannot
                be written.
        """
        try:
            with FileLock(self.root / ".lock").acquire(LOCK_PATIENCE_S, _POLL_S):
                recover(self.root)
                self._sweep()
                yield
        except Timeout as error:
            raise StoreError(
                f"another process is writing to {self.root}; wait for it, then run this again"
            ) from error
        except OSError as error:
            raise StoreError(
                f"{self.root} cannot be written ({error.strerror}). Nothing is lost: see to the "
                f"disk and its permissions, then run the same command again"
            ) from error

    def _sweep(self) -> None:
        """Delete temporary files of killed writers, but not in `proposals/`, which has no lock."""
        if not self._swept:
            for folder in (self.root, self.root / REFUSED, self.root / _TAGS):
                for path in folder.glob(_UNFINISHED):
                    path.unlink(missing_ok=True)
            self._swept = True


def _is_content(name: str) -> bool:
    """Tell what a store holds from what it needs to hold it: lock, revision, unfinished files."""
    return not name.startswith(".")


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StoreError(f"{error.filename} cannot be read ({error.strerror})") from error
