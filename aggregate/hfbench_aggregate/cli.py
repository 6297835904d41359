"""`hfbench-aggregate`: intake, comparisons, reports on training, releases, verifying a store."""

import json
from typing import TYPE_CHECKING

import click

from hfbench_aggregate.commands.compact import compact
from hfbench_aggregate.commands.compare import compare
from hfbench_aggregate.commands.executor import EXECUTOR
from hfbench_aggregate.commands.history import history
from hfbench_aggregate.commands.intake import intake
from hfbench_aggregate.commands.ledger import ledger
from hfbench_aggregate.commands.machines import machines
from hfbench_aggregate.commands.opened import FINDINGS, STORE, BadInputError, opened
from hfbench_aggregate.commands.plan import plan
from hfbench_aggregate.commands.reading import print_texts
from hfbench_aggregate.commands.release import diff, rebuild, release
from hfbench_schema import __version__

if TYPE_CHECKING:
    from hfbench_aggregate.engine.executors import Executor
    from hfbench_aggregate.loading import Accepted
    from hfbench_aggregate.stores.store import Store
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


main.add_command(compare)
main.add_command(history)
main.add_command(intake)
main.add_command(ledger)
main.add_command(compact)
main.add_command(machines)
main.add_command(plan)
main.add_command(release)
main.add_command(rebuild)
main.add_command(diff)


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
@EXECUTOR
def training(address: str, output: str, executor: "Executor") -> None:
    """Report what was trained: speed-ups, quality, and what compilers and devices are worth.

    One report for each model and task's data on each machine and in each environment. What else
    was trained is compared with fp32 on one device, without a compiler.
    """
    with opened(address) as store:
        groups = _training_groups(store, executor)
    if output == "json":
        click.echo(json.dumps(groups, indent=2, ensure_ascii=False))
    else:
        _print_training(groups, output)


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


def _accepted(store: "Store", executor: "Executor") -> "list[Accepted]":
    from hfbench_aggregate.ledger import read_ledger
    from hfbench_aggregate.loading import accepted_submissions
    from hfbench_aggregate.snapshot import newest

    snapshot = newest(store)
    return accepted_submissions(snapshot, read_ledger(snapshot), executor)


def _training_groups(store: "Store", executor: "Executor") -> "list[TrainingGroup]":
    from hfbench_aggregate.training.report import training_rows

    groups = training_rows(_accepted(store, executor))
    if not groups:
        raise BadInputError(
            f"{store.name} holds no training. To measure one: hfbench-submit run training "
            f"--with transformers==5.23.0"
        )
    return groups


def _print_training(groups: "list[TrainingGroup]", output: str) -> None:
    from hfbench_aggregate.training.printing import report_markdown, report_text

    if output == "markdown":
        click.echo("\n".join(map(report_markdown, groups)))
    else:
        print_texts(lambda width: [report_text(group, width) for group in groups])
