"""The command `hfbench-submit doctor`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hfbench_submit.doctor.check import Check
from hfbench_submit.doctor.doctor import NO_ENVIRONMENT, diagnose, fix_first
from hfbench_submit.environments.environments import DEFAULT_BASE, Environment, build_environments
from hfbench_submit.errors import SubmitError
from hfbench_submit.sitting.only_measurement import only_measurement_on_this_machine

FAILED = 1
_LONGEST = 300
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "dim"}


@click.command()
@click.option("--with", "layers", multiple=True, metavar="REQUIREMENTS", help="As `run` has it.")
@click.option("--env", "named", multiple=True, metavar="NAME", help="As `run` has it.")
@click.option("--base", default=DEFAULT_BASE, show_default=True, metavar="REQUIREMENTS")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hfbench-results"),
    show_default=True,
    help="Where results would go.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(
    layers: tuple[str, ...], named: tuple[str, ...], base: str, output: Path, as_json: bool
) -> None:
    """Check whether this machine and these environments can be measured by.

    Exit 1 if a check failed. What happens inside an environment is checked in those that are
    named by --with or --env.
    """
    environments, unbuilt = _environments(base, layers, named)
    with only_measurement_on_this_machine("the doctor's checks"):
        checks = unbuilt + diagnose(environments, output)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if any(check.verdict == "failed" for check in checks):
        raise SystemExit(FAILED)


def _environments(
    base: str, layers: Sequence[str], named: Sequence[str]
) -> tuple[list[Environment], list[Check]]:
    """Build the environments; that they cannot be built is a check that failed."""
    if not layers and not named:
        return [], [NO_ENVIRONMENT]
    console = Console(stderr=True, highlight=False)
    try:
        return build_environments(base, layers, console.print, named), []
    except SubmitError as error:
        mend = "correct --with, --env or --base, or mend what pip says"
        line = " ".join(str(error).split())  # its end names the cause, and where more stands
        line = line if len(line) <= _LONGEST else f"... {line[-_LONGEST:]}"
        return [], [Check("environment", "failed", line, mend)]


def _print(checks: Sequence[Check]) -> None:
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        console.print(_table(checks))
    else:
        for check in checks:
            mend = check.mend and f" -> {check.mend}"
            click.echo(f"{check.verdict:<7}  {check.name}: {check.detail}{mend}")
    click.echo(f"\n{fix_first(checks)}")


def _table(checks: Sequence[Check]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", overflow="fold", max_width=24)
    table.add_column("verdict", no_wrap=True)
    table.add_column("", overflow="fold")
    for check in checks:
        verdict = Text(check.verdict, style=_STYLES[check.verdict])
        table.add_row(check.name, verdict, check.detail + (check.mend and f"\n-> {check.mend}"))
    return table
