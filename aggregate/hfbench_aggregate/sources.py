"""Where submissions come from: stores, and documents that nobody has taken in.

A store's documents were judged when they were taken in. All others are judged here, by the same
rules, as far as these need no store: nothing is compared that an intake would refuse.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hfbench_aggregate.aliases import Aliases, chained, counted_as, read_aliases
from hfbench_aggregate.engine.executors import Executor, serial
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.ledger_entries import UNKNOWN_SUBMITTER
from hfbench_aggregate.loading import Accepted, accepted_submissions, aliased
from hfbench_aggregate.reduction import Family, families
from hfbench_aggregate.snapshot import Snapshot, newest
from hfbench_aggregate.stores.opening import open_store
from hfbench_schema.canonical import strict_json
from hfbench_schema.reports import QUARANTINE, Finding, Report, finding, printable
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.rules_copies import times_sketch
from hfbench_schema.submission import Submission
from hfbench_schema.tree import LEDGER, PROPOSALS, SUBMISSIONS
from hfbench_schema.validation import validate

_UNBOUNDED: Final = "HFB102"
"""Quarantines a device of which no bound is known: to its owner that says nothing."""
_HASH_NAME: Final = re.compile(r"[0-9a-f]{64}\.json")
_MOST_NAMED: Final = 10


class SourceError(Exception):
    """A source holds nothing to compare, or something that is refused; the text says what."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What sources hold: each submission once, and remarks on what was left out."""

    submissions: list[Accepted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def families(self) -> list[Family]:
        """Return the families of all of them: the one place where they are reduced."""
        return families(self.submissions)


def gather(addresses: Sequence[str], executor: Executor = serial) -> Gathered:
    """Read every source: a store, a document, or a folder of documents.

    The aliases of the stores hold for all of them.

    Raises:
        SourceError: a document is refused, stores contradict each other, or there is nothing.
        StoreError: a store cannot be read.
        ExecutorError: the executor, which reduces what is new in stores, cannot be used here.
    """
    desk = _Desk()
    for address in filter(_is_store, addresses):
        desk.take(newest(open_store(address)), executor)
    paths = [path for address in addresses if not _is_store(address) for path in _paths(address)]
    for path in paths:
        desk.judge(path)
    if desk.refused:
        raise SourceError(_refusal(desk.refused, len(paths)))
    if not desk.held:
        raise SourceError("\n".join([*desk.notes, "nothing is left to compare"]))
    return Gathered(aliased(desk.held.values(), desk.aliases), desk.notes)


@dataclass(eq=False)
class _Desk:
    """What is held by sha256, and what the documents before say against the next one."""

    held: dict[str, Accepted] = field(default_factory=dict)
    refused: dict[Path, Report] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    aliases: Aliases = field(default_factory=dict)
    _sittings: dict[str, str] = field(default_factory=dict)
    _times: dict[str, str] = field(default_factory=dict)

    def take(self, snapshot: Snapshot, executor: Executor) -> None:
        """Hold what a store has accepted; its ledger knows their sittings and times."""
        ledger = read_ledger(snapshot)
        accepted = accepted_submissions(snapshot, ledger, executor)
        self.held |= {one.sha256: one for one in accepted}
        self._heed(read_aliases(snapshot), snapshot.name)
        for sha256, entry in ledger.accepted().items():
            self._remember(sha256, entry.get("sitting", ""), entry.get("times", "").split())

    def _heed(self, aliases: Aliases, store: str) -> None:
        """Heed the aliases of one more store, if they agree with those of the others."""
        both = {**self.aliases, **aliases}
        for key in self.aliases:
            if (was := counted_as(key, self.aliases)) != (now := counted_as(key, both)):
                raise SourceError(
                    f"{store} says that {key} is {now}, another store that it is {was}: compare "
                    f"them one by one"
                )
        if problem := chained(both):
            raise SourceError(f"the aliases of {store} and of another store make {problem}")
        self.aliases = both

    def judge(self, path: Path) -> None:
        """Hold a document, or say why not; one that is held already counts once."""
        data = _read(path)
        # A file may have any name; one that is a hash must be that of the bytes.
        report = validate(data, name=path.name if _HASH_NAME.fullmatch(path.name) else None)
        if report.sha256 in self.held:
            return
        if not report.accepted:
            self.refused[path] = report
            return
        document: Submission = strict_json(data)
        found = [*report.findings, *self._against(document)]
        report = Report(report.sha256, tuple(found))
        if not report.accepted:
            self.refused[path] = report
        elif doubts := [one for one in found if _is_doubted(one)]:
            self.notes.append(f"set aside: {printable(path)}: {doubts[0]}")
        else:
            self._hold(path, report, document)

    def _hold(self, path: Path, report: Report, document: Submission) -> None:
        """Hold a document from nobody known, as of the end of its sitting."""
        moment = document["sitting"]["finished_at"]
        self.held[report.sha256] = Accepted(report.sha256, moment, UNKNOWN_SUBMITTER, document)
        self.notes += [
            f"a store would set aside {printable(path)}, it counts here: {one}"
            for one in report.findings
            if one.severity == QUARANTINE
        ]
        self._remember(report.sha256, document["sitting"]["id"], times_sketch(document))

    def _remember(self, sha256: str, sitting: str, times: Iterable[str]) -> None:
        self._sittings.setdefault(sitting, sha256)
        for time in times:
            self._times.setdefault(time, sha256)

    def _against(self, document: Submission) -> Iterator[Finding]:
        """HFB092, HFB104: the same sitting, or the same times, in another document."""
        if first := self._sittings.get(sitting := document["sitting"]["id"]):
            yield finding("HFB092", "/sitting/id", sitting=sitting, sha256=first)
        sketch = times_sketch(document)
        owners = [self._times[time] for time in sketch if time in self._times]
        for owner in sorted(set(owners)):
            count = owners.count(owner)
            yield finding("HFB104", count=count, total=len(sketch), sha256=owner)


def _is_doubted(found: Finding) -> bool:
    return found.severity == QUARANTINE and found.rule != _UNBOUNDED


def _is_store(address: str) -> bool:
    """Whether an address is that of a store: on the Hub, or a folder with a store's tree."""
    parts = (Path(address) / part for part in (PROPOSALS, SUBMISSIONS, LEDGER))
    return ":/" in address or any(part.is_dir() for part in parts)


def _paths(address: str) -> list[Path]:
    """Return a document, or the documents of a folder: *.json, also further below, sorted."""
    path = Path(address)
    if not path.exists():
        raise SourceError(
            f"there is no store and no document at {address}. To measure one: hfbench-submit run "
            f"smoke --with transformers==4.57.6 --with transformers==5.23.0"
        )
    if not path.is_dir():
        return [path]
    found = sorted(
        Path(where, name)
        for where, _, names in os.walk(path)
        for name in names
        if name.endswith(".json") and not name.startswith(".")
    )
    if not found:
        raise SourceError(f"{address} is not a store, and holds no document (*.json)")
    return found


def _read(path: Path) -> bytes:
    """Return the bytes of a file: of one that is too large, enough to be refused as such."""
    with path.open("rb") as stream:
        return stream.read(MAXIMUM_BYTES + 1)


def _refusal(refused: dict[Path, Report], total: int) -> str:
    """Say which documents are refused, and the first finding of every rule against each."""
    lines = [f"{len(refused)} of {total} documents would be refused by an intake:"]
    for path, report in list(refused.items())[:_MOST_NAMED]:
        lines += [printable(path), *_by_rule(report)]
    lines += [f"... and {len(refused) - _MOST_NAMED} more"] if len(refused) > _MOST_NAMED else []
    return "\n".join([*lines, "Leave them out, or mend them"])


def _by_rule(report: Report) -> Iterator[str]:
    counts = Counter(found.rule for found in report.findings)
    firsts = {found.rule: found for found in reversed(report.findings)}
    for rule, count in counts.items():
        more = f" (and {count - 1} more by {rule})" if count > 1 else ""
        yield f"  {firsts[rule]}{more}"
