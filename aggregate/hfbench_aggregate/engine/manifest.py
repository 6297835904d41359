"""The manifest of an index: which submission lies in which segment, and the digests of its files.

In SQLite, in write-ahead mode: a change is there wholly or not at all, whenever its writer is
killed. A segment's files are written before its row and deleted after it.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

FORMAT: Final = 1
"""Of the index; one of another format is made anew."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS segments (
    name TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    level INTEGER NOT NULL,
    reducer INTEGER NOT NULL,
    digests TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_bucket ON segments (bucket, level);
CREATE INDEX IF NOT EXISTS by_reducer ON segments (reducer);
CREATE TABLE IF NOT EXISTS submissions (
    sha256 TEXT PRIMARY KEY,
    segment TEXT NOT NULL REFERENCES segments (name) ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_segment ON submissions (segment);
CREATE TABLE IF NOT EXISTS parts (
    sha256 TEXT PRIMARY KEY,
    path TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (seen INTEGER NOT NULL, head TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Segment:
    """A folder that holds a partition.

    `level` counts how often it was merged, `reducer` is the version that reduced it, `digests` has
    the SHA-256 of those of its files that are read whole.
    """

    name: str
    bucket: str
    level: int
    reducer: int
    digests: Mapping[str, str]


class Manifest:
    """The manifest in the file `path`, which is made if there is none.

    Raises:
        sqlite3.DatabaseError: it is damaged, here or in any method.
    """

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, timeout=60)
        try:
            self._base.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose what was done last, here as in the segments' files: digests tell.
            self._base.execute("PRAGMA synchronous = OFF")
            self._base.execute("PRAGMA foreign_keys = ON")
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            if version not in (0, FORMAT):
                raise sqlite3.DatabaseError(f"it has format {version}, this version {FORMAT}")
            self._base.executescript(_TABLES)
            self._base.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def segments(self, bucket: str | None = None) -> list[Segment]:
        """Return all segments, or those of one bucket, lowest level first."""
        if bucket is None:
            return self._segments("")
        return self._segments("WHERE bucket = ?", bucket)

    def outdated(self, reducer: int) -> list[Segment]:
        """Return the segments that another version has reduced."""
        return self._segments("WHERE reducer < ?1 OR reducer > ?1", reducer)

    def submissions(self) -> set[str]:
        """Return the sha256 of every submission."""
        return {sha256 for (sha256,) in self._base.execute("SELECT sha256 FROM submissions")}

    def segment_of(self, sha256: str) -> str | None:
        """Return the name of the segment of a submission, None if it is in none."""
        query = "SELECT segment FROM submissions WHERE sha256 = ?"
        row = self._base.execute(query, (sha256,)).fetchone()
        return row[0] if row else None

    def add(self, held: Iterable[tuple[Segment, Iterable[str]]]) -> None:
        """Add segments with their submissions, all of them or none."""
        with self._base:
            for segment, submissions in held:
                self._insert(segment)
                rows = ((sha256, segment.name) for sha256 in submissions)
                self._base.executemany("INSERT OR REPLACE INTO submissions VALUES (?, ?)", rows)

    def merge(self, old: Iterable[Segment], new: Segment) -> None:
        """Let one segment take the place of several."""
        with self._base:
            self._insert(new)
            names = [(new.name, segment.name) for segment in old]
            self._base.executemany("UPDATE submissions SET segment = ? WHERE segment = ?", names)
            gone = [(name,) for _, name in names]
            self._base.executemany("DELETE FROM segments WHERE name = ?", gone)

    def reduced_anew(self, segment: Segment) -> None:
        """Record the reducer and the digests that a segment has now."""
        row = (segment.reducer, json.dumps(dict(segment.digests)), segment.name)
        with self._base:
            query = "UPDATE segments SET reducer = ?, digests = ? WHERE name = ?"
            self._base.execute(query, row)

    def remove(self, names: Iterable[str]) -> None:
        """Take segments out, and forget what of the ledger was seen, so that all is looked at."""
        with self._base:
            gone = [(name,) for name in names]
            self._base.executemany("DELETE FROM segments WHERE name = ?", gone)
            self._base.execute("DELETE FROM ledger")

    def seen(self) -> tuple[int, str] | None:
        """Return how many entries of the ledger were seen, and the sha256 of the last of them."""
        row: tuple[int, str] | None = self._base.execute("SELECT seen, head FROM ledger").fetchone()
        return row

    def see(self, seen: int, head: str) -> None:
        """Record that the ledger was seen up to an entry, and what it says was done."""
        with self._base:
            self._base.execute("DELETE FROM ledger")
            self._base.execute("INSERT INTO ledger VALUES (?, ?)", (seen, head))

    def parts(self) -> dict[str, set[str]]:
        """Return which documents each known part of the store holds, by the part's path."""
        found: dict[str, set[str]] = {}
        for sha256, path in self._base.execute("SELECT sha256, path FROM parts"):
            found.setdefault(path, set()).add(sha256)
        return found

    def add_part(self, path: PurePosixPath, documents: Iterable[str]) -> None:
        """Record which documents a part holds."""
        with self._base:
            rows = ((sha256, str(path)) for sha256 in documents)
            self._base.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?)", rows)

    def _segments(self, where: str, *values: str | int) -> list[Segment]:
        query = f"SELECT name, bucket, level, reducer, digests FROM segments {where}"  # noqa: S608
        rows = self._base.execute(f"{query} ORDER BY level, name", values)
        return [
            Segment(name, bucket, level, reducer, json.loads(digests))
            for name, bucket, level, reducer, digests in rows
        ]

    def _insert(self, segment: Segment) -> None:
        digests = json.dumps(dict(segment.digests))
        row = (segment.name, segment.bucket, segment.level, segment.reducer, digests)
        self._base.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?)", row)
