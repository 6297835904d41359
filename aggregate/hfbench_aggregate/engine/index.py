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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol, TypeVar

import msgspec
from filelock import FileLock, Timeout

from hfbench_aggregate.engine import partitions
from hfbench_aggregate.engine.executors import Executor
from hfbench_aggregate.engine.manifest import Manifest, Segment
from hfbench_aggregate.engine.partitions import (
    REDUCED,
    REDUCER_VERSION,
    RUNS,
    SUBMISSIONS,
    DamagedError,
)
from hfbench_aggregate.engine.progress import counting, say
from hfbench_aggregate.engine.runs import Runs
from hfbench_aggregate.engine.segments import SegmentFolder
from hfbench_aggregate.engine.taking_in import Batch, take_in
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.loading import missing
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import write_atomically
from hfbench_schema.submission import ProcessRun

MOST_SEGMENTS: Final = 64
"""Segments of one level in a bucket. Each takes about 0.5 ms to open, and each submission is
written anew once a level, of which a hundred thousand submissions have three."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Documents of one call of `take_in`, about: 70 of 227 kB."""
_ATTEMPTS: Final = 3
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


class Source(Protocol):
    """The documents of a store, as files or within parts; all bytes are checked when read."""

    @property
    def name(self) -> str:
        """The store, for people."""

    @property
    def paths(self) -> Mapping[str, PurePosixPath]:
        """Where documents lie as files, by sha256."""

    @property
    def parts(self) -> Sequence[PurePosixPath]:
        """The parts."""

    def read_bytes(self, sha256: str) -> bytes:
        """Return the bytes of a document that is a file."""

    def part_names(self, path: PurePosixPath) -> list[str]:
        """Return the sha256 of every document of a part."""

    def read_part(self, path: PurePosixPath) -> dict[str, bytes]:
        """Return every document of a part."""


@dataclass(frozen=True, eq=False)
class Indexed:
    """One submission in an index; `outline` is its document without process runs."""

    index: "Index"
    bucket: str
    sha256: str
    outline: dict[str, Any]

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


