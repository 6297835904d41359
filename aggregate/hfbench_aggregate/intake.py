"""Intake: decide about every proposal, once, whatever its bytes are.

Decisions about many proposals are committed together, documents and ledger entries at once, on the
revision that they were made from: who finds that another intake was faster begins anew. A proposal
is settled after its decision is in the ledger, so that a killed intake leaves its work to the next.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom
from typing import Final

from hfbench_aggregate.judging import STORED, Decision, Desk
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.settling import note_of
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.store import Change, ConflictError, Proposal, Store, StoreError
from hfbench_aggregate.wording import counted
from hfbench_schema import timestamps
from hfbench_schema.tree import ledger_path

BATCH_DOCUMENTS: Final = 50
BATCH_BYTES: Final = 32 * 1024 * 1024
"""What one commit takes in at most, and one proposal more."""
ATTEMPTS: Final = 20
"""How often a batch is decided anew because another writer was faster."""
_LONGEST_PAUSE_S: Final = 2.0
_chance = SystemRandom()


@dataclass(frozen=True)
class Intake:
    """All decisions of one intake, in their order.

    `notes` say what had to be mended or could not be looked at; `deferred` names proposals that
    wait because their author has reached the limit of a day.
    """

    decisions: list[Decision] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)


def take_in(store: Store, clock: Callable[[], datetime] = timestamps.now) -> Intake:
    """Decide about every proposal that waits in a store now.

    Raises:
        StoreError: the ledger is broken, or the store cannot be used; every proposal is then
            decided about wholly or still to be decided about, and the next intake goes on.
    """
    result = Intake()
    result.notes.extend(_heal(store))
    waiting = store.proposals()
    while waiting:
        waiting = _patiently(store, clock, waiting, result)
    return result


def _heal(store: Store) -> Iterator[str]:
    """Drop a torn last line; its proposal is still there, because it is settled last."""
    snapshot = newest(store)
    ledger = read_ledger(snapshot)
    if ledger.torn is not None:
        change = Change("Drop a torn line", {ledger.torn: ledger.files[ledger.torn]})
        store.commit(snapshot.revision, change)
        yield (
            f"{ledger.torn}: the last line was torn, as by a crash while it was written; it was "
            f"no entry yet and has been dropped, and its document is decided about now"
        )


def _patiently(
    store: Store, clock: Callable[[], datetime], waiting: list[str], result: Intake
) -> list[str]:
    """Take in a batch of `waiting`, until nobody else has been faster; return what still waits."""
    for attempt in range(ATTEMPTS):
        try:
            batch = _Batch(store, clock)
            rest = batch.gather(waiting)
            batch.commit()
        except ConflictError:
            time.sleep(_chance.uniform(0, min(_LONGEST_PAUSE_S, 0.05 * 2**attempt)))
        else:
            batch.settle()
            result.decisions.extend(one for _, found in batch.judged for one in found)
            result.deferred.extend(batch.deferred)
            result.notes.extend(batch.notes)
            return rest
    raise StoreError(f"others keep writing to {store.name}: run this again when they have done")


class _Batch:
    """Some proposals that are decided about in one commit."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        snapshot = newest(store)
        ledger = read_ledger(snapshot)
        self._desk = Desk(snapshot, ledger, ledger.not_before_the_last(clock()))
        self.judged: list[tuple[Proposal, list[Decision]]] = []
        self.deferred: list[str] = []
        self.notes: list[str] = []

    def gather(self, waiting: list[str]) -> list[str]:
        """Judge proposals until the batch is full; return those that wait for the next one."""
        for number, proposal_id in enumerate(waiting):
            if self._is_full():
                return waiting[number:]
            self._look_at(proposal_id)
        return []

    def commit(self) -> None:
        """Commit documents and ledger entries; nothing if all is in the ledger already."""
        desk, decisions = self._desk, self._decisions()
        drafts = [one.draft for one in decisions if one.draft]
        write = {one.path: one.write for one in decisions if one.path and one.write is not None}
        if drafts:
            path = ledger_path(desk.moment)
            write[path] = desk.ledger.with_entries(drafts, desk.moment).files[path]
        if write:
            message = f"Decide about {counted(len(drafts), 'document')}"
            self._store.commit(desk.snapshot.revision, Change(message, write))

    def settle(self) -> None:
        """Tell the authors."""
        for proposal, decisions in self.judged:
            stored = all(one.outcome in STORED for one in decisions)
            self._store.settle(proposal, accepted=stored, note=note_of(proposal, decisions))

    def _look_at(self, proposal_id: str) -> None:
        """Judge one proposal; what hinders that must not hinder the others."""
        try:
            self._judge(self._store.proposal(proposal_id))
        except FileNotFoundError:
            return  # another intake has settled it
        except StoreError as error:
            self.notes.append(f"{proposal_id} waits for the next intake: {error}")

    def _judge(self, proposal: Proposal) -> None:
        if self._must_wait(proposal):
            self.deferred.append(f"{proposal.id} by {proposal.author}")
        else:
            self.judged.append((proposal, self._desk.judge(proposal)))

    def _must_wait(self, proposal: Proposal) -> bool:
        """Whether its author has had today's share; what no day has room for is refused."""
        registry, ledger, moment = self._desk.registry, self._desk.ledger, self._desk.moment
        now = sum(one.author == proposal.author for one, found in self.judged for _ in found)
        left = registry.left_today(proposal.author, ledger, moment) - now
        bounded = proposal.author is not None
        return bounded and left < len(proposal.files) <= registry.documents_per_day

    def _decisions(self) -> list[Decision]:
        return [one for _, found in self.judged for one in found]

    def _is_full(self) -> bool:
        decisions = self._decisions()
        size = sum(len(one.write or b"") for one in decisions)
        return len(decisions) >= BATCH_DOCUMENTS or size >= BATCH_BYTES
