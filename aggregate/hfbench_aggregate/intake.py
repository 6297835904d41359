"""Intake: decide about every proposal, once, whatever its bytes are.

A document is judged by the validator that its contributor ran, and by what the store holds
already. It is only ever read. Accepted documents are filed under the month in which they came;
refused ones are kept in `refused/` beside a report for people. Each decision is in the ledger
before its proposal goes, so that a killed intake leaves its work to the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import (
    ACCEPTED,
    REFUSED,
    Ledger,
    entry_findings,
    not_before_the_last,
    read_ledger,
    record,
)
from hfbench_aggregate.loading import read_submission
from hfbench_aggregate.store import LocalStore, Proposal
from hfbench_schema import timestamps, tree
from hfbench_schema.canonical import strict_json
from hfbench_schema.reports import RULES_VERSION, Report, finding, printable
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.submission import Submission
from hfbench_schema.validation import validate

KNOWN = "known"
"""The outcome of a document that is in the store already."""


@dataclass(frozen=True)
class Decision:
    """What became of one proposal: `accepted`, `refused` or `known`; `path` is where it is now."""

    name: str
    outcome: str
    report: Report
    path: PurePosixPath


@dataclass(frozen=True)
class Intake:
    """All decisions of one intake, by name of the proposal; `notes` say what had to be mended."""

    decisions: list[Decision] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def take_in(store: LocalStore, clock: Callable[[], datetime] = timestamps.now) -> Intake:
    """Decide about every proposal of a store.

    Raises:
        StoreError: the ledger is broken, or another process goes on writing to the store.
        OSError: the disk is full, or not writable; every proposal is then decided about wholly
            or still to be decided about, and the next intake goes on.
    """
    with store.locked():
        ledger = read_ledger(store)
        notes = _heal(store, ledger)
        desk = _Desk(store, ledger, clock)
        proposals = map(store.read_proposal, store.proposals())  # one in memory at a time
        return Intake([desk.decide(proposal) for proposal in proposals], notes)


def _heal(store: LocalStore, ledger: Ledger) -> list[str]:
    """Drop the torn last line; its proposal is still there, because it goes last."""
    torn, ledger.torn = ledger.torn, None
    if torn is None:
        return []
    store.cut(torn.file, torn.kept)
    return [
        f"{torn.file}: the last line was torn, as by a crash while it was written; it was no "
        f"entry yet and has been dropped, and its document is decided about now"
    ]


@dataclass(eq=False)
class _Desk:
    """What one intake knows while it decides."""

    store: LocalStore
    ledger: Ledger
    clock: Callable[[], datetime]

    @cached_property
    def paths(self) -> dict[str, PurePosixPath]:
        """Where documents lie below `submissions/`; also those that a crash kept off the ledger."""
        return self.store.submissions()

    @cached_property
    def accepted(self) -> set[str]:
        return set(self.ledger.accepted())

    @cached_property
    def sittings(self) -> dict[str, str]:
        """The sha256 of the accepted submission of each sitting id."""
        found = {}
        for sha256 in self.accepted & self.paths.keys():
            document = read_submission(self.store, self.paths[sha256])
            found[document["sitting"]["id"]] = sha256
        return found

    def decide(self, proposal: Proposal) -> Decision:
        if proposal.sha256 in self.accepted and proposal.data is not None:
            return self._restore(proposal, proposal.data)
        moment = not_before_the_last(self.ledger, self.clock())
        report = _judge(proposal, moment)
        if proposal.data is None or not report.accepted:
            return self._refuse(proposal, report, moment)
        sitting = _sitting_of(proposal.data)
        if sitting in self.sittings:
            return self._refuse(proposal, self._second(report, sitting), moment)
        self.sittings[sitting] = report.sha256
        return self._accept(proposal, proposal.data, report, moment)

    def _restore(self, proposal: Proposal, data: bytes) -> Decision:
        """Settle a copy of an accepted document; should that one be missing, this is it."""
        sha256 = proposal.sha256
        if sha256 not in self.paths:
            moment = timestamps.parse_moment(self.ledger.accepted()[sha256]["at"])
            self.paths[sha256] = tree.submission_path(moment, sha256)
            self.store.write(self.paths[sha256], data)
        self.store.withdraw(proposal)
        return Decision(proposal.name, KNOWN, Report(sha256), self.paths[sha256])

    def _second(self, report: Report, sitting: str) -> Report:
        first = self.sittings[sitting]
        found = finding("HFB092", "/sitting/id", sitting=sitting, sha256=first)
        return Report(report.sha256, (*report.findings, found))

    def _accept(
        self, proposal: Proposal, data: bytes, report: Report, moment: datetime
    ) -> Decision:
        # A crash may have left the document in the folder of the month before.
        path = self.paths.get(report.sha256, tree.submission_path(moment, report.sha256))
        record(self.store, self.ledger, {path: data}, report, moment)
        self.accepted.add(report.sha256)
        self.paths[report.sha256] = path
        self.store.withdraw(proposal)
        return Decision(proposal.name, ACCEPTED, report, path)

    def _refuse(self, proposal: Proposal, report: Report, moment: datetime) -> Decision:
        path = tree.REFUSED / f"{report.sha256}.txt"
        if not self._refused_before(report):
            text = refusal_text(proposal.name, report)
            record(self.store, self.ledger, {path: text.encode()}, report, moment)
        self.store.set_aside(proposal)
        return Decision(proposal.name, REFUSED, report, path)

    def _refused_before(self, report: Report) -> bool:
        """Whether the ledger says so: a crash came before the move, or it was proposed again."""
        return any(
            entry["event"] == REFUSED
            and entry["sha256"] == report.sha256
            and entry["rules_version"] == RULES_VERSION
            and entry["findings"] == entry_findings(report)
            for entry in self.ledger.entries
        )


def refusal_text(name: str, report: Report) -> str:
    """Return the report of a refused proposal for people."""
    heading = f"{printable(name)} was refused (sha256 {report.sha256}):"
    return "\n".join([heading, *map(str, report.findings)]) + "\n"


def _judge(proposal: Proposal, moment: datetime) -> Report:
    if proposal.data is not None:
        return validate(proposal.data, name=proposal.name, now=moment)
    if proposal.obstacle is not None:
        found = finding("HFB091", name=proposal.name, obstacle=proposal.obstacle)
    else:
        found = finding("HFB001", size=proposal.size, limit=MAXIMUM_BYTES)
    return Report(proposal.sha256, (found,))


def _sitting_of(data: bytes) -> str:
    document: Submission = strict_json(data)
    return document["sitting"]["id"]
