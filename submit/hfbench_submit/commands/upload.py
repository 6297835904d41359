"""The command `hfbench-submit upload`, and what it has in common with `run --upload`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hfbench_schema.tree import proposal_path
from hfbench_submit.uploading import wording
from hfbench_submit.uploading.destinations import (
    DEFAULT_STORE,
    Destination,
    HubDataset,
    parse_destination,
)
from hfbench_submit.uploading.documents import Document, read_documents
from hfbench_submit.uploading.parcels import packed
from hfbench_submit.uploading.upload import DELIVERED, Outcome
from hfbench_submit.uploading.upload import upload as upload_documents


class Store(click.ParamType[Destination]):
    """A folder, or a dataset on the Hub."""

    name = "store"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Destination:
        """Return the store; refuse what is none."""
        try:
            return parse_destination(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


store_option = click.option(
    "--store",
    type=Store(),
    metavar="STORE",
    help=f"A folder, or hf://datasets/ORG/NAME. Without it, what {DEFAULT_STORE} says.",
)


def required_store(given: Destination | None) -> Destination:
    """Return the store that is given, or that the environment names.

    Raises:
        click.UsageError: neither is, or it is no store.
    """
    if given is not None:
        return given
    if not (named := os.environ.get(DEFAULT_STORE)):
        raise click.UsageError(
            f"name a store: --store FOLDER, --store hf://datasets/ORG/NAME, or {DEFAULT_STORE}=..."
        )
    try:
        return parse_destination(named)
    except ValueError as error:
        raise click.UsageError(f"{DEFAULT_STORE}: {error}") from error


@click.command()
@click.argument(
    "paths",
    metavar="DOCUMENTS...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@store_option
@click.option(
    "--push",
    is_flag=True,
    help="Commit on the dataset's main branch, without a pull request: for who may write to it.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Send nothing: print the very bytes that would be sent, and on stderr where and as what.",
)
def upload(paths: tuple[Path, ...], store: Destination | None, push: bool, dry_run: bool) -> None:
    """Propose submissions to a store; its next intake decides.

    To a dataset on the Hub they go as one pull request, with which you dedicate these data to the
    public domain (CC0 1.0). What cannot be sent now waits in the outbox: exit code 75.
    """
    destination = required_store(store)
    if push and not isinstance(destination, HubDataset):
        raise click.UsageError("--push is for a dataset on the Hub: leave it out")
    documents = read_documents(paths)
    if dry_run:
        _print(documents, destination)
        return
    report(upload_documents(documents, destination, complain, push=push))


def report(outcome: Outcome, say: Callable[[str], None] = click.echo) -> None:
    """Print what became of documents; leave with an exit code unless the store has them all."""
    for line in outcome.receipts:
        say(line)
    for line in outcome.problems:
        complain(line)
    if outcome.exit_code != DELIVERED:
        raise SystemExit(outcome.exit_code)


def complain(line: str) -> None:
    """Print a line on stderr."""
    click.echo(line, err=True)


def _print(documents: list[Document], destination: Destination) -> None:
    """Print what would be sent, if nothing of it is there yet."""
    on_hub = isinstance(destination, HubDataset)
    for some in packed(documents) if on_hub else ([document] for document in documents):
        for document in some:
            complain(f"to {destination}, as {proposal_path(document.sha256)}")
        if on_hub:
            complain(f"title: {wording.title(some)}\n\n{wording.description(some)}")
        for document in some:
            click.echo(document.data, nl=len(documents) > 1)
