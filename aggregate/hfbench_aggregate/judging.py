"""Judging: what becomes of one proposal, by its documents and by what the store holds already.

Documents are judged by the validator that their contributor ran. They are only ever read.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.ledger_entries import (
    ACCEPTED,
    QUARANTINED,
    REFUSED,
    UNKNOWN_SUBMITTER,
    Draft,
    entry_findings,
)
from hfbench_aggregate.loading import Documents
from hfbench_aggregate.registry import Registry, read_registry
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import Proposal, ProposedFile
from hfbench_schema import tree
from hfbench_schema.canonical import sha256_hex, strict_json
from hfbench_schema.reports import RULES_VERSION, Finding, Report, finding
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.rules_copies import times_sketch
from hfbench_schema.submission import Submission
from hfbench_schema.validation import validate

MOST_FILES: Final = 50
"""How many documents one proposal may bring; the client sends no more."""
KNOWN: Final = "known"
"""The outcome of a document that is in the store already."""
STORED: Final = (ACCEPTED, QUARANTINED, KNOWN)
"""The outcomes of documents that are in the store now."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one document, or of a proposal as a whole.

    `name` is the file's, or the proposal's; `outcome` is `accepted`, `quarantined`, `refused` or
    `known`. `write` is what the commit must write for it, `draft` its ledger entry, None where
    there is one already.
    """

    name: str
    outcome: str
    report: Report
    path: PurePosixPath | None = None
    write: bytes | None = None
    draft: Draft | None = None


@dataclass(eq=False)
class Desk:
    """What one commit's decisions are made from, and with: each sees those before it."""

    snapshot: Snapshot
    ledger: Ledger
    moment: datetime

    @cached_property
    def registry(self) -> Registry:
        """What maintainers have decided about submitters."""
        return read_registry(self.snapshot)

    @cached_property
    def documents(self) -> Documents:
        """What the store holds."""
        return Documents(self.snapshot)

    @cached_property
    def stored(self) -> set[str]:
        """The documents that arrived, those of this commit included."""
        return set(self.ledger.arrivals())

    @cached_property
    def sittings(self) -> dict[str, str]:
        """The sha256 of the stored document of each sitting id."""
        return {
            entry.get("sitting") or self.documents.read(name)["sitting"]["id"]: name
            for name, entry in self.ledger.arrivals().items()
        }

    @cached_property
    def times(self) -> dict[str, str]:
        """The sha256 of the stored document of each hash in the sketches of times (HFB104)."""
        arrivals = self.ledger.arrivals().items()
        return {time: name for name, entry in arrivals for time in entry.get("times", "").split()}

    def judge(self, proposal: Proposal) -> list[Decision]:
        """Decide about a proposal: as a whole where a rule says so, else about each document.

        Raises:
            FileNotFoundError: it does not wait any more.
            StoreError: a document cannot be read now, which is no reason to refuse it.
        """
        submitter = proposal.author or UNKNOWN_SUBMITTER
        if whole := tuple(self._whole_findings(proposal)):
            name = sha256_hex(f"{proposal.id} at {proposal.revision}".encode())
            return [self._refused(proposal.title, Report(name, whole), submitter, proposal.id)]
        return [self._document(proposal, file, submitter) for file in proposal.files]

    def _whole_findings(self, proposal: Proposal) -> Iterator[Finding]:
        """HFB090, HFB093, HFB095, HFB096: what no document of a proposal can make good."""
        yield from (finding("HFB090", path=path) for path in proposal.trespasses[:MOST_FILES])
        limit = min(MOST_FILES, self.registry.documents_per_day)
        if len(proposal.files) > limit:
            yield finding("HFB095", count=len(proposal.files), limit=limit)
        if not proposal.files and not proposal.trespasses:
            yield finding("HFB096")
        if proposal.author in self.registry.suspended:
            reason = self.registry.suspended[proposal.author or ""]
            yield finding("HFB093", submitter=proposal.author, reason=reason)

    def _document(self, proposal: Proposal, file: ProposedFile, submitter: str) -> Decision:
        name, data = file.path.name, self._read(proposal, file)
        if isinstance(data, Finding):
            unread = Report(sha256_hex(os.fsencode(name)), (data,))
            return self._refused(name, unread, submitter, proposal.id)
        if (sha256 := sha256_hex(data)) in self.stored:
            return self._known(name, sha256, data)
        report = validate(data, name=name, now=self.moment)
        report = Report(report.sha256, (*report.findings, *self._store_findings(report, data)))
        if not report.accepted:
            return self._refused(name, report, submitter, proposal.id)
        return self._stored(name, report, data, submitter, proposal.id)

    def _read(self, proposal: Proposal, file: ProposedFile) -> bytes | Finding:
        """Return a document's bytes, or why they are not looked at."""
        name = file.path.name
        if file.obstacle is not None:
            return finding("HFB091", name=name, obstacle=file.obstacle)
        if file.size > MAXIMUM_BYTES:
            return finding("HFB001", size=file.size, limit=MAXIMUM_BYTES)
        return self.snapshot.store.read_proposed(proposal, file, MAXIMUM_BYTES)

    def _store_findings(self, report: Report, data: bytes) -> Iterator[Finding]:
        """HFB092, HFB094, HFB104: what the store says against a document valid by itself."""
        if report.sha256 in self.ledger.erased():
            yield finding("HFB094")
        if not report.accepted:
            return
        if first := self.sittings.get(sitting := _sitting_of(data)):
            yield finding("HFB092", "/sitting/id", sitting=sitting, sha256=first)
        sketch = times_sketch(strict_json(data))
        owners = Counter(self.times[time] for time in sketch if time in self.times)
        for owner, count in sorted(owners.items()):
            yield finding("HFB104", count=count, total=len(sketch), sha256=owner)

    def _known(self, name: str, sha256: str, data: bytes) -> Decision:
        """Settle a copy of a stored document; should that one be missing, this is it."""
        if sha256 in self.documents:
            return Decision(name, KNOWN, Report(sha256), self.documents.paths.get(sha256))
        return Decision(name, KNOWN, Report(sha256), self._path(sha256), data)

    def _path(self, sha256: str) -> PurePosixPath:
        """Return where a document lies or goes; a crash may have left it in another month."""
        return self.documents.paths.get(sha256, tree.submission_path(self.moment, sha256))

    def _stored(
        self, name: str, report: Report, data: bytes, submitter: str, proposal_id: str
    ) -> Decision:
        sitting = _sitting_of(data)
        outcome = QUARANTINED if report.quarantined else ACCEPTED
        sketch = sorted(times_sketch(strict_json(data)))
        details = {"proposal": proposal_id, "sitting": sitting, "times": " ".join(sketch)}
        draft = Draft(outcome, report.sha256, submitter, entry_findings(report), details)
        self.stored.add(report.sha256)
        self.sittings[sitting] = report.sha256
        self.times |= dict.fromkeys(sketch, report.sha256)
        return Decision(name, outcome, report, self._path(report.sha256), data, draft)

    def _refused(self, name: str, report: Report, submitter: str, proposal_id: str) -> Decision:
        found = entry_findings(report)
        draft = Draft(REFUSED, report.sha256, submitter, found, {"proposal": proposal_id})
        repeated = self._refused_before(draft)
        return Decision(name, REFUSED, report, draft=None if repeated else draft)

    def _refused_before(self, draft: Draft) -> bool:
        """Whether the ledger says so: a crash came before the end, or it was proposed again."""
        return any(
            entry["event"] == REFUSED
            and entry["sha256"] == draft.sha256
            and entry["rules_version"] == RULES_VERSION
            and entry["findings"] == draft.findings
            for entry in self.ledger.entries
        )


def _sitting_of(data: bytes) -> str:
    document: Submission = strict_json(data)
    return document["sitting"]["id"]
