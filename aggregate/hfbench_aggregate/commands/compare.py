"""`hfbench-aggregate compare`: two versions, on every machine and across contributors."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hfbench_aggregate.commands.executor import EXECUTOR
from hfbench_aggregate.commands.opened import FINDINGS
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
    from hfbench_aggregate.comparing.tables import Report
    from hfbench_aggregate.engine.executors import Executor

_FAILING: Final = ("slower", "faster", "inconclusive", "insufficient")


@click.command()
@SOURCES
@click.option("--baseline", required=True, metavar="VERSION", help="As in transformers==4.57.6.")
@click.option(
    "--candidate",
    required=True,
    metavar="VERSION",
    help="What is faster or slower than the baseline. The baseline's again for an A/A comparison.",
)
@format_option("Markdown can be pasted into an issue; CSV has a row for each verdict.")
@plot_option("Draw a forest plot as well: FILE.svg or .png.")
@click.option(
    "--fail-on",
    "failing",
    multiple=True,
    type=click.Choice(_FAILING),
    help="Exit 1 if this verdict decides a cell. Repeatable.",
)
@EXECUTOR
def compare(
    addresses: tuple[str, ...],
    baseline: str,
    candidate: str,
    output: str,
    plot: Path | None,
    failing: tuple[str, ...],
    executor: "Executor",
) -> None:
    """Compare two versions on every machine that measured both, and across contributors.

    SOURCE is a store (a folder, or hf://datasets/ORG/NAME), a submission, or a folder of
    submissions. What is in no store is validated first; the same document twice counts once.

    A version is package==version, or several with commas between. Environments that differ in
    anything else that is compared (torch, tensorflow, python) are never pooled.

    With two contributors or more on one class of devices, their effects are pooled. A cell is
    decided by the pooled verdict where at least three contributors count, else by the verdict of
    each machine: that is what --fail-on looks at.
    """
    with read_sources(addresses):
        from hfbench_aggregate.comparing.report import compare as compare_sources
        from hfbench_aggregate.sources import gather

        report = compare_sources(gather(addresses, executor), baseline, candidate)
    if plot:
        from hfbench_aggregate.comparing.forest import forest

        draw(plot, lambda kind: forest(report, kind))
    print_report(output, report, lambda: _csv(report), lambda: _print_views(report, output))
    if any(one["verdict"] in failing for one in report["deciding"]):
        raise SystemExit(_failed(report, failing))


def _failed(report: "Report", failing: tuple[str, ...]) -> int:
    """Say which verdicts made the command fail; return its exit status."""
    verdicts = [one["verdict"] for one in report["deciding"]]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in failing if name in verdicts)
    click.echo(f"--fail-on: {counts} of {len(verdicts)} verdicts that decide", err=True)
    return FINDINGS


def _csv(report: "Report") -> str:
    from hfbench_aggregate.comparing.spreadsheet import report_csv

    return report_csv(report)


def _print_views(report: "Report", output: str) -> None:
    from rich.text import Text

    from hfbench_aggregate.comparing.markdown import view_markdown
    from hfbench_aggregate.comparing.views import deciding_line, views
    from hfbench_aggregate.printing import view_text

    shown = views(report["pooled"], report["machines"])
    last = [deciding_line(report["deciding"])] if len(shown) > 1 else []
    if output == "markdown":
        click.echo("\n".join([*map(view_markdown, shown), *last]))
    else:
        print_texts(lambda width: [*(view_text(view, width) for view in shown), *map(Text, last)])
