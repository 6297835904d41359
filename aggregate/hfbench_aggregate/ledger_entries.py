"""The entries of the ledger: which decisions there are, and what each says."""

from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from hfbench_schema.canonical import StrictJSONError, canonical_bytes, strict_json
from hfbench_schema.reports import RULES_VERSION, Report

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
QUARANTINED: Final = "quarantined"
RELEASED: Final = "released"
RETRACTED: Final = "retracted"
SUPERSEDED: Final = "superseded"
ANNOTATED: Final = "annotated"
APPEALED: Final = "appealed"
ERASED: Final = "erased"
INTAKE_EVENTS: Final = (ACCEPTED, REFUSED, QUARANTINED)
"""What intake decides."""
MAINTAINER_EVENTS: Final = (RELEASED, RETRACTED, SUPERSEDED, ANNOTATED, APPEALED, ERASED)
"""What people decide later; each says who (`by`) and why (`reason`)."""
UNKNOWN_SUBMITTER: Final = "local"
"""A folder does not know who wrote into it."""


class EntryFinding(TypedDict):
    """One finding of the validator, as the ledger keeps it."""

    rule: str
    pointer: str
    message: str


class Entry(TypedDict):
    """One decision about the document whose bytes hash to `sha256`.

    `proposal` is the store's name of what brought it, `sitting` the id that the document says,
    `times` the sketch of its times (HFB104), with spaces between its hashes; entries of the first
    versions have none of the three. `other` is the document that supersedes this one.
    """

    seq: int
    prev: str
    at: str
    event: str
    sha256: str
    submitter: str
    rules_version: int
    findings: list[EntryFinding]
    proposal: NotRequired[str]
    sitting: NotRequired[str]
    times: NotRequired[str]
    by: NotRequired[str]
    reason: NotRequired[str]
    other: NotRequired[str]


@dataclass(frozen=True)
class Draft:
    """A decision that is not in the ledger yet; `details` are the fields that not all have."""

    event: str
    sha256: str
    submitter: str = UNKNOWN_SUBMITTER
    findings: list[EntryFinding] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)

    def entry(self, seq: int, prev: str, at: str) -> Entry:
        """Return the entry in its place of the chain."""
        entry: Entry = {
            "seq": seq,
            "prev": prev,
            "at": at,
            "event": self.event,
            "sha256": self.sha256,
            "submitter": self.submitter,
            "rules_version": RULES_VERSION,
            "findings": self.findings,
        }
        entry.update(self.details)  # type: ignore[typeddict-item]  # of the optional fields
        return entry


def entry_findings(report: Report) -> list[EntryFinding]:
    """Return the findings of a report as the ledger keeps them."""
    return [{"rule": f.rule, "pointer": f.pointer, "message": f.message} for f in report.findings]


def parse_entry(line: bytes) -> Entry:
    """Read one line of the ledger.

    Raises:
        StrictJSONError: it is none: not canonical, or a field is missing, added or of another type.
    """
    value: Any = strict_json(line)
    if not isinstance(value, dict) or not _REQUIRED <= value.keys() <= _KINDS.keys():
        raise StrictJSONError("its fields are not those of an entry")
    if not all(isinstance(held, _KINDS[name]) for name, held in value.items()):
        raise StrictJSONError("a field has the wrong type")
    if value["event"] not in (*INTAKE_EVENTS, *MAINTAINER_EVENTS):
        raise StrictJSONError(f"this version knows no event {value['event']!r}")
    if canonical_bytes(value) != line:
        raise StrictJSONError("it is not in canonical form")
    entry: Entry = value  # type: ignore[assignment]  # checked field by field
    return entry


def _kind(hint: Any) -> type:
    if get_origin(hint) is NotRequired:
        (hint,) = get_args(hint)
    kind: type = get_origin(hint) or hint
    return kind


_KINDS = {name: _kind(hint) for name, hint in get_type_hints(Entry, include_extras=True).items()}
_REQUIRED = Entry.__required_keys__
