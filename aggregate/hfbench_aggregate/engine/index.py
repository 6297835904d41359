"""The index of a store: every accepted submission, taken in and reduced once.

It is derived from the store's documents and its ledger, lies in the cache, and may be deleted at
any time. What it holds of a document is immutable like the document itself, so an update takes in
what is new and no more. Kill it whenever you like; what is damaged is noticed and made anew.

In its folder: `manifest.sqlite`, and a folder for each segment below that of its bucket. All
submissions of one machine key lie in one bucket. What an update adds to a bucket is a segment of
level 0; beyond MOST_SEGMENTS of one level, those are merged into one of the next.
"""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from filelock import FileLock, Timeout

from hfbench_aggregate.engine import partitions
from hfbench_aggregate.engine.executors import Executor
from hfbench_aggregate.engine.manifest import Manifest, Segment
from hfbench_aggregate.engine.partitions import REDUCED, RUNS, SUBMISSIONS, DamagedError
from hfbench_aggregate.engine.progress import say
from hfbench_aggregate.engine.runs import Runs
from hfbench_aggregate.engine.segments import SegmentFolder
from hfbench_aggregate.engine.update import DamagedSegmentsError, Source, Update
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.loading import missing
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.submission import ProcessRun

BUCKETS_KEPT: Final = 16
"""Families are asked for one after the other, for which one bucket would do; trainings in the order
of the ledger, which goes from machine to machine."""
_ATTEMPTS: Final = 3
"""Damage that is still there after being mended twice comes from the disk."""
_MANIFEST: Final = "manifest.sqlite"
_NO_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
"""What SQLite may say of a file in which nothing is wrong."""

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Indexed:
    """One submission in an index.

    `outline` is its document without process runs, `statuses` how many of these have each role and
    status.
    """

    index: "Index"
    bucket: str
    sha256: str
    outline: dict[str, Any]
    statuses: Counter[tuple[str, str]]

    def latency(self) -> Runs:
        """Return its process runs of role latency, reduced."""
        return self.index.bucket(self.bucket)[self.sha256].latency

    def others(self) -> list[ProcessRun]:
        """Return its process runs of all other roles, as submitted."""
        runs: list[ProcessRun] = msgspec.json.decode(
            self.index.bucket(self.bucket)[self.sha256].others
        )
        return runs


@dataclass(frozen=True, eq=False)
class ProcessRuns:
    """The process runs of a submission: of role latency, reduced, and all others, in JSON."""

    latency: Runs
    others: bytes


