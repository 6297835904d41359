"""`hfbench-aggregate intake`: decide about what was proposed, once or again and again."""

import json
import time
from typing import TYPE_CHECKING, Any, Final

import click

from hfbench_aggregate.commands.opened import FINDINGS, STORE, opened

if TYPE_CHECKING:
    from hfbench_aggregate.intake import Intake
    from hfbench_aggregate.judging import Decision

PERIOD_S: Final = 600
"""How long `--watch` waits between two intakes, in seconds."""
_COUNTED: Final = {
    "accepted": "accepted",
    "refused": "refused",
    "known": "already in the store",
    "quarantined": "in quarantine",
}


@click.command()
@STORE
@click.option("--watch/--once", default=False, help="Go on every ten minutes, or end.  [once]")
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def intake(address: str, watch: bool, output: str) -> None:
    """Decide about every proposal; exit 1 if one is refused.

    Interrupt it whenever you like: the same command goes on where it stopped. Several may run at
    once.
    """
    while True:
        refused = _take_in(address, output)
        if not watch:
            break
        time.sleep(PERIOD_S)
    if refused:
        raise SystemExit(FINDINGS)


def _take_in(address: str, output: str) -> int:
    """Take in once, and print; return how many were refused."""
    with opened(address) as store:
        from hfbench_aggregate.intake import take_in

        result = take_in(store)
    if output == "json":
        click.echo(json.dumps(_as_json(result)))
    else:
        _print(result)
    return sum(one.outcome == "refused" for one in result.decisions)


def _as_json(result: "Intake") -> dict[str, Any]:
    from hfbench_schema.report_formats import findings_as_json

    decisions = [
        {
            "name": one.name,
            "sha256": one.report.sha256,
            "outcome": one.outcome,
            "findings": findings_as_json(one.report),
        }
        for one in result.decisions
    ]
    return {"decisions": decisions, "deferred": result.deferred, "notes": result.notes}


def _print(result: "Intake") -> None:
    from hfbench_schema.reports import printable

    for note in result.notes:
        click.echo(f"note: {note}")
    for decision in result.decisions:
        click.echo(_decision_text(decision))
    for waiting in result.deferred:
        click.echo(f"deferred: {printable(waiting)} has proposed as much as is allowed in a day")
    outcomes = [decision.outcome for decision in result.decisions]
    counts = {words: outcomes.count(name) for name, words in _COUNTED.items()}
    if not counts["in quarantine"]:  # it is rare
        del counts["in quarantine"]
    click.echo(", ".join(f"{count} {words}" for words, count in counts.items()))


def _decision_text(decision: "Decision") -> str:
    from hfbench_schema.reports import printable

    if decision.outcome == "known":
        return f"already in the store: {printable(decision.name)}"
    what = printable(decision.name) if decision.outcome == "refused" else decision.path
    lines = [f"{decision.outcome}: {what}"]
    return "\n".join([*lines, *(f"  {found}" for found in decision.report.findings)])
