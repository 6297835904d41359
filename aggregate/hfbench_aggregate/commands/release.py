"""`hfbench-aggregate release`, `rebuild` and `diff`: publish, prove and explain releases."""

import json
from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.executor import EXECUTOR
from hfbench_aggregate.commands.opened import FINDINGS, STORE, opened

if TYPE_CHECKING:
    from hfbench_aggregate.engine.executors import Executor


@click.command()
@STORE
@EXECUTOR
def release(address: str, executor: "Executor") -> None:
    """Publish the next release and print its folder.

    If nothing has changed since the last one, that is the one printed.
    """
    with opened(address) as store:
        from hfbench_aggregate.publication import publish

        published = publish(store, executor)
        name = store.name
    if published.new:
        click.echo(f"release {published.version}", err=True)
    else:
        click.echo(f"nothing has changed since release {published.version}", err=True)
    click.echo(f"{name}/{published.path}")


@click.command()
@STORE
@click.argument("version")
def rebuild(address: str, version: str) -> None:
    """Make a release again from what it was made from, and compare every byte.

    Documents, ledger and registry are taken as they were then, whatever was taken in, retracted or
    compacted since. Exit 0 if all files are identical, 1 if any differs, 2 if this cannot be told.
    """
    with opened(address) as store:
        from hfbench_aggregate.rebuilding import rebuild as rebuilt
        from hfbench_aggregate.snapshot import newest

        result = rebuilt(newest(store), version)
    for name, how in result.differing.items():
        click.echo(f"differs: {name} ({how})")
    for text in result.reasons or result.remarks:
        click.echo(f"{'likely reason' if result.reasons else 'note'}: {text}")
    if result.differing:
        click.echo(f"release {version}: {len(result.differing)} of {result.files} files differ")
        raise SystemExit(FINDINGS)
    click.echo(f"release {version}: all {result.files} files are identical")


@click.command()
@STORE
@click.argument("before", metavar="OLDER")
@click.argument("after", metavar="NEWER")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="JSON has the fields of a release's diff.json, and each figure.",
)
def diff(address: str, before: str, after: str, output: str) -> None:
    """Say what changed from one release to another, and why.

    Each change of a verdict, an interval of ranks or a figure has its cause: new data, a
    retraction, the registry or a new method. It is found by making the releases between: the older
    one with one of these differences, the newer one without it.
    """
    with opened(address) as store:
        from hfbench_aggregate.publication import released_difference
        from hfbench_aggregate.snapshot import newest

        found = released_difference(newest(store), before, after)
    if output == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        from hfbench_aggregate.difference_text import difference_text

        click.echo(difference_text(found))
