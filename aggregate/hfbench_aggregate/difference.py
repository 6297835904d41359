"""The difference of two releases: what changed, by which cause, and what came and went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hfbench_aggregate.aliases import Aliases, alias_differences
from hfbench_aggregate.archive import Archive
from hfbench_aggregate.causes import Make, Side, causes_of
from hfbench_aggregate.changes import FIGURE, KINDS, Item, Tables, Value, changed, items
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.ledger_entries import ERASED, QUARANTINED, RETRACTED, SUPERSEDED
from hfbench_aggregate.manifest import aliases_of, method_differences, trusted_of
from hfbench_aggregate.published import Published
from hfbench_aggregate.release_tables import ChangeCount, ChangeRow, DiffRow
from hfbench_aggregate.tables import Manifest
from hfbench_aggregate.trust import Trusted

TABLES: Final = (
    "submissions.json",
    "cells.json", "comparisons.json", "break_even.json", "memory.json", "energy.json",
    "pooled.json", "training.json", "ranks.json", "mode_ranks.json",
)  # fmt: skip
"""The tables in which releases are compared."""
_ENDS: Final = (RETRACTED, SUPERSEDED, ERASED, QUARANTINED)


@dataclass(frozen=True, eq=False)
class Edition:
    """A release to compare: one that was published, or one in the making."""

    manifest: Manifest
    tables: Tables

    @property
    def machines(self) -> dict[str, str]:
        """The machine key of the facts of each submission that it counts, by its name."""
        return {
            row["sha256"]: row.get("own_machine_key", row["machine_key"])
            for row in self.tables["submissions.json"]
        }

    @property
    def aliases(self) -> Aliases:
        """Which machine keys count as others."""
        return aliases_of(self.manifest)

    @property
    def trusted(self) -> Trusted:
        """The accounts that vouched for them."""
        return trusted_of(self.manifest)


def edition_of(published: Published) -> Edition:
    """Return a published release.

    Raises:
        StoreError: a file of it is missing or corrupt.
    """
    return Edition(published.manifest, {name: published.table(name) for name in TABLES})


def difference(
    before: Edition, after: Edition, ledger: Ledger, archive: Archive, make: Make
) -> DiffRow:
    """Compare two releases.

    Args:
        before: the older one.
        after: the newer one.
        ledger: up to the entry that `after` pins.
        archive: all documents.
        make: makes tables of submissions, by the method at hand.
    """
    method = method_differences(before.manifest, after.manifest)
    said = items(before.tables), items(after.tables)
    found = changed(*said)
    sides = (
        Side(before.machines, before.aliases, before.trusted, said[0]),
        Side(after.machines, after.aliases, after.trusted, said[1]),
    )
    causes, limits = causes_of(found, sides, bool(method), make, archive.submissions)
    removed = sorted(before.machines.keys() - after.machines.keys())
    diff: DiffRow = {
        "before": before.manifest["version"],
        "after": after.manifest["version"],
        "added": sorted(after.machines.keys() - before.machines.keys()),
        "removed": removed,
        "events": {name: _event(name, ledger) for name in removed},
        "registry_changed": before.trusted != after.trusted,
        "method": method,
        "limits": limits,
        "counts": _counts(found, causes),
        "changes": [_row(item, *said, why) for item, why in zip(found, causes, strict=True)],
    }
    if aliases := alias_differences(before.aliases, after.aliases):
        diff["aliases"] = aliases
    return diff


def without_figures(diff: DiffRow) -> DiffRow:
    """Return what a release holds of a difference: a new method changes every figure there is."""
    return {**diff, "changes": [row for row in diff["changes"] if row["kind"] != FIGURE]}


def _counts(found: Sequence[Item], causes: Sequence[list[str]]) -> list[ChangeCount]:
    tally = Counter((item.kind, tuple(why)) for item, why in zip(found, causes, strict=True))
    order = sorted(tally, key=lambda key: (KINDS.index(key[0]), key[1]))
    return [{"kind": key[0], "causes": list(key[1]), "count": tally[key]} for key in order]


def _event(name: str, ledger: Ledger) -> str:
    """Return why a submission counts no more: the last decision against it."""
    events = [entry["event"] for entry in ledger.entries if entry["sha256"] == name]
    return next((event for event in reversed(events) if event in _ENDS), "not counted")


def _row(
    item: Item, before: Mapping[Item, Value], after: Mapping[Item, Value], causes: list[str]
) -> ChangeRow:
    return {
        "kind": item.kind,
        "table": item.table,
        "key": list(item.key),
        "field": item.field,
        "before": before.get(item),
        "after": after.get(item),
        "causes": causes,
    }
