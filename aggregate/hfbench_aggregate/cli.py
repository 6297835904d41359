"""`hfbench-aggregate`: intake, comparisons, reports on training, releases, verifying a store."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.compact import compact
from hfbench_aggregate.commands.executor import EXECUTOR
from hfbench_aggregate.commands.intake import intake
from hfbench_aggregate.commands.ledger import ledger
from hfbench_aggregate.commands.opened import FINDINGS, STORE, BadInputError, opened
from hfbench_schema import __version__

if TYPE_CHECKING:
    from rich.text import Text

    from hfbench_aggregate.engine.executors import Executor
    from hfbench_aggregate.loading import Accepted
    from hfbench_aggregate.pairs import Pair
    from hfbench_aggregate.stores.store import Store
    from hfbench_aggregate.tables import Comparison
    from hfbench_aggregate.training.tables import TrainingGroup

# The commands import what they need when they run: numpy and scipy take most of a second, which
# neither --help nor a mistyped path should wait for.


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfbench-aggregate")
def main() -> None:
    """Keep a store of submissions: take them in, compare versions, publish releases.

    STORE is a local folder, or a dataset on the Hub, as in hf://datasets/org/name. Exit status: 0
    all well, 1 something was refused or found, 2 the command or the store cannot be used as it is.
    """


main.add_command(intake)
main.add_command(ledger)
main.add_command(compact)


@main.command()
@STORE
@click.option("--baseline", required=True, metavar="VERSION", help="As in transformers==4.57.6.")
@click.option(
    "--candidate",
    required=True,
    metavar="VERSION",
    help="What is faster or slower than the baseline. The baseline's again for an A/A comparison.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="JSON has the fields of a release's comparisons.json.",
)
@EXECUTOR
def compare(address: str, baseline: str, candidate: str, output: str, executor: "Executor") -> None:
    """Compare two versions on every machine that measured both.

    A version is package==version, or several with commas between. Environments that differ in
    anything else that is compared (torch, tensorflow, python) are never pooled.
    """
    with opened(address) as store:
        pairs = _pairs(store, baseline, candidate, executor)
        from hfbench_aggregate.comparison import compare_pair

        comparisons = [compare_pair(pair) for pair in pairs]
    if output == "json":
        click.echo(json.dumps(comparisons, indent=2, ensure_ascii=False))
    else:
        _print_comparisons(comparisons, [pair.family.machine_title for pair in pairs])


@main.command()
@STORE
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="JSON has the fields of a release's training.json.",
)
def training(address: str, output: str) -> None:
    """Report what was trained: speed-ups, quality, and what compilers and devices are worth.

    One report for each model and task's data on each machine and in each environment. What else
    was trained is compared with fp32 on one device, without a compiler.
    """
    with opened(address) as store:
        groups = _training_groups(store)
    if output == "json":
        click.echo(json.dumps(groups, indent=2, ensure_ascii=False))
    else:
        _print_training(groups, output)


@main.command()
@STORE
def release(address: str) -> None:
    """Publish the next release and print its folder.

    If nothing has changed since the last one, that is the one printed.
    """
    with opened(address) as store:
        from hfbench_aggregate.publication import publish

        published = publish(store)
        name = store.name
    if published.new:
        click.echo(f"release {published.version}", err=True)
    else:
        click.echo(f"nothing has changed since release {published.version}", err=True)
    click.echo(f"{name}/{published.path}")


@main.command()
@STORE
def verify(address: str) -> None:
    """Check the whole store; exit 1 on any problem.

    Checks the ledger's chain, and every name against the bytes it stands for.
    """
    with opened(address) as store:
        from hfbench_aggregate.snapshot import newest
        from hfbench_aggregate.verification import verify_store

        result = verify_store(newest(store))
    for problem in result.problems:
        click.echo(f"problem: {problem}")
    click.echo(
        f"submissions: {result.submissions}, ledger entries: {result.entries}, "
        f"releases: {result.releases}, problems: {len(result.problems)}"
    )
    if result.problems:
        raise SystemExit(FINDINGS)


def _accepted(store: "Store", executor: "Executor | None" = None) -> "list[Accepted]":
    from hfbench_aggregate.ledger import read_ledger
    from hfbench_aggregate.loading import accepted_submissions
    from hfbench_aggregate.snapshot import newest

    snapshot = newest(store)
    return accepted_submissions(snapshot, read_ledger(snapshot), executor)


def _pairs(store: "Store", baseline: str, candidate: str, executor: "Executor") -> "list[Pair]":
    from hfbench_aggregate.reduction import families
    from hfbench_aggregate.selection import SelectionError, selected_pairs

    submissions = _accepted(store, executor)
    try:
        return selected_pairs(families(submissions), baseline, candidate)
    except SelectionError as error:
        raise BadInputError(str(error)) from error


def _training_groups(store: "Store") -> "list[TrainingGroup]":
    from hfbench_aggregate.training.report import training_rows

    groups = training_rows(_accepted(store))
    if not groups:
        raise BadInputError(
            f"{store.name} holds no training. To measure one: hfbench-submit run training "
            f"--with transformers==5.23.0"
        )
    return groups


def _print_comparisons(comparisons: "list[Comparison]", machines: list[str]) -> None:
    from hfbench_aggregate.printing import comparison_text

    pairs = list(zip(comparisons, machines, strict=True))
    _print_texts(lambda width: [comparison_text(*pair, width) for pair in pairs])


def _print_training(groups: "list[TrainingGroup]", output: str) -> None:
    from hfbench_aggregate.training.printing import report_markdown, report_text

    if output == "markdown":
        click.echo("\n".join(map(report_markdown, groups)))
    else:
        _print_texts(lambda width: [report_text(group, width) for group in groups])


def _print_texts(texts: "Callable[[int], list[Text]]") -> None:
    """Print texts for a width in columns, with an empty line between them."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    for number, text in enumerate(texts(console.width)):
        if number:
            console.print()
        console.print(text, soft_wrap=True)
