"""What the author of a proposal is told, and everybody else who reads it."""

from hfbench_aggregate.judging import KNOWN, Decision
from hfbench_aggregate.ledger_entries import ACCEPTED, QUARANTINED
from hfbench_aggregate.stores.store import Proposal
from hfbench_schema.reports import RULES_VERSION, printable

_NEXT = {
    ACCEPTED: "accepted: it counts from the next release on",
    QUARANTINED: "stored, to be counted once a maintainer has looked at what is said below",
    KNOWN: "in the store already; nothing is to be done",
}


def note_of(proposal: Proposal, decisions: list[Decision]) -> str:
    """Say what became of each document, and how to mend what was refused."""
    head = f"{printable(proposal.title)}, judged by version {RULES_VERSION} of the rules"
    return "\n".join([head, *(_about(one) for one in decisions)]) + "\n"


def _about(decision: Decision) -> str:
    what = _NEXT.get(decision.outcome, "refused; mend it as below and propose the new document")
    lines = [f"{printable(decision.name)} (sha256 {decision.report.sha256}): {what}"]
    return "\n".join([*lines, *(f"  {found}" for found in decision.report.findings)])
