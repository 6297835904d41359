"""`hfbench-submit suites`: what can be measured, and what it would take."""

from collections.abc import Sequence
from itertools import groupby

import click
from rich.console import Console

from hfbench_schema.cells import Cell
from hfbench_schema.submission import INFERENCE_ROLES, TRAINING_ROLES
from hfbench_schema.suites import Suite, latest_suite, published_suites
from hfbench_submit.machine.facts import machine_facts
from hfbench_submit.planning.estimates import Estimate, estimate
from hfbench_submit.planning.slots import select_cells
from hfbench_submit.reporting.tables import FigureTable
from hfbench_submit.reporting.wording import duration, short_cell

MOST_LISTED = 60
"""More cells than this are shown a line each kind: they differ in shape, devices and task only."""
_GIB = 1024**3


@click.group()
def suites() -> None:
    """Show what suites there are, and what measuring them takes."""


@suites.command("list")
def list_suites() -> None:
    """List every published suite version."""
    for suite in published_suites():
        click.echo(
            f"{suite.name} {suite.version}: {len(suite.models)} models, {len(suite.cells)} cells, "
            f"{_repeats(suite)} each"
        )


def _repeats(suite: Suite) -> str:
    if suite.tasks:
        return f"{suite.process_runs} seeds"
    return f"{suite.process_runs} process runs of {suite.iterations} iterations"


@suites.command()
@click.argument("name")
@click.option(
    "--cells",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Only cells whose id matches; without it, those that this machine has devices for.",
)
def show(name: str, patterns: tuple[str, ...]) -> None:
    """Print the cells of suite NAME with the time and memory they will take on this machine."""
    suite, machine = latest_suite(name), machine_facts()
    cells = select_cells(suite, patterns, machine)
    cores = machine["usable_cores"]
    role = TRAINING_ROLES[0] if suite.tasks else INFERENCE_ROLES[0]
    estimates = {cell: estimate(suite, cell, cores, role) for cell in cells}
    console = Console(highlight=False, markup=False)
    console.print(_table(suite, cells, estimates))
    total = sum(found.seconds for found in estimates.values()) * suite.process_runs
    largest = max(found.memory_bytes for found in estimates.values()) / _GIB
    runs = "seeds" if suite.tasks else "process runs"
    click.echo(
        f"\n{len(cells)} cells, {suite.process_runs} {runs} each: about {duration(total)} "
        f"for each environment on {cores} cores; the largest needs {largest:.1f} GiB of the "
        f"{machine['memory_gib']} here.\nTimes are rough before anything has run. For a part of "
        f"it: --cells GLOB{'' if suite.tasks else '; for what fits into a time: run --budget 20m'}"
    )


def _table(suite: Suite, cells: Sequence[Cell], estimates: dict[Cell, Estimate]) -> FigureTable:
    rows = [_row(title, [estimates[cell] for cell in group]) for title, group in _groups(cells)]
    title = f"{suite.name} {suite.version}"
    return FigureTable(title, ("cell", "cells", "a process run", "memory in GiB", ""), rows)


def _row(title: str, found: Sequence[Estimate]) -> tuple[str, ...]:
    seconds = sorted(estimate.seconds for estimate in found)
    memory = sorted(estimate.memory_bytes / _GIB for estimate in found)
    times = _range([duration(second) for second in seconds])
    return (title, str(len(found)), times, _range([f"{gib:.1f}" for gib in memory]), "")


def _range(ordered: Sequence[str]) -> str:
    first, last = ordered[0], ordered[-1]
    return first if first == last else f"{first}-{last}"


def _groups(cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """Return each cell alone, or, where they are many, those of a kind together."""
    if len(cells) <= MOST_LISTED:
        return [(short_cell(cell.id), [cell]) for cell in cells]
    kinds = groupby(sorted(cells), key=_kind)
    return [(kind, list(group)) for kind, group in kinds]


def _kind(cell: Cell) -> str:
    how = f"{cell.framework}-{cell.mode}"
    return f"{cell.model}/{how}/{cell.device}/{cell.precision}/*"
