"""Bringing an index up to date: what is new is taken in, what was erased goes, many become one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, Protocol

from hfbench_aggregate.engine import partitions
from hfbench_aggregate.engine.executors import Executor
from hfbench_aggregate.engine.manifest import Manifest, Segment
from hfbench_aggregate.engine.partitions import REDUCED, REDUCER_VERSION, DamagedError
from hfbench_aggregate.engine.progress import counting
from hfbench_aggregate.engine.segments import SegmentFolder
from hfbench_aggregate.engine.taking_in import Batch, take_in
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.ledger_entries import ACCEPTED, ERASED, RELEASED, RETRACTED, SUPERSEDED
from hfbench_aggregate.loading import missing
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import write_atomically

MOST_SEGMENTS: Final = 64
"""Segments of one level in a bucket. Each takes about 0.5 ms to open, and each submission is
written anew once a level, of which a hundred thousand submissions have three."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Documents of one call of `take_in`, about: 70 of 227 kB."""

_DECISIVE: Final = (ACCEPTED, RELEASED, RETRACTED, SUPERSEDED, ERASED)
"""The events of which the last one says whether a document counts, or is there at all."""


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


class DamagedSegmentsError(Exception):
    """Segments are not what was written."""

    def __init__(self, segments: Sequence[Segment], reason: str) -> None:
        super().__init__(reason)
        self.segments = segments


@dataclass(frozen=True, eq=False)
class Update:
    """One update, while nobody else writes."""

    manifest: Manifest
    segments: SegmentFolder
    documents: Source
    ledger: Ledger
    executor: Executor

    def run(self) -> None:
        """Delete what was erased, take in what is new, and merge where that makes many segments."""
        new, gone = self._difference()
        if gone:
            names = {self.manifest.segment_of(sha256) for sha256 in gone}
            held = [segment for segment in self.manifest.segments() if segment.name in names]
            self.drop(held)
            for bucket in {segment.bucket for segment in held}:
                self.segments.sweep(bucket, self.manifest.segments(bucket), grace_s=0)
            new, _ = self._difference()
        self._reduce_anew()
        # Without work no executor is called: a cluster would be started for nothing.
        for bucket in self._take_in(new) if new else ():
            self._merge(bucket)
        if self.ledger.entries:
            self.manifest.see(len(self.ledger.entries), self.ledger.head)

    def _difference(self) -> tuple[set[str], set[str]]:
        """Return the accepted documents that it lacks, and the erased ones that it holds.

        Only the entries after the last one seen are looked at, if the ledger still has that one:
        the rest of a large ledger would take longer than one more document.
        """
        ledger, seen = self.ledger, self.manifest.seen()
        if seen and seen[0] <= len(ledger.hashes) and ledger.hashes[seen[0] - 1] == seen[1]:
            last = {
                entry["sha256"]: entry["event"]
                for entry in ledger.entries[seen[0] :]
                if entry["event"] in _DECISIVE
            }
            known = {sha256 for sha256 in last if self.manifest.segment_of(sha256)}
            new = {sha256 for sha256, event in last.items() if event in (ACCEPTED, RELEASED)}
            return new - known, known & {name for name, event in last.items() if event == ERASED}
        known = self.manifest.submissions()
        return ledger.accepted().keys() - known, known - ledger.arrivals().keys()

    def drop(self, segments: Sequence[Segment]) -> None:
        """Delete segments; what they held and is still accepted is taken in by the next update."""
        self.segments.delete(segments)
        self.manifest.remove(segment.name for segment in segments)

    def _take_in(self, new: set[str]) -> set[str]:
        """Take in documents; return the buckets that got some."""
        touched: set[str] = set()
        with counting(len(new)) as done:
            for drafts in self.executor(take_in, self._batches(new)):
                self.manifest.add(
                    [
                        (self.segments.write(draft.bucket, draft.files), draft.submissions)
                        for draft in drafts
                    ]
                )
                touched |= {draft.bucket for draft in drafts}
                done(sum(len(draft.submissions) for draft in drafts))
        return touched

    def _batches(self, names: set[str]) -> Iterator[Batch]:
        batch: list[tuple[str, bytes]] = []
        size = 0
        for sha256, data in self._documents(names):
            batch.append((sha256, data))
            size += len(data)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _documents(self, names: set[str]) -> Iterator[tuple[str, bytes]]:
        """Yield documents, each part of them read once."""
        files = names & self.documents.paths.keys()
        for sha256 in sorted(files):
            yield sha256, self.documents.read_bytes(sha256)
        if rest := names - files:
            for path, held in self.parts().items():
                wanted = self.documents.read_part(path) if rest & held else {}
                yield from ((sha256, wanted[sha256]) for sha256 in sorted(rest & held))
                rest -= held
        if rest:
            raise StoreError(missing(min(rest)))

    def parts(self) -> dict[PurePosixPath, set[str]]:
        """Return what each part of the store holds; a part never changes."""
        known = self.manifest.parts()
        for path in self.documents.parts:
            if str(path) not in known:
                known[str(path)] = set(self.documents.part_names(path))
                self.manifest.add_part(path, known[str(path)])
        return {path: known[str(path)] for path in self.documents.parts}

    def _merge(self, bucket: str) -> None:
        """Merge the segments of each level of which there are too many."""
        levels = {segment.level for segment in self.manifest.segments(bucket)}
        for level in range(1 + max(levels)):
            many = [segment for segment in self.manifest.segments(bucket) if segment.level == level]
            if len(many) > MOST_SEGMENTS:
                try:
                    merged = self.segments.merge(many)
                except DamagedError as error:
                    raise DamagedSegmentsError(many, str(error)) from error
                self.manifest.merge(many, merged)
                self.segments.retire(many)
        self.segments.sweep(bucket, self.manifest.segments(bucket))

    def _reduce_anew(self) -> None:
        """Reduce again what another version has reduced, from the iterations that it kept."""
        old = self.manifest.outdated(REDUCER_VERSION)
        folders = (str(self.segments.path(segment)) for segment in old)
        results = self.executor(partitions.reduce_part, folders) if old else iter(())
        for segment in old:
            try:
                data = partitions.reduced_bytes(next(results))
            except DamagedError as error:
                raise DamagedSegmentsError([segment], str(error)) from error
            write_atomically(self.segments.path(segment) / REDUCED, data)
            digests = {**segment.digests, REDUCED: sha256_hex(data)}
            self.manifest.reduced_anew(replace(segment, reducer=REDUCER_VERSION, digests=digests))
