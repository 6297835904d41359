"""What to measure next: process runs and time that a change of a given size takes on a machine."""

import math
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from statistics import median
from typing import Final, TypedDict

import numpy as np

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Family
from hfbench_aggregate.rounding import published
from hfbench_aggregate.selection import SelectionError
from hfbench_aggregate.statistics.constants import LEAST_FAMILY_CELLS, LEAST_PROCESS_RUNS
from hfbench_aggregate.statistics.moments import FloatArray, padded
from hfbench_aggregate.statistics.planning import (
    ProcessNoise,
    first_within,
    least_effects,
    process_noise,
)
from hfbench_aggregate.statistics.sitting import SittingSource, replicate_sitting_sd
from hfbench_schema.power import Design, detectable
from hfbench_schema.submission import MEASURED_STATUSES
from hfbench_schema.suites import find_suite

QUOTED: Final = (5, 10)
"""Process runs whose least change is quoted: the default, and what a version verdict is for."""
MOST_RUNS: Final = 500
MOST_SITTINGS: Final = 10
MOST_RUNS_A_SITTING: Final = 50
SITTING_COST: Final = 10
"""What coming back for a further sitting costs, in process runs. A judgement."""
ENDLESS_DF: Final = 10_000.0
"""So many degrees of freedom that more would change nothing."""
_VERSIONS: Final = 2
_INTERLEAVED: Final = [Design(runs) for runs in range(LEAST_PROCESS_RUNS, MOST_RUNS + 1)]
_SEPARATE: Final = sorted(
    (
        Design(sittings * runs, sittings)
        for sittings in range(1, MOST_SITTINGS + 1)
        for runs in range(LEAST_PROCESS_RUNS, MOST_RUNS_A_SITTING + 1)
    ),
    key=lambda design: (design.process_runs + SITTING_COST * design.sittings, design.sittings),
)
"""The cheapest first; with three process runs a sitting or more, which tell sittings from runs."""


class PlannedDesign(TypedDict):
    """Process runs of each version, over all of its sittings, and what both take in seconds."""

    sittings: int
    process_runs: int
    seconds: float | None


class PlannedCell(TypedDict):
    """One cell of a plan; None is what is not known, or cannot be.

    `process_sd` is the sd of log times between process runs, moderated, behind which the cell
    itself has `process_runs` in `sittings`. `detectable` are changes by process runs of each
    version, interleaved.
    """

    cell: str
    process_runs: int
    sittings: int
    process_sd: float | None
    process_run_seconds: float | None
    detectable: dict[str, float | None]
    interleaved: PlannedDesign | None
    separate: PlannedDesign | None
    remark: str


class Plan(TypedDict):
    """What a change takes in the cells of one suite on one machine.

    `sitting_alone` is the change that the sitting term alone hides in one sitting of each version,
    `sitting_most` what it hides in MOST_SITTINGS. `unmeasured` are cells of the suite that nothing
    is known of here.
    """

    machine_key: str
    machine: str
    suite: str
    change: float
    sittings: int
    environments: int
    prior_df: float
    sitting_sd: float
    sitting_source: str
    sitting_alone: float
    sitting_most: float
    cells: list[PlannedCell]
    unmeasured: int


def selected_families(families: Sequence[Family], machine: str, suite: str) -> list[Family]:
    """Return the families with latencies of a machine key, or its start, and a suite.

    Args:
        families: all of a store.
        machine: the start of the machine key, or of an alias of it; empty for all.
        suite: as in `smoke` or `smoke-1`; empty for all.

    Raises:
        SelectionError: there is none; the text says what there is.
    """
    measured = [family for family in families if family.runs]
    found = [
        family
        for family in measured
        if any(key.startswith(machine) for key in family.machine_keys)
        and suite in ("", family.suite, f"{family.suite}-{family.suite_version}")
    ]
    if not found:
        there = "\n".join(
            f"  {f.machine_key}  {f.suite_title}  {f.machine_title}" for f in measured
        )
        raise SelectionError(
            f"nothing to plan from: no latency of {suite or 'any suite'} was measured on "
            f"{machine or 'any machine'}; there are:\n{there or '  none'}"
        )
    return found


def plan_family(family: Family, change: float, patterns: Sequence[str]) -> Plan | None:
    """Plan the cells of a family whose ids match one of the patterns, or all without any.

    Returns None if no cell matches.
    """
    every = family.cells(*family.environments)
    cells = [cell for cell in every if not patterns or any(fnmatchcase(cell, p) for p in patterns)]
    if not cells:
        return None
    noise, sitting = _noise(family, every), _between_sittings(family, every)
    places = {cell: place for place, cell in enumerate(every)}
    chosen = [places[cell] for cell in cells]
    # A family of so few cells will have no prior when it is compared.
    prior_df = noise.prior_df if len(cells) >= LEAST_FAMILY_CELLS else 0.0
    rows = _rows(family, cells, noise, chosen)
    _add_designs(rows, noise.sd[chosen], math.log1p(change), sitting[0], prior_df)
    plan = _framed(family, change, rows, sitting)
    plan["prior_df"] = published(prior_df) or 0.0
    plan["unmeasured"] = _unmeasured(family, patterns, every)
    return plan


