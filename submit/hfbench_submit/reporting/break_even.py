"""After how many calls a compiled mode has earned back what compiling it cost.

    calls = (prepare + first call - steady call) / (eager's steady call - the mode's)

The numerator comes from process runs of the role `cold`, once with empty compile caches and once
with warm ones; the denominator from the role `latency`. Both arms are in one environment, and
differ in the mode alone.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from hfbench_schema.cells import parse_cell
from hfbench_schema.figures import cold_start
from hfbench_schema.submission import ProcessRun, timed_iterations

_Key = tuple[str, int]


@dataclass(frozen=True)
class BreakEven:
    """What a mode costs and saves in one environment, in ns.

    `caches` is what compiling found: `empty` or `warm`.
    """

    cell: str
    environment: int
    caches: str
    compiling_ns: float
    saved_ns: float

    @property
    def calls(self) -> int | None:
        """How many calls pay for compiling; None if no number does."""
        return math.ceil(self.compiling_ns / self.saved_ns) if self.saved_ns > 0 else None


def break_evens(runs: Sequence[ProcessRun]) -> list[BreakEven]:
    """Return every mode's break-even; one of which a part was not measured is left out."""
    latencies = _latencies(runs)
    found = []
    for (cell, environment, caches), compiling in sorted(_compiling(runs).items()):
        mode = latencies.get((cell, environment))
        eager = latencies.get((_eager(cell), environment))
        if cell != _eager(cell) and mode is not None and eager is not None:
            found.append(BreakEven(cell, environment, caches, compiling, eager - mode))
    return found


def _eager(cell: str) -> str:
    return replace(parse_cell(cell), mode="eager").id


def _latencies(runs: Sequence[ProcessRun]) -> dict[_Key, float]:
    """Return the median over process runs of each one's median call."""
    medians: dict[_Key, list[float]] = defaultdict(list)
    for run in runs:
        if timed := timed_iterations(run):
            medians[run["cell"], run["environment"]].append(median(timed))
    return {key: median(values) for key, values in medians.items()}


def _compiling(runs: Sequence[ProcessRun]) -> dict[tuple[str, int, str], float]:
    """Return the median over cold process runs of what compiling took."""
    costs: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for run in runs:
        if start := cold_start(run):
            costs[run["cell"], run["environment"], run["caches"]].append(start.compiling)
    return {key: median(values) for key, values in costs.items()}
