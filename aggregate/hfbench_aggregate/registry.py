"""The registry: what maintainers have decided about submitters, in `registry/submitters.json`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.ledger_entries import INTAKE_EVENTS, UNKNOWN_SUBMITTER
from hfbench_aggregate.registry_files import read_registry_file
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.trust import Trusted
from hfbench_schema import tree
from hfbench_schema.timestamps import parse_moment

DOCUMENTS_PER_DAY: Final = 50
"""How many documents of one submitter are decided about in a day, unless the registry says else."""
_DAY: Final = timedelta(days=1)
_ACCOUNT: Final = {"type": "string", "minLength": 1, "not": {"const": UNKNOWN_SUBMITTER}}
"""Anybody may be who is not known, so that nobody can be trusted under that name."""
_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "suspended": {"type": "object", "additionalProperties": {"type": "string"}},
        "documents_per_day": {"type": "integer", "minimum": 1},
        "maintainers": {"type": "array", "items": _ACCOUNT},
        "automation": {
            "type": "object",
            "propertyNames": _ACCOUNT,
            "additionalProperties": {"type": "string", "minLength": 1},
        },
    },
}


@dataclass(frozen=True)
class Registry:
    """Who may not submit, and why; how much anybody may in a day; and whose accounts vouch.

    `maintainers` are accounts of people, `automation` those of machines with the provenance of
    what they submit.
    """

    suspended: dict[str, str] = field(default_factory=dict)
    documents_per_day: int = DOCUMENTS_PER_DAY
    maintainers: list[str] = field(default_factory=list)
    automation: dict[str, str] = field(default_factory=dict)

    @property
    def trusted(self) -> Trusted:
        """The accounts that vouch for submissions; whoever is suspended does not."""
        automation = {n: what for n, what in self.automation.items() if n not in self.suspended}
        return Trusted(frozenset(self.maintainers) - self.suspended.keys(), automation)

    def left_today(self, submitter: str | None, ledger: Ledger, now: datetime) -> int:
        """Return how many more documents of a submitter may be decided about now."""
        if submitter is None:  # a folder's owner needs no protection from those who may write it
            return self.documents_per_day
        recent = (entry for entry in ledger.entries if now - parse_moment(entry["at"]) < _DAY)
        done = sum(e["submitter"] == submitter and e["event"] in INTAKE_EVENTS for e in recent)
        return max(0, self.documents_per_day - done)


def read_registry(snapshot: Snapshot) -> Registry:
    """Read the registry of a store; without a file, nobody is suspended.

    Raises:
        StoreError: the file is not what it should be.
    """
    return Registry(**read_registry_file(snapshot, tree.SUBMITTERS, _SCHEMA))