def _framed(
    family: Family, change: float, rows: list[PlannedCell], sitting: tuple[float, SittingSource]
) -> Plan:
    """Return a plan with what is the same for all of its cells."""
    sd, source = sitting
    return {
        "machine_key": family.machine_key,
        "machine": family.machine_title,
        "suite": family.suite_title,
        "change": change,
        "sittings": len(family.submissions),
        "environments": len(family.environments),
        "prior_df": 0.0,
        "sitting_sd": published(sd) or 0.0,
        "sitting_source": "estimated" if source is SittingSource.ESTIMATED else "assumed",
        "sitting_alone": _sitting_alone(sd, 1),
        "sitting_most": _sitting_alone(sd, MOST_SITTINGS),
        "cells": rows,
        "unmeasured": 0,
    }


def _between_sittings(family: Family, cells: list[str]) -> tuple[float, SittingSource]:
    arms = [family.arm(environment, cells) for environment in family.environments]
    return replicate_sitting_sd([(arm.x, arm.sittings) for arm in arms])


def _noise(family: Family, cells: Sequence[str]) -> ProcessNoise:
    """Group process runs by cell, environment and sitting, and pool the spread within groups."""
    groups: defaultdict[tuple[int, Environment, int], list[float]] = defaultdict(list)
    for place, cell in enumerate(cells):
        for environment in family.environments:
            for run in family.runs_of(environment, cell):
                if run.middle_ns:
                    groups[place, environment, run.sitting].append(run.x)
    return process_noise(padded(list(groups.values())), [key[0] for key in groups], len(cells))


def _rows(
    family: Family, cells: Sequence[str], noise: ProcessNoise, places: Sequence[int]
) -> list[PlannedCell]:
    """Return what is known of cells, with the designs left open."""
    seconds = _wall_seconds(family)
    return [
        _row(family, cell, noise, place, seconds.get(cell))
        for cell, place in zip(cells, places, strict=True)
    ]


def _row(
    family: Family, cell: str, noise: ProcessNoise, place: int, seconds: float | None
) -> PlannedCell:
    runs = [run for e in family.environments for run in family.runs_of(e, cell) if run.middle_ns]
    return {
        "cell": cell,
        "process_runs": len(runs),
        "sittings": len({run.sitting for run in runs}),
        "process_sd": published(noise.sd[place]),
        "process_run_seconds": seconds,
        "detectable": {},
        "interleaved": None,
        "separate": None,
        "remark": _remark(len(runs), noise.sd[place], noise.df[place]),
    }


def _remark(process_runs: int, sd: float, df: float) -> str:
    if not process_runs:
        return "nothing was measured: its spread is unknown"
    if math.isnan(sd):
        return "all process runs took the same time" if df else "its spread is unknown"
    return "" if df else "its spread is taken from the other cells"


def _wall_seconds(family: Family) -> dict[str, float | None]:
    """Return what a process run of each cell took here, in the middle, from launch to end."""
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for (_, cell), runs in family.runs.items():
        taken[cell] += [run.wall_ns / 1e9 for run in runs if run.status in MEASURED_STATUSES]
    return {cell: published(median(times)) for cell, times in taken.items() if times}


def _add_designs(
    rows: Sequence[PlannedCell], sd: FloatArray, effect: float, sitting_sd: float, prior_df: float
) -> None:
    """Fill in which change shows, and what the wanted one takes."""
    quoted = np.expm1(least_effects([Design(n) for n in QUOTED], sd, sitting_sd, prior_df))
    together = first_within(least_effects(_INTERLEAVED, sd, sitting_sd, prior_df), effect)
    apart = first_within(least_effects(_SEPARATE, sd, sitting_sd, prior_df), effect)
    for place, row in enumerate(rows):
        row["detectable"] = {
            str(n): published(change) for n, change in zip(QUOTED, quoted[:, place], strict=True)
        }
        row["interleaved"] = _planned(_INTERLEAVED, together[place], row)
        row["separate"] = _planned(_SEPARATE, apart[place], row)


def _planned(designs: Sequence[Design], found: int, row: PlannedCell) -> PlannedDesign | None:
    if found < 0:
        return None
    design, each = designs[found], row["process_run_seconds"]
    seconds = None if each is None else published(_VERSIONS * design.process_runs * each)
    sittings = design.sittings or 1
    return {"sittings": sittings, "process_runs": design.process_runs, "seconds": seconds}


def _sitting_alone(sitting_sd: float, sittings: int) -> float:
    """Return the change that no number of process runs makes detectable in so many sittings each.

    (z_{1 - ALPHA / 2} + z_{POWER}) sigma_s sqrt(2 / R), as a relative change.
    """
    hidden = detectable(sitting_sd * math.sqrt(2 / sittings), ENDLESS_DF)
    return published(math.expm1(hidden)) or 0.0


def _unmeasured(family: Family, patterns: Sequence[str], measured: Sequence[str]) -> int:
    """Count the suite's cells that are asked for and that nothing is known of here."""
    suite = find_suite(family.suite, family.suite_version)
    asked = suite.cell_ids if suite else ()
    left = set(asked) - set(measured)
    return sum(not patterns or any(fnmatchcase(cell, p) for p in patterns) for cell in left)
