"""What the process runs so far say of each cell: how far it is, and how much it scatters."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median, variance

from hfbench_schema.power import LEAST_PROCESS_RUNS
from hfbench_schema.submission import (
    MEASURED_STATUSES,
    ProcessRun,
    role_of,
    timed_iterations,
    wanted_process_runs,
)
from hfbench_submit.planning.slots import Task

PILOT = LEAST_PROCESS_RUNS
"""Process runs that a verdict needs."""
MOST_PILOTS = 6
"""Blocks after which a cell without enough measured process runs waits for the others."""
MOST_BLOCKS = 50
TYPICAL_SD = 0.03
"""Spread between process runs that is assumed until three have been seen."""


class Seen:
    """What the process runs so far say of each task."""

    def __init__(self, done: Sequence[ProcessRun]) -> None:
        self._blocks: dict[tuple[str, str], int] = {}
        self._measured: Counter[tuple[str, str, int]] = Counter()
        self._logs: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        self._timed: dict[tuple[str, int], set[int]] = defaultdict(set)
        for run in done:
            cell, role, environment = run["cell"], role_of(run), run["environment"]
            self._blocks[cell, role] = max(self._blocks.get((cell, role), 0), run["block"] + 1)
            self._measured[cell, role, environment] += run["status"] in MEASURED_STATUSES
            if role == "latency":
                self._timed[cell, environment].add(run["block"])
            if timed := timed_iterations(run):
                self._logs[cell, environment][run["block"]] = math.log(median(timed))

    def blocks(self, task: Task) -> int:
        """Return how many blocks of a task have begun."""
        return self._blocks.get((task.cell, task.role), 0)

    def lacking(self, task: Task) -> int:
        """Return how many blocks a task lacks for a verdict, 0 also if it seems to get none."""
        wanted = wanted_process_runs(task.role, PILOT)
        if self.blocks(task) >= MOST_PILOTS:
            return 0
        per_run = len(task.caches)
        measured = min(self._measured[task.cell, task.role, e] for e in task.environments)
        return max(0, wanted - measured // per_run)

    def logs(self, cell: str, environment: int, blocks: int = MOST_BLOCKS) -> list[float]:
        """Return the log of each process run's median latency, of the first `blocks` blocks."""
        found = self._logs.get((cell, environment), {})
        return [log for block, log in found.items() if block < blocks]

    def lost(self, cell: str, environment: int) -> int:
        """Return in how many blocks the latency was tried and is not known."""
        key = cell, environment
        return len(self._timed.get(key, ())) - len(self._logs.get(key, ()))

    def half_width(self, task: Task, process_runs: int) -> float:
        """Return two standard errors of the mean log median, in the noisiest environment."""
        sds = [_sd(self.logs(task.cell, environment)) for environment in task.environments]
        return 2 * max(sds) / math.sqrt(process_runs)


def _sd(logs: Sequence[float]) -> float:
    return math.sqrt(variance(logs)) if len(logs) >= PILOT else TYPICAL_SD
