"""When a mode pays: after how many calls compiling has saved the time that it took.

Calls = (preparation + first call - steady call) / (eager call - mode's call), from medians over
process runs of the same network, shape, precision and environment: what stands above from role
cold, what stands below from role latency. The interval is Fieller's, at the least degrees of
freedom of the three; a saving that cannot be told from none gives one without an upper end.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Family, failure_flags, watch_flags
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.payoff import Payoff, payoff
from hfbench_aggregate.tables import BreakEvenRow
from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.contamination import was_watched
from hfbench_schema.figures import cold_start
from hfbench_schema.submission import MEASURED_STATUSES, ProcessRun

_CACHES = ("empty", "warm")


def break_even_rows(family: Family) -> list[BreakEvenRow]:
    """Return a row for each cell with a mode to pay for, and each state of its caches."""
    rows: list[BreakEvenRow] = []
    for environment, name, runs in family.of_role("cold"):
        cell = parse_cell(name)
        if cell.mode == "eager":
            continue
        for caches in _CACHES:
            cold = [run for run in runs if run.get("caches") == caches]
            rows += _rows(family, environment, cell, caches, cold)
    return rows


def _rows(
    family: Family, environment: Environment, cell: Cell, caches: str, cold: list[ProcessRun]
) -> Iterator[BreakEvenRow]:
    """Yield the row if all three are measured."""
    starts = [(run, start) for run in cold if (start := cold_start(run))]
    costs = [start.compiling / 1e6 for _, start in starts]
    eager = _calls_ms(family, environment, replace(cell, mode="eager").id)
    steady = _calls_ms(family, environment, cell.id)
    if not (costs and eager and steady):
        return
    calls, low, high = published_payoff(payoff(costs, eager, steady))
    failed = [(r["status"], r.get("reason")) for r in cold if r["status"] not in MEASURED_STATUSES]
    yield {
        "machine_key": family.machine_key,
        "suite": family.suite_title,
        "environment": environment.title,
        "cell": cell.id,
        "caches": caches,
        "compile_ms": published(median(costs)) or 0.0,
        "eager_ms": published(median(eager)) or 0.0,
        "mode_ms": published(median(steady)) or 0.0,
        "calls": calls,
        "low": low,
        "high": high,
        "wording": wording(calls, low, high),
        "process_runs": [len(costs), len(eager), len(steady)],
        "flags": [*watch_flags([was_watched(run) for run, _ in starts]), *failure_flags(failed)],
    }


def _calls_ms(family: Family, environment: Environment, cell: str) -> list[float]:
    """Return the steady call of each measured process run, in ms."""
    runs = family.runs_of(environment, cell)
    return [run.median_ms for run in runs if run.median_ms is not None]


def published_payoff(found: Payoff) -> tuple[float | None, float | None, float | None]:
    """Return repetitions, low and high as tables have them."""
    low, high = map(published, found.interval) if found.interval else (None, None)
    return None if found.repetitions is None else published(found.repetitions), low, high


def wording(calls: float | None, low: float | None, high: float | None, noun: str = "call") -> str:
    """Say when a mode pays: `pays after 1,235 calls (900 to 2,000)`, `never: it saves nothing`.

    `noun` is what has to be repeated.
    """
    if calls is None:
        doubt = "" if low is None else f", as measured; if it does, after {whole(low)} or more"
        return f"never: it saves nothing{doubt}"
    text = f"pays after {whole(calls)} {noun}{'' if whole(calls) == '1' else 's'}"
    if low is None:
        return text
    end = "or more, perhaps never" if high is None else f"to {whole(high)}"
    return f"{text} ({whole(low)} {end})"


def whole(calls: float) -> str:
    """Write repetitions as whole ones, rounded up: `1,235`."""
    return f"{math.ceil(calls):,}"
