"""`hfbench-submit`: run a suite, look at a submission, check it, propose it."""

import signal
import sys
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from hfbench_schema import __version__
from hfbench_schema.canonical import strict_json
from hfbench_schema.reports import Report
from hfbench_schema.submission import MEASURED_STATUSES, Submission
from hfbench_schema.suites import Suite, UnknownSuiteError, latest_suite
from hfbench_schema.validation import validate as validate_bytes
from hfbench_submit.document import check_plan, write_submission
from hfbench_submit.environments import build_environments
from hfbench_submit.errors import SubmitError
from hfbench_submit.journal import unfinished_journals
from hfbench_submit.machine_facts import machine_facts
from hfbench_submit.planning import select_cells
from hfbench_submit.progress import ConsoleProgress
from hfbench_submit.proposals import propose
from hfbench_submit.show import heading, reasons, submission_table
from hfbench_submit.sitting import SittingPlan, measure_sitting

FAILED = 1
USAGE = 2
INTERRUPTED = 130
_DOCUMENT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfbench-submit")
def commands() -> None:
    """Measure transformers on this machine, and propose the result."""


@commands.command()
@click.argument("suite")
@click.option(
    "--with",
    "layers",
    multiple=True,
    required=True,
    metavar="REQUIREMENTS",
    help="An environment to measure, as in transformers==5.23.0. Repeat it to compare versions; "
    "the same one twice measures this machine's own noise (A/A).",
)
@click.option(
    "--base",
    default="torch",
    show_default=True,
    metavar="REQUIREMENTS",
    help="What all environments share, installed once.",
)
@click.option("--cells", metavar="GLOB", help="Only cells whose id matches, as in 'smoke/gpt2/*'.")
@click.option("--process-runs", type=click.IntRange(1, 1000), help="Instead of the suite's number.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hfbench-results"),
    show_default=True,
    help="Where the journal and the submission go.",
)
def run(
    suite: str,
    layers: tuple[str, ...],
    base: str,
    cells: str | None,
    process_runs: int | None,
    output: Path,
) -> None:
    """Run SUITE in isolated workers, interleaved over the environments, and write a submission.

    Interrupt it whenever you like: the same command goes on where it stopped.
    """
    console = Console(stderr=True, highlight=False)
    plan = _plan(console, latest_suite(suite), layers, base, cells, process_runs)
    progress = ConsoleProgress(console, [environment.facts for environment in plan.environments])
    journal = measure_sitting(plan, output, progress)
    path = write_submission(plan, journal, output)
    _print_submission(path, validate_bytes(path.read_bytes(), name=path.name))
    click.echo(f"\nwrote {path}")
    if others := unfinished_journals(output):
        console.print(f"unfinished: {', '.join(map(str, others))}, of other commands")
    if not any(run["status"] in MEASURED_STATUSES for run in journal.process_runs):
        raise SubmitError("nothing was measured; the reasons stand above")


def _plan(
    console: Console,
    suite: Suite,
    layers: tuple[str, ...],
    base: str,
    cells: str | None,
    process_runs: int | None,
) -> SittingPlan:
    """Make sure that everything asked for can be measured, environments last: they take longest."""
    machine = machine_facts()
    selected = select_cells(suite, cells, machine)
    if cells is None and (left_out := len(suite.cells) - len(selected)):
        console.print(f"{left_out} cells left out: this machine has no device for them")
    environments = build_environments(base, layers, console.print)
    plan = SittingPlan(suite, selected, environments, process_runs or suite.process_runs, machine)
    check_plan(plan)
    return plan


@commands.command()
@click.argument("documents", nargs=-1, required=True, type=_DOCUMENT)
def show(documents: tuple[Path, ...]) -> None:
    """Print submissions as tables."""
    for path in documents:
        report = validate_bytes(path.read_bytes(), name=path.name)
        if not report.accepted:
            _print_findings(path, report)
            raise SystemExit(FAILED)
        _print_submission(path, report)


@commands.command()
@click.argument("documents", nargs=-1, required=True, type=_DOCUMENT)
def validate(documents: tuple[Path, ...]) -> None:
    """Check submissions as the intake will. Exit 1 if one would be refused."""
    reports = {path: validate_bytes(path.read_bytes(), name=path.name) for path in documents}
    for path, report in reports.items():
        _print_findings(path, report)
    if not all(report.accepted for report in reports.values()):
        raise SystemExit(FAILED)


@commands.command()
@click.argument("documents", nargs=-1, required=True, type=_DOCUMENT)
@click.option("--store", required=True, type=click.Path(file_okay=False, path_type=Path))
def upload(documents: tuple[Path, ...], store: Path) -> None:
    """Propose submissions to a store; its next intake decides."""
    for path in documents:
        click.echo(f"proposed {propose(path, store)}")


def _print_submission(path: Path, report: Report) -> None:
    submission: Submission = strict_json(path.read_bytes())
    click.echo(heading(submission, report.sha256) + "\n")
    console = Console(highlight=False, markup=False)
    console.print(submission_table(submission))
    for reason in reasons(submission):
        click.echo(f"  {reason}")
    for found in report.findings:
        click.echo(f"  {found}")


def _print_findings(path: Path, report: Report) -> None:
    click.echo(f"{path}: {'accepted' if report.accepted else 'refused'}")
    for found in report.findings:
        click.echo(f"  {found}")


def _interrupt(signum: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(signum).name)


def main() -> None:
    """Run the command line; every expected error becomes one message and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        commands.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted; the same command goes on from here", err=True)
        sys.exit(INTERRUPTED)
    except UnknownSuiteError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(USAGE)
    except (SubmitError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
