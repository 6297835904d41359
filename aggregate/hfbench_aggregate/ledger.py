"""The ledger: an append-only, hash-chained record of every decision about every submission.

One canonical JSON line an entry, in one file a month. `prev` is the sha256 of the bytes of the
line before, without its line end, and the chain goes on from file to file. So no line but the
last can be changed, dropped or slipped in without breaking the chain, and every release pins
the line that was last at its time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, TypedDict, get_origin, get_type_hints

from hfbench_aggregate.store import LocalStore, StoreError
from hfbench_schema.canonical import StrictJSONError, canonical_bytes, sha256_hex, strict_json
from hfbench_schema.reports import RULES_VERSION, Report
from hfbench_schema.timestamps import format_moment, parse_moment
from hfbench_schema.tree import ledger_path

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
NO_ENTRY: Final = "0" * 64
"""`prev` of the first entry, and the head of an empty ledger."""


class LedgerError(StoreError):
    """The chain is broken; the text names the file and the line."""


class EntryFinding(TypedDict):
    """One finding of the validator, as the ledger keeps it."""

    rule: str
    pointer: str
    message: str


class Entry(TypedDict):
    """One decision: `event` is `accepted` or `refused`, `sha256` that of the document's bytes."""

    seq: int
    prev: str
    at: str
    event: str
    sha256: str
    submitter: str
    rules_version: int
    findings: list[EntryFinding]


_FIELDS = {name: get_origin(kind) or kind for name, kind in get_type_hints(Entry).items()}


@dataclass(frozen=True)
class TornLine:
    """The last line of `file` was cut short while being written; `kept` bytes come before it."""

    file: PurePosixPath
    kept: int


@dataclass(eq=False)
class Ledger:
    """All entries, oldest first, and the sha256 of the line of each."""

    entries: list[Entry]
    hashes: list[str]
    torn: TornLine | None

    @property
    def head(self) -> str:
        """The sha256 of the last line, or NO_ENTRY."""
        return self.hashes[-1] if self.hashes else NO_ENTRY

    def accepted(self) -> dict[str, Entry]:
        """Return the first entry that accepts each submission, by sha256, oldest first."""
        found: dict[str, Entry] = {}
        for entry in self.entries:
            if entry["event"] == ACCEPTED:
                found.setdefault(entry["sha256"], entry)
        return found


def read_ledger(store: LocalStore) -> Ledger:
    """Read the ledger and verify its chain.

    A torn last line is no entry yet: it is left out, and `torn` says where it is.

    Raises:
        LedgerError: the chain is broken.
    """
    files = [(path, store.read(path)) for path in store.ledger_files()]
    entries: list[Entry] = []
    hashes: list[str] = []
    for path, number, line in _lines(files):
        previous = entries[-1] if entries else None
        entry = _checked_entry(line, previous, hashes[-1] if hashes else NO_ENTRY, path, number)
        entries.append(entry)
        hashes.append(sha256_hex(line))
    return Ledger(entries, hashes, _torn(files))


def record(
    store: LocalStore,
    ledger: Ledger,
    files: Mapping[PurePosixPath, bytes],
    report: Report,
    moment: datetime,
) -> None:
    """Commit `files` together with the entry that decides about them, which `ledger` gains.

    `moment` must be `not_before_the_last`.

    Raises:
        OSError: the disk is full, or not writable.
    """
    entry = _entry(ledger, report, moment)
    line = canonical_bytes(entry)
    store.commit(files, ledger_path(moment), line + b"\n")
    ledger.entries.append(entry)
    ledger.hashes.append(sha256_hex(line))


def not_before_the_last(ledger: Ledger, moment: datetime) -> datetime:
    """Return `moment`, or that of the last entry if the clock has been set back since."""
    if not ledger.entries:
        return moment
    return max(moment, parse_moment(ledger.entries[-1]["at"]))


def entry_findings(report: Report) -> list[EntryFinding]:
    """Return the findings of a report as the ledger keeps them."""
    return [{"rule": f.rule, "pointer": f.pointer, "message": f.message} for f in report.findings]


def _entry(ledger: Ledger, report: Report, moment: datetime) -> Entry:
    return {
        "seq": len(ledger.entries) + 1,
        "prev": ledger.head,
        "at": format_moment(moment),
        "event": ACCEPTED if report.accepted else REFUSED,
        "sha256": report.sha256,
        "submitter": "local",  # a folder does not know who wrote into it
        "rules_version": RULES_VERSION,
        "findings": entry_findings(report),
    }


def _torn(files: list[tuple[PurePosixPath, bytes]]) -> TornLine | None:
    if not files or not files[-1][1] or files[-1][1].endswith(b"\n"):
        return None
    path, data = files[-1]
    return TornLine(path, data.rfind(b"\n") + 1)


def _lines(files: list[tuple[PurePosixPath, bytes]]) -> Iterator[tuple[PurePosixPath, int, bytes]]:
    """Yield file, line number and bytes of every whole line."""
    for path, data in files:
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, start=1):
            yield path, number, line
        if rest and path != files[-1][0]:
            raise _broken(path, len(lines) + 1, "has no end, although later files follow")


def _checked_entry(
    line: bytes, previous: Entry | None, prev: str, path: PurePosixPath, number: int
) -> Entry:
    try:
        entry: Entry = _parsed(line)
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


def _parsed(line: bytes) -> Any:
    value = strict_json(line)
    if not isinstance(value, dict) or value.keys() != _FIELDS.keys():
        raise StrictJSONError("its fields are not those of an entry")
    if not all(isinstance(value[name], kind) for name, kind in _FIELDS.items()):
        raise StrictJSONError("a field has the wrong type")
    if canonical_bytes(value) != line:
        raise StrictJSONError("it is not in canonical form")
    return value


def _broken(path: PurePosixPath, number: int, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger is broken: {path} line {number} {what}. The ledger is only ever appended "
        f"to, so something else wrote there. To mend it: restore ledger/ from a backup, then run "
        f"hfbench-aggregate verify; the submissions themselves are not touched by this."
    )
