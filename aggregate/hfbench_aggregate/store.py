"""A store in a local folder: the tree of `hfbench_schema.tree`, safe against a kill at any moment.

Files appear whole or not at all, and documents are written before the ledger line that names
them: whatever an interrupted command leaves behind, the same command completes. Writers take
one lock, so that two processes never decide about one document.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from filelock import FileLock, Timeout

from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import append_durably, sync_folder, write_atomically
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.tree import LEDGER, PROPOSALS, REFUSED, RELEASES, SUBMISSIONS, release_path

LOCK_PATIENCE_S: Final = 60.0
"""How long a writer waits for another, in seconds."""

_UNFINISHED = ".writing-"  # the prefix that `write_atomically` gives its temporary files


class StoreError(Exception):
    """The store cannot be used as asked; the text says what, where and how to mend it."""


@dataclass(frozen=True)
class Proposal:
    """One entry of `proposals/`.

    `data` is None where the bytes are not kept: too many (`size` says how many), or, with
    `obstacle` saying why, none that may be read. `sha256` is that of the bytes, or of the
    name where there is an obstacle.
    """

    name: str
    sha256: str
    size: int = 0
    data: bytes | None = None
    obstacle: str | None = None


class LocalStore:
    """A store in the folder `root`.

    Raises:
        StoreError: `root` is no folder, or one that nothing was ever proposed to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.is_dir():
            raise StoreError(f"there is no store at {root}: the folder does not exist. {_MAKE_ONE}")
        if not any((root / part).is_dir() for part in (PROPOSALS, SUBMISSIONS, LEDGER)):
            raise StoreError(
                f"{root} is not a store: it holds none of {PROPOSALS}/, {SUBMISSIONS}/ and "
                f"{LEDGER}/. {_MAKE_ONE}"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer; clear away what a killed one left unfinished.

        Raises:
            StoreError: another process goes on writing for LOCK_PATIENCE_S.
        """
        try:
            with FileLock(self.root / ".lock", timeout=LOCK_PATIENCE_S):
                self._sweep()
                yield
        except Timeout as error:
            raise StoreError(
                f"another process is writing to {self.root}; wait for it, then run this again"
            ) from error

    def read(self, path: PurePosixPath) -> bytes:
        """Return the bytes of a regular file; a symbolic link is not followed.

        Raises:
            OSError: there is no such file, or it cannot be read.
        """
        descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()

    def files(self, folder: PurePosixPath) -> list[PurePosixPath]:
        """Return all finished files below `folder`, sorted; symbolic links are not followed."""
        found = []
        for where, _, names in os.walk(self.root / folder):
            parent = PurePosixPath(Path(where).relative_to(self.root))
            if not any(part.startswith(_UNFINISHED) for part in parent.parts):
                found += [parent / name for name in names if not name.startswith(_UNFINISHED)]
        return sorted(found)

    def proposals(self) -> list[str]:
        """Return the names of the entries that wait for intake, sorted."""
        folder = self.root / PROPOSALS
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208  wants names only
        return sorted(name for name in names if not name.startswith("."))

    def read_proposal(self, name: str) -> Proposal:
        """Look at one entry of `proposals/`, whatever it is, without following or running it.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        path = self.root / PROPOSALS / name
        try:
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                return _obstructed(name, _kind(mode))
            return _read_regular(name, path)
        except FileNotFoundError:
            raise
        except OSError as error:
            return _obstructed(name, f"unreadable ({error.strerror})")

    def submissions(self) -> dict[str, PurePosixPath]:
        """Return the path of every document below `submissions/`, by the sha256 in its name."""
        return {path.stem: path for path in self.files(SUBMISSIONS) if path.suffix == ".json"}

    def ledger_files(self) -> list[PurePosixPath]:
        """Return the files of the ledger, oldest first."""
        return [path for path in self.files(LEDGER) if path.suffix == ".jsonl"]

    def write(self, path: PurePosixPath, data: bytes) -> None:
        """Write one file, wholly or not at all.

        Raises:
            OSError: the disk is full, or not writable.
        """
        write_atomically(self.root / path, data)

    def commit(
        self, files: Mapping[PurePosixPath, bytes], ledger_file: PurePosixPath, lines: bytes
    ) -> None:
        """Write `files`, then append `lines` to a ledger file; both have reached the disk then.

        Raises:
            OSError: the disk is full, or not writable. Files may be there without the lines, and
                the last line in part; the same commit again completes them.
        """
        for path, data in files.items():
            self.write(path, data)
        append_durably(self.root / ledger_file, lines)
        sync_folder((self.root / ledger_file).parent)

    def cut(self, path: PurePosixPath, length: int) -> None:
        """Drop all but the first `length` bytes of a file: what an interrupted append left."""
        with (self.root / path).open("r+b") as stream:
            stream.truncate(length)
            stream.flush()
            os.fsync(stream.fileno())

    def withdraw(self, proposal: Proposal) -> None:
        """Remove from `proposals/` a document that is in `submissions/`."""
        (self.root / PROPOSALS / proposal.name).unlink(missing_ok=True)

    def set_aside(self, proposal: Proposal) -> None:
        """Move a refused entry from `proposals/` to `refused/`; a link is moved as a link."""
        folder = self.root / REFUSED
        folder.mkdir(exist_ok=True)
        target = folder / f"{proposal.sha256}.json"
        if proposal.obstacle is not None:
            target = _unused(folder, proposal.sha256)
        (self.root / PROPOSALS / proposal.name).rename(target)
        sync_folder(folder)

    def releases(self) -> list[str]:
        """Return the versions of all releases, oldest first."""
        folder = self.root / RELEASES
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        versions = [name for name in names if name.replace(".", "").isdecimal()]
        return sorted(versions, key=lambda name: [int(part) for part in name.split(".") if part])

    def write_release(self, version: str, files: Mapping[str, bytes]) -> Path:
        """Write the files of a new release, by name, so that no reader ever sees a part of it.

        Returns its folder.

        Raises:
            OSError: the disk is full, or the release is there already.
        """
        target = self.root / release_path(version)
        target.parent.mkdir(exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix=_UNFINISHED))
        unfinished.chmod(0o755)
        for name, data in files.items():
            write_atomically(unfinished / name, data)
        if target.exists():
            raise FileExistsError(errno.EEXIST, "the release is there already", str(target))
        unfinished.rename(target)
        sync_folder(target.parent)
        return target

    def _sweep(self) -> None:
        """Delete temporary files of killed writers, save in `proposals/`, which takes no lock."""
        for folder in (f"{SUBMISSIONS}/*/*", REFUSED, LEDGER, RELEASES):
            for path in sorted(self.root.glob(f"{folder}/{_UNFINISHED}*")):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


_MAKE_ONE = "To make one, propose a submission: hfbench-submit upload DOCUMENT --store FOLDER"


def _read_regular(name: str, path: Path) -> Proposal:
    """Read a file up to the size limit of a submission; of a longer one only hash and size."""
    # O_NONBLOCK: should a pipe have taken its place since, opening must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            return _obstructed(name, _kind(status.st_mode))
        if status.st_size > MAXIMUM_BYTES:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return Proposal(name, digest, status.st_size)
        data = stream.read(MAXIMUM_BYTES)
    return Proposal(name, sha256_hex(data), len(data), data)


def _obstructed(name: str, obstacle: str) -> Proposal:
    return Proposal(name, sha256_hex(os.fsencode(name)), obstacle=obstacle)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"


def _unused(folder: Path, stem: str) -> Path:
    """Return a path that nothing is at, so that what was set aside before stays."""
    number = 1
    while os.path.lexists(target := folder / f"{stem}.entry-{number}"):
        number += 1
    return target
