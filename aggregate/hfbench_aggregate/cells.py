"""The table of cells: every cell in every environment on every machine, with all process runs."""

import numpy as np

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Family, ReducedRun, run_flags
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics import Centre, centre
from hfbench_aggregate.statistics.constants import EQUIVALENCE_MARGIN
from hfbench_aggregate.tables import CellRow, ProcessRunRow
from hfbench_aggregate.wording import percent


def cell_rows(family: Family) -> list[CellRow]:
    """Return the rows of one family, from the oldest environment to the newest."""
    return [row for environment in family.environments for row in _rows(family, environment)]


def _rows(family: Family, environment: Environment) -> list[CellRow]:
    cells = family.cells(environment)
    estimate = centre(family.arm(environment, cells).x)
    return [_row(family, environment, cell, i, estimate) for i, cell in enumerate(cells)]


def _row(
    family: Family, environment: Environment, cell: str, place: int, estimate: Centre
) -> CellRow:
    runs = family.runs_of(environment, cell)
    middle, half_width = estimate.centre[place], estimate.half_width[place]
    return {
        "machine_key": family.machine_key,
        "suite": family.suite_title,
        "environment": environment.title,
        "cell": cell,
        "measured": int(estimate.process_runs[place]),
        "sittings": len({run.sitting for run in runs if run.middle_ns}),
        "centre_ms": _milliseconds(middle),
        "low_ms": _milliseconds(middle - half_width),
        "high_ms": _milliseconds(middle + half_width),
        "flags": [*run_flags(runs), *_flags(estimate, place)],
        "process_runs": [_run_row(run) for run in runs],
    }


def _milliseconds(log_seconds: float) -> float | None:
    with np.errstate(over="ignore"):  # an absurd interval has no end that could be published
        return published(np.exp(log_seconds) * 1000)


def _flags(estimate: Centre, place: int) -> list[str]:
    flags = []
    if estimate.unstable[place]:
        flags.append(f"unstable in {estimate.unstable[place]} of {estimate.process_runs[place]}")
    if estimate.noisy[place]:
        flags.append(f"noisy: the interval is wider than {percent(EQUIVALENCE_MARGIN)}")
    return flags


def _run_row(run: ReducedRun) -> ProcessRunRow:
    return {
        "submission": run.submission,
        "block": run.block,
        "attempt": run.attempt,
        "order": run.order,
        "status": run.status,
        "reason": run.reason,
        "iterations": run.iterations,
        "warmup_iterations": run.warmup_iterations,
        "median_ms": None if run.median_ms is None else published(run.median_ms),
    }
