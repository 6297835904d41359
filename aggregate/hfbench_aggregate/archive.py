"""Submissions by name, whether they count now or not: what releases were made from once."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.ledger_entries import ACCEPTED, ERASED, QUARANTINED, Entry
from hfbench_aggregate.loading import Accepted, Documents
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError


@dataclass(frozen=True, eq=False)
class Archive:
    """The documents of a store, with what its whole ledger says of them."""

    snapshot: Snapshot
    ledger: Ledger

    def submissions(self, names: Iterable[str]) -> list[Accepted]:
        """Return submissions in the order of their arrival.

        Raises:
            StoreError: one was erased, never came, is missing, or is not what it was.
        """
        wanted = set(names)
        if unknown := wanted - self._arrivals.keys():
            raise StoreError(f"the ledger knows no submission {min(unknown)}: restore the ledger")
        return [self._submission(name) for name in self._arrivals if name in wanted]

    def _submission(self, name: str) -> Accepted:
        if name not in self._held:
            self._held[name] = self._read(name, self._arrivals[name])
        return self._held[name]

    def _read(self, name: str, entry: Entry) -> Accepted:
        if name in self._erasures:
            raise StoreError(
                f"submission {name} was erased at {self._erasures[name]['at']}: what was computed "
                f"from it cannot be computed again"
            )
        document = self._documents.read(name)
        return Accepted(name, entry["at"], entry["submitter"], document)

    @cached_property
    def _held(self) -> dict[str, Accepted]:
        """What was read: releases that are made to compare share most of it."""
        return {}

    @cached_property
    def _documents(self) -> Documents:
        return Documents(self.snapshot)

    @cached_property
    def _arrivals(self) -> dict[str, Entry]:
        """The entries by which submissions came, those erased since among them."""
        found: dict[str, Entry] = {}
        for entry in self.ledger.entries:
            if entry["event"] in (ACCEPTED, QUARANTINED):
                found.setdefault(entry["sha256"], entry)
        return found

    @cached_property
    def _erasures(self) -> dict[str, Entry]:
        return {e["sha256"]: e for e in self.ledger.entries if e["event"] == ERASED}
