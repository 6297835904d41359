"""`hfbench-aggregate compact`: move documents of past months into tables."""

import click

from hfbench_aggregate.commands.opened import STORE, BadInputError, opened


@click.command()
@STORE
@click.option(
    "--before", metavar="YYYY-MM", help="The first month to leave.  [default: this month]"
)
def compact(address: str, before: str | None) -> None:
    """Move the documents of past months into parquet, for anybody's tools to read.

    Every document keeps its very bytes; they are read back before a file is deleted.
    """
    from hfbench_schema import timestamps, tree

    with opened(address) as store:
        from hfbench_aggregate.dataset.compaction import compact as compacted
        from hfbench_aggregate.dataset.parts import PartError
        from hfbench_aggregate.wording import counted

        count = 0
        try:
            for done in compacted(store, before or tree.month(timestamps.now())):
                count += 1
                parts = counted(len(done.parts), "part")
                click.echo(f"{done.month}: {counted(done.documents, 'document')} in {parts}")
        except PartError as error:
            raise BadInputError(f"{error}; nothing was deleted") from error
    if not count:
        click.echo("no month before this one holds a document outside the tables")