@dataclass(eq=False)
class Index:
    """The index in `folder` of the documents that `ledger` speaks of.

    Every method brings it up to date first.

    Raises:
        StoreError: a document is missing or not what was accepted, or the folder cannot be written.
        ExecutorError: the executor cannot be used here.
    """

    folder: Path
    documents: Source
    ledger: Ledger
    executor: Executor
    _held: dict[str, dict[str, ProcessRuns]] = field(default_factory=dict)

    def update(self) -> None:
        """Bring it up to date, and no more."""
        self._used(lambda _: None)

    def submissions(self) -> dict[str, Indexed]:
        """Return every accepted submission, by sha256."""
        return self._used(self._submissions)

    def bucket(self, name: str) -> dict[str, ProcessRuns]:
        """Return the process runs of every submission of a bucket, by sha256.

        Those of the last BUCKETS_KEPT buckets are kept.
        """
        if name not in self._held:
            if len(self._held) == BUCKETS_KEPT:
                del self._held[next(iter(self._held))]
            self._held[name] = self._used(lambda manifest: self._read(manifest, name))
        return self._held[name]

    @property
    def _segments(self) -> SegmentFolder:
        return SegmentFolder(self.folder)

    def _used(self, work: Callable[[Manifest], Result]) -> Result:
        """Do work with an index that is up to date; what is damaged is made anew first."""
        with self._locked():
            for _ in range(_ATTEMPTS):
                try:
                    with closing(Manifest(self.folder / _MANIFEST)) as manifest:
                        return self._mended(manifest, work)
                except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
                    self._begin_anew(error)
        raise StoreError(f"{self.folder} is damaged again and again: is its disk sound?")

    def _mended(self, manifest: Manifest, work: Callable[[Manifest], Result]) -> Result:
        for _ in range(_ATTEMPTS):
            try:
                self._update(manifest).run()
                return work(manifest)
            except DamagedSegmentsError as error:
                say(f"the index of {self.documents.name} is damaged, and mended now: {error}")
                self._update(manifest).drop(error.segments)
        raise StoreError(f"{self.folder} is damaged again and again: is its disk sound?")

    def _begin_anew(self, error: Exception) -> None:
        """Delete everything but the lock, unless it is only that SQLite cannot do its work."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _NO_DAMAGE:
            raise StoreError(f"{self.folder / _MANIFEST} cannot be used: {error}") from error
        say(f"the index of {self.documents.name} is made anew: its manifest is damaged ({error})")
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(_MANIFEST):  # its write-ahead log too
                path.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other writers out; wait for them if need be."""
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another command brings the index of {self.documents.name} up to date: waiting")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _update(self, manifest: Manifest) -> Update:
        return Update(manifest, self._segments, self.documents, self.ledger, self.executor)

    def _submissions(self, manifest: Manifest) -> dict[str, Indexed]:
        accepted = self.ledger.accepted()
        self._require_present(manifest, accepted.keys())
        found: dict[str, Indexed] = {}
        for segment, rows in _each(manifest.segments(), self._outlines):
            for row in rows:
                if row["sha256"] in accepted:
                    outline = msgspec.json.decode(row["outline"])
                    listed = msgspec.json.decode(row["statuses"])
                    statuses = Counter({(role, status): count for role, status, count in listed})
                    found[row["sha256"]] = Indexed(
                        self, segment.bucket, row["sha256"], outline, statuses
                    )
        if lacking := len(accepted.keys() - found):
            raise sqlite3.DatabaseError(f"it lacks {lacking} of {len(accepted)} submissions")
        return found

    def _require_present(self, manifest: Manifest, names: Iterable[str]) -> None:
        """Raise if an accepted document is in the store no more, although the index has it."""
        lacking = set(names) - self.documents.paths.keys()
        lacking -= set().union(*self._update(manifest).parts().values()) if lacking else set()
        if lacking:
            raise StoreError(missing(min(lacking)))

    def _outlines(self, segment: Segment) -> list[dict[str, Any]]:
        data = self._segments.read(segment, SUBMISSIONS)
        return partitions.read_submissions(data, ["sha256", "outline", "statuses"])

    def _read(self, manifest: Manifest, bucket: str) -> dict[str, ProcessRuns]:
        found: dict[str, ProcessRuns] = {}
        for _, held in _each(manifest.segments(bucket), self._process_runs):
            found |= held
        return found

    def _process_runs(self, segment: Segment) -> dict[str, ProcessRuns]:
        listed, runs, reduced = (
            self._segments.read(segment, file) for file in (SUBMISSIONS, RUNS, REDUCED)
        )
        columns = ["sha256", "process_runs", "other_runs"]
        rows = partitions.read_submissions(listed, columns)
        latency, start = partitions.read_runs(runs, reduced), 0
        found: dict[str, ProcessRuns] = {}
        for row in rows:
            end = start + row["process_runs"]
            found[row["sha256"]] = ProcessRuns(latency[start:end], row["other_runs"])
            start = end
        return found


def _each(
    segments: Sequence[Segment], read: Callable[[Segment], Result]
) -> list[tuple[Segment, Result]]:
    """Return what is read of each segment; if some are damaged, name all of them at once."""
    found: list[tuple[Segment, Result]] = []
    damaged: dict[str, Segment] = {}
    for segment in segments:
        try:
            found.append((segment, read(segment)))
        except DamagedError as error:
            damaged[str(error)] = segment
    if damaged:
        raise DamagedSegmentsError([*damaged.values()], next(iter(damaged)))
    return found
