"""The ledger: an append-only, hash-chained record of every decision about every submission.

One canonical JSON line an entry, in one file a month. `prev` is the sha256 of the bytes of the
line before, without its line end, and the chain goes on from file to file. So no line but the
last can be changed, dropped or slipped in without breaking the chain, and every release pins
the line that was last at its time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from hfbench_aggregate.ledger_entries import (
    ACCEPTED,
    ERASED,
    QUARANTINED,
    RELEASED,
    RETRACTED,
    SUPERSEDED,
    Draft,
    Entry,
    parse_entry,
)
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.timestamps import format_moment, parse_moment
from hfbench_schema.tree import ledger_path

NO_ENTRY: Final = "0" * 64
"""`prev` of the first entry, and the head of an empty ledger."""
_COUNTS: Final = {ACCEPTED: True, RELEASED: True, RETRACTED: False, SUPERSEDED: False}


class LedgerError(StoreError):
    """The chain is broken; the text names the file and the line."""


@dataclass(frozen=True, eq=False)
class Ledger:
    """All entries, oldest first, and the sha256 of the line of each.

    `files` holds the whole lines of every file; `torn` names the last one if its last line was
    cut short while being written.
    """

    entries: list[Entry]
    hashes: list[str]
    files: Mapping[PurePosixPath, bytes]
    torn: PurePosixPath | None = None

    @property
    def head(self) -> str:
        """The sha256 of the last line, or NO_ENTRY."""
        return self.hashes[-1] if self.hashes else NO_ENTRY

    def arrivals(self) -> dict[str, Entry]:
        """Return the entry by which each stored submission came, by sha256, oldest first.

        Among them those in quarantine and those retracted, which are kept and not counted, but
        none that was erased.
        """
        found: dict[str, Entry] = {}
        for entry in self.entries:
            if entry["event"] in (ACCEPTED, QUARANTINED):
                found.setdefault(entry["sha256"], entry)
            elif entry["event"] == ERASED:
                found.pop(entry["sha256"], None)
        return found

    def accepted(self) -> dict[str, Entry]:
        """Return the arrivals that count now: accepted or released, and not taken back since."""
        counts: dict[str, bool] = {}
        for entry in self.entries:
            if entry["event"] in _COUNTS:
                counts[entry["sha256"]] = _COUNTS[entry["event"]]
        return {name: entry for name, entry in self.arrivals().items() if counts.get(name)}

    def erased(self) -> set[str]:
        """Return the documents whose bytes were deleted, and must not come again."""
        return {entry["sha256"] for entry in self.entries if entry["event"] == ERASED}

    def until(self, head: str) -> "Ledger":
        """Return the ledger as it was when the line with this sha256 was its last.

        Raises:
            LedgerError: there is no such line.
        """
        if head not in self.hashes:
            raise LedgerError(
                f"the ledger has no entry {head}: its end was cut off or changed. To mend it: "
                f"restore ledger/ from a backup"
            )
        count = self.hashes.index(head) + 1
        return Ledger(self.entries[:count], self.hashes[:count], {})

    def not_before_the_last(self, moment: datetime) -> datetime:
        """Return `moment`, or that of the last entry if the clock has been set back since."""
        if not self.entries:
            return moment
        return max(moment, parse_moment(self.entries[-1]["at"]))

    def with_entries(self, drafts: Iterable[Draft], moment: datetime) -> "Ledger":
        """Return the ledger with these decisions at its end, made at `moment`.

        What a commit must write then is `files[ledger_path(moment)]`. `moment` must be
        `not_before_the_last`.
        """
        entries, hashes, path = list(self.entries), list(self.hashes), ledger_path(moment)
        lines = [self.files.get(path, b"")]
        for draft in drafts:
            prev = hashes[-1] if hashes else NO_ENTRY
            entries.append(draft.entry(len(entries) + 1, prev, format_moment(moment)))
            line = canonical_bytes(entries[-1])
            hashes.append(sha256_hex(line))
            lines.append(line + b"\n")
        return Ledger(entries, hashes, {**self.files, path: b"".join(lines)})


def read_ledger(snapshot: Snapshot) -> Ledger:
    """Read the ledger and verify its chain.

    A torn last line is no entry yet: it is left out, and `torn` says where it is.

    Raises:
        LedgerError: the chain is broken.
        StoreError: a file cannot be read.
    """
    files = {path: snapshot.read(path) for path in snapshot.ledger_files()}
    torn = _torn(files)
    if torn is not None:
        files[torn] = files[torn][: files[torn].rfind(b"\n") + 1]
    entries: list[Entry] = []
    hashes: list[str] = []
    for path, number, line in _lines(files):
        previous = entries[-1] if entries else None
        entry = _checked_entry(line, previous, hashes[-1] if hashes else NO_ENTRY, path, number)
        entries.append(entry)
        hashes.append(sha256_hex(line))
    return Ledger(entries, hashes, files, torn)


def _torn(files: Mapping[PurePosixPath, bytes]) -> PurePosixPath | None:
    """Return the newest file if its last line has no end."""
    last = max(files, default=None)
    return last if last and files[last] and not files[last].endswith(b"\n") else None


def _lines(files: Mapping[PurePosixPath, bytes]) -> Iterator[tuple[PurePosixPath, int, bytes]]:
    """Yield file, line number and bytes of every line."""
    for path, data in files.items():
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, start=1):
            yield path, number, line
        if rest:
            raise _broken(path, len(lines) + 1, "has no end, although later files follow")


def _checked_entry(
    line: bytes, previous: Entry | None, prev: str, path: PurePosixPath, number: int
) -> Entry:
    try:
        entry = parse_entry(line)
        moment = parse_moment(entry["at"])
    except ValueError as error:
        raise _broken(path, number, f"is no ledger entry ({error})") from error
    if entry["prev"] != prev or entry["seq"] != (previous["seq"] if previous else 0) + 1:
        raise _broken(
            path,
            number,
            "does not follow from the line before it: one of the two was changed, or a line "
            "between them was dropped or added",
        )
    if ledger_path(moment) != path or (previous and entry["at"] < previous["at"]):
        raise _broken(path, number, f"is out of place: its moment is {entry['at']}")
    return entry


def _broken(path: PurePosixPath, number: int, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger is broken: {path} line {number} {what}. The ledger is only ever appended "
        f"to, so something else wrote there. To mend it: restore ledger/ from a backup, then run "
        f"hfbench-aggregate verify; the submissions themselves are not touched by this."
    )
