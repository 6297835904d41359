"""`hfbench-aggregate ledger`: what was decided, and what maintainers decide later."""

from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.opened import STORE, BadInputError, opened
from hfbench_aggregate.ledger_entries import (
    ANNOTATED,
    APPEALED,
    ERASED,
    RELEASED,
    RETRACTED,
    SUPERSEDED,
    Draft,
)

if TYPE_CHECKING:
    from hfbench_aggregate.ledger_entries import Entry

_VERBS = {
    "release": (RELEASED, "Count a document that was in quarantine, or retracted."),
    "retract": (RETRACTED, "Count a document no more; its bytes stay."),
    "annotate": (ANNOTATED, "Add a remark to a document."),
    "appeal": (APPEALED, "Record that somebody disagrees with a decision."),
    "erase": (ERASED, "Delete a document's bytes; its hash and this decision stay."),
}
_DOCUMENT = click.argument("document", metavar="SHA256")
_BY = click.option("--by", required=True, metavar="NAME", help="Who decides.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why, for everybody.")


@click.group()
def ledger() -> None:
    """Show decisions about documents, and add to them; nothing is ever changed or removed."""


@ledger.command()
@STORE
@click.argument("document", metavar="[SHA256]", default="")
def show(address: str, document: str) -> None:
    """Print every decision, or those about one document."""
    with opened(address) as store:
        from hfbench_aggregate.ledger import read_ledger
        from hfbench_aggregate.snapshot import newest

        entries = read_ledger(newest(store)).entries
    found = [entry for entry in entries if entry["sha256"].startswith(document)]
    if not found:
        raise BadInputError(f"the ledger of {address} has no decision about {document or 'any'}")
    for entry in found:
        click.echo(_text(entry))


@ledger.command()
@STORE
@_DOCUMENT
@click.option("--with", "other", required=True, metavar="SHA256", help="The document to count.")
@_BY
@_REASON
def supersede(address: str, document: str, other: str, by: str, reason: str) -> None:
    """Count another document in place of one."""
    _decide(address, SUPERSEDED, document, {"by": by, "reason": reason, "other": other})


def _add(verb: str, event: str, words: str) -> None:
    @ledger.command(verb, help=words)
    @STORE
    @_DOCUMENT
    @_BY
    @_REASON
    def command(address: str, document: str, by: str, reason: str) -> None:
        _decide(address, event, document, {"by": by, "reason": reason})


for _verb, (_event, _words) in _VERBS.items():
    _add(_verb, _event, _words)


def _decide(address: str, event: str, document: str, details: dict[str, str]) -> None:
    with opened(address) as store:
        from hfbench_aggregate.ledger_changes import decide

        entry = decide(store, Draft(event, document, details=details))
    click.echo(_text(entry))


def _text(entry: "Entry") -> str:
    from hfbench_schema.reports import printable

    parts = [f"{entry['seq']}", entry["at"], entry["event"], entry["sha256"]]
    parts += [f"by {entry['by']}"] if "by" in entry else [f"from {entry['submitter']}"]
    parts += [f"in favour of {entry['other']}"] if "other" in entry else []
    parts += [entry["reason"]] if "reason" in entry else []
    parts += [", ".join(sorted({found["rule"] for found in entry["findings"]}))]
    return "  ".join(printable(part) for part in parts if part)