class _DamagedSegmentsError(Exception):
    """Segments are not what was written."""

    def __init__(self, segments: Sequence[Segment], reason: str) -> None:
        super().__init__(reason)
        self.segments = segments


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
    _held: tuple[str, dict[str, ProcessRuns]] | None = None

    def submissions(self) -> dict[str, Indexed]:
        """Return every accepted submission, by sha256."""
        return self._used(self._submissions)

    def bucket(self, name: str) -> dict[str, ProcessRuns]:
        """Return the process runs of every submission of a bucket, by sha256.

        Those of the last bucket asked for are kept.
        """
        if self._held is None or self._held[0] != name:
            self._held = name, self._used(lambda manifest: self._read(manifest, name))
        return self._held[1]

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
                self._update(manifest)
                return work(manifest)
            except _DamagedSegmentsError as error:
                say(f"the index of {self.documents.name} is damaged, and mended now: {error}")
                self._drop(manifest, error.segments)
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

    def _update(self, manifest: Manifest) -> None:
        """Delete what was erased, take in what is new, and merge where that makes many segments."""
        new, gone = self._difference(manifest)
        if gone:
            names = {manifest.segment_of(sha256) for sha256 in gone}
            held = [segment for segment in manifest.segments() if segment.name in names]
            self._drop(manifest, held)
            for bucket in {segment.bucket for segment in held}:
                self._segments.sweep(bucket, manifest.segments(bucket), grace_s=0)
            new, _ = self._difference(manifest)
        self._reduce_anew(manifest)
        for bucket in self._take_in(manifest, new):
            self._merge(manifest, bucket)
        if self.ledger.entries:
            manifest.see(len(self.ledger.entries), self.ledger.head)

    def _difference(self, manifest: Manifest) -> tuple[set[str], set[str]]:
        """Return the accepted documents that it lacks, and the erased ones that it holds.

        Only the entries after the last one seen are looked at, if the ledger still has that one.
        """
        seen, hashes = manifest.seen(), self.ledger.hashes
        accepted, stored = self.ledger.accepted().keys(), self.ledger.arrivals().keys()
        if seen and seen[0] <= len(hashes) and hashes[seen[0] - 1] == seen[1]:
            named = {entry["sha256"] for entry in self.ledger.entries[seen[0] :]}
            known = {sha256 for sha256 in named if manifest.segment_of(sha256)}
        else:
            known = manifest.submissions()
            named = known | accepted
        return (named & accepted) - known, known - stored

    def _drop(self, manifest: Manifest, segments: Sequence[Segment]) -> None:
        """Delete segments; what they held and is still accepted is taken in by the next update."""
        self._segments.delete(segments)
        manifest.remove(segment.name for segment in segments)
        self._held = None

    def _take_in(self, manifest: Manifest, new: set[str]) -> set[str]:
        """Take in documents; return the buckets that got some."""
        touched: set[str] = set()
        with counting(len(new)) as done:
            for drafts in self.executor(take_in, self._batches(manifest, new)):
                written = [self._segments.write(draft.bucket, draft.files) for draft in drafts]
                manifest.add(zip(written, (draft.submissions for draft in drafts), strict=True))
                touched |= {draft.bucket for draft in drafts}
                done(sum(len(draft.submissions) for draft in drafts))
        return touched

    def _batches(self, manifest: Manifest, names: set[str]) -> Iterator[Batch]:
        batch: list[tuple[str, bytes]] = []
        size = 0
        for sha256, data in self._documents(manifest, names):
            batch.append((sha256, data))
            size += len(data)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _documents(self, manifest: Manifest, names: set[str]) -> Iterator[tuple[str, bytes]]:
        """Yield documents, each part of them read once."""
        files = names & self.documents.paths.keys()
        for sha256 in sorted(files):
            yield sha256, self.documents.read_bytes(sha256)
        if rest := names - files:
            for path, held in self._parts(manifest).items():
                wanted = self.documents.read_part(path) if rest & held else {}
                yield from ((sha256, wanted[sha256]) for sha256 in sorted(rest & held))
                rest -= held
        if rest:
            raise StoreError(missing(min(rest)))

    def _parts(self, manifest: Manifest) -> dict[PurePosixPath, set[str]]:
        """Return what each part of the store holds; a part never changes."""
        known = manifest.parts()
        for path in self.documents.parts:
            if str(path) not in known:
                known[str(path)] = set(self.documents.part_names(path))
                manifest.add_part(path, known[str(path)])
        return {path: known[str(path)] for path in self.documents.parts}

    def _merge(self, manifest: Manifest, bucket: str) -> None:
        """Merge the segments of each level of which there are too many."""
        segments = manifest.segments(bucket)
        for level in range(1 + max(segment.level for segment in segments)):
            many = [segment for segment in manifest.segments(bucket) if segment.level == level]
            if len(many) > MOST_SEGMENTS:
                try:
                    merged = self._segments.merge(many)
                except DamagedError as error:
                    raise _DamagedSegmentsError(many, str(error)) from error
                manifest.merge(many, merged)
                self._segments.retire(many)
        self._segments.sweep(bucket, manifest.segments(bucket))

    def _reduce_anew(self, manifest: Manifest) -> None:
        """Reduce again what another version has reduced, from the iterations that it kept."""
        old = manifest.outdated(REDUCER_VERSION)
        folders = (str(self._segments.path(segment)) for segment in old)
        results = self.executor(partitions.reduce_part, folders) if old else iter(())
        for segment in old:
            try:
                data = partitions.reduced_bytes(next(results))
            except DamagedError as error:
                raise _DamagedSegmentsError([segment], str(error)) from error
            write_atomically(self._segments.path(segment) / REDUCED, data)
            digests = {**segment.digests, REDUCED: sha256_hex(data)}
            manifest.reduced_anew(replace(segment, reducer=REDUCER_VERSION, digests=digests))

    def _submissions(self, manifest: Manifest) -> dict[str, Indexed]:
        accepted = self.ledger.accepted()
        self._require_present(manifest, accepted.keys())
        found: dict[str, Indexed] = {}
        for segment, rows in _each(manifest.segments(), self._outlines):
            for row in rows:
                if row["sha256"] in accepted:
                    outline = msgspec.json.decode(row["outline"])
                    found[row["sha256"]] = Indexed(self, segment.bucket, row["sha256"], outline)
        return found

    def _require_present(self, manifest: Manifest, names: Iterable[str]) -> None:
        """Raise if an accepted document is in the store no more, although the index has it."""
        lacking = set(names) - self.documents.paths.keys()
        lacking -= set().union(*self._parts(manifest).values()) if lacking else set()
        if lacking:
            raise StoreError(missing(min(lacking)))

    def _outlines(self, segment: Segment) -> list[dict[str, Any]]:
        data = self._segments.read(segment, SUBMISSIONS)
        return partitions.read_submissions(data, ["sha256", "outline"])

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
        raise _DamagedSegmentsError([*damaged.values()], next(iter(damaged)))
    return found
