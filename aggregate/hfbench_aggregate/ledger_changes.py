"""What maintainers decide about stored documents: each decision one more entry of the ledger."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from hfbench_aggregate.dataset.compaction import erasure
from hfbench_aggregate.ledger import Ledger, read_ledger
from hfbench_aggregate.ledger_entries import (
    APPEALED,
    ERASED,
    REFUSED,
    RELEASED,
    SUPERSEDED,
    Draft,
    Entry,
)
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.store import Change, Store, StoreError
from hfbench_schema import timestamps
from hfbench_schema.tree import ledger_path

LEAST_PREFIX: Final = 12
"""Digits of a sha256 that name a document, if no other begins so."""


def decide(
    store: Store,
    draft: Draft,
    clock: Callable[[], datetime] = timestamps.now,
) -> Entry:
    """Record a maintainer's decision; its `sha256` and `other` may be their first digits.

    `erased` also deletes the document's bytes; the entry stays, as its tombstone.

    Raises:
        StoreError: there is no such document, the decision does not fit what it is now, or
            somebody else wrote meanwhile.
    """
    snapshot = newest(store)
    ledger = read_ledger(snapshot)
    full = _completed(ledger, draft)
    _require_sense(ledger, full)
    moment = ledger.not_before_the_last(clock())
    grown, path = ledger.with_entries([full], moment), ledger_path(moment)
    erased = erasure(snapshot, full.sha256) if full.event == ERASED else Change("")
    message = f"{full.event.capitalize()}: {full.sha256[:LEAST_PREFIX]}"
    write = {**erased.write, path: grown.files[path]}
    store.commit(snapshot.revision, Change(message, write, erased.delete))
    return grown.entries[-1]


def _completed(ledger: Ledger, draft: Draft) -> Draft:
    """Return the decision with whole names, and the submitter of the document."""
    first = next(e for e in ledger.entries if e["sha256"] == _named(ledger, draft.sha256))
    details = dict(draft.details)
    if "other" in details:
        details["other"] = _named(ledger, details["other"])
    return Draft(draft.event, first["sha256"], first["submitter"], [], details)


def _named(ledger: Ledger, digits: str) -> str:
    """Return the sha256 of the one document in the ledger that begins so."""
    known = {entry["sha256"] for entry in ledger.entries}
    found = sorted(name for name in known if name.startswith(digits))
    if len(digits) < LEAST_PREFIX or len(found) != 1:
        raise StoreError(
            f"{digits} names {len(found) or 'no'} documents of the ledger: give the sha256, or at "
            f"least its first {LEAST_PREFIX} digits"
        )
    return found[0]


def _require_sense(ledger: Ledger, draft: Draft) -> None:
    """Raise unless the decision changes something that it can be about."""
    stored, counts = draft.sha256 in ledger.arrivals(), draft.sha256 in ledger.accepted()
    state = "counts" if counts else "is stored and does not count" if stored else "is not stored"
    possible = {RELEASED: stored and not counts, APPEALED: True}.get(draft.event, stored)
    if draft.details.get("other") == draft.sha256:
        raise StoreError(f"{draft.sha256} cannot be {SUPERSEDED} by itself")
    if not possible:
        last = [e["event"] for e in ledger.entries if e["sha256"] == draft.sha256]
        raise StoreError(
            f"{draft.sha256} cannot be {draft.event}: it {state} ({', '.join(last)})"
            + ("; a refused document is proposed again, mended" if last == [REFUSED] else "")
        )
