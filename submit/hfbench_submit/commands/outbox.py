"""`hfbench-submit outbox`: what waits to be uploaded, and what became of the rest."""

import click
from rich.console import Console
from rich.table import Table

from hfbench_submit.commands.upload import complain, report
from hfbench_submit.uploading.inquiry import inquire
from hfbench_submit.uploading.outbox import QUEUED, Entry, Outbox
from hfbench_submit.uploading.upload import Outcome
from hfbench_submit.uploading.upload import flush as flush_outbox
from hfbench_submit.uploading.wording import whereabouts

_WIDE = 600
_COLUMNS = ("submission", "status", "store", "sent", "queued at", "where, or why not")


@click.group()
def outbox() -> None:
    """Show and send the submissions that wait to be uploaded."""


@outbox.command("list")
@click.option(
    "--refresh",
    is_flag=True,
    help="First ask the stores what became of what was proposed. Exit code 75 if one is away.",
)
def list_entries(refresh: bool) -> None:
    """Print what is in the outbox: without a network, as it was last known."""
    outcome = inquire(complain) if refresh else Outcome()
    _print(Outbox().entries())
    report(outcome)


def _print(entries: list[Entry]) -> None:
    if not entries:
        click.echo("the outbox is empty")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=True)
    for entry in entries:
        table.add_row(*_row(entry))
    # Wider than any row: addresses and hashes are for copying, so a line is never broken or cut.
    Console(highlight=False, markup=False, width=_WIDE).print(table)


def _row(entry: Entry) -> tuple[str, ...]:
    where = entry.last_error or "" if entry.status == QUEUED else whereabouts(entry)
    sent = f"{entry.attempts}x"
    return entry.key, entry.status, entry.store, sent, entry.queued_at, where


@outbox.command()
def flush() -> None:
    """Send what waits. Exit code 75 if it still cannot be sent."""
    outcome = flush_outbox(complain)
    if not outcome.receipts and not outcome.problems:
        click.echo("nothing waits in the outbox")
    report(outcome)


@outbox.command()
@click.argument("hashes", nargs=-1, required=True, metavar="SHA256...")
def drop(hashes: tuple[str, ...]) -> None:
    """Forget submissions, by the first digits of their hash. What was proposed stays proposed."""
    box = Outbox()
    with box.locked(complain):
        for digits in hashes:
            click.echo(f"dropped {box.drop(digits)}")
