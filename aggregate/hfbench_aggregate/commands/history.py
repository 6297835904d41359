"""`hfbench-aggregate history`: when the time of a cell, or of a suite, changed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.executor import EXECUTOR
from hfbench_aggregate.commands.reading import (
    SOURCES,
    draw,
    format_option,
    plot_option,
    print_report,
    print_texts,
    read_sources,
)

if TYPE_CHECKING:
    from hfbench_aggregate.engine.executors import Executor
    from hfbench_aggregate.history.tables import History


@click.command()
@SOURCES
@click.option(
    "--cell",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Cells whose id matches, as in 'inference/bert-*/torch-eager/*'. The suite index, the "
    "geometric mean of all cells that every version has, without it. Repeatable.",
)
@format_option("CSV has a row for each version of each series.")
@plot_option("Draw the series as well: FILE.svg or .png.")
@EXECUTOR
def history(
    addresses: tuple[str, ...],
    patterns: tuple[str, ...],
    output: str,
    plot: Path | None,
    executor: "Executor",
) -> None:
    """Show how times went over the versions of transformers, and at which they changed.

    SOURCE is a store (a folder, or hf://datasets/ORG/NAME), a submission, or a folder of
    submissions. It takes eight versions on a machine; environments that differ in anything but
    transformers (torch, python) are apart. Machines of one class of devices are also pooled.
    """
    with read_sources(addresses):
        from hfbench_aggregate.history.report import history as history_of
        from hfbench_aggregate.sources import gather

        found = history_of(gather(addresses, executor), patterns)
    if plot:
        from hfbench_aggregate.history.plot import history_plot

        draw(plot, lambda kind: history_plot(found, kind))
    print_report(output, found, lambda: _csv(found), lambda: _print_views(found, output))


def _csv(found: "History") -> str:
    from hfbench_aggregate.history.spreadsheet import history_csv

    return history_csv(found)


def _print_views(found: "History", output: str) -> None:
    from hfbench_aggregate.comparing.markdown import view_markdown
    from hfbench_aggregate.history.views import history_views
    from hfbench_aggregate.printing import view_text

    views = [view for group in found["groups"] for view in history_views(group)]
    if output == "markdown":
        click.echo("\n".join(map(view_markdown, views)))
    else:
        print_texts(lambda width: [view_text(view, width) for view in views])
