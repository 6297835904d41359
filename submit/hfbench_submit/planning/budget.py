"""What a time budget buys: first enough process runs of the cheapest cells, then precision.

A verdict needs three process runs in each environment, so a cell that cannot get them is better
left out. What time remains goes, block by block, to the cell whose interval shrinks most for it
(T. Kalibera, R. Jones: Rigorous benchmarking in reasonable time, ISMM 2013). The choice looks at
how wide an interval is, never at what it says.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, variance

from hfbench_schema.submission import (
    MEASURED_STATUSES,
    ProcessRun,
    role_of,
    timed_iterations,
    wanted_process_runs,
)
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.slots import Task

PILOT = 3
"""Process runs that a verdict needs."""
MOST_PILOTS = 6
"""Blocks after which a cell without enough measured process runs waits for the others."""
MOST_BLOCKS = 50
TARGET = 0.01
"""Half the width of an interval that needs no more process runs."""
TYPICAL_SD = 0.03
"""Spread between process runs that is assumed until three have been seen."""


@dataclass(frozen=True)
class Choice:
    """What to measure next, if anything, and what the budget leaves out."""

    task: Task | None
    block: int
    left_out: tuple[Task, ...]


def next_block(
    tasks: Sequence[Task], done: Sequence[ProcessRun], seconds_left: float, durations: Durations
) -> Choice:
    """Return the block that buys most for the time left.

    Args:
        tasks: in random order, each with the environments in which it is not given up.
        done: all process runs so far.
        seconds_left: what is left of the budget.
        durations: what a slot takes.
    """
    seen = _Seen(done)
    costs = {task: sum(map(durations.seconds, task.slots(0))) for task in tasks}
    pilots, left_out = _affordable(tasks, seen, costs, seconds_left)
    if pilots:
        task = min(pilots, key=seen.blocks)
        return Choice(task, seen.blocks(task), tuple(left_out))
    further = _further(tasks, seen, costs, seconds_left)
    return Choice(further, seen.blocks(further) if further else 0, tuple(left_out))


class _Seen:
    """What the process runs so far say of each task."""

    def __init__(self, done: Sequence[ProcessRun]) -> None:
        self._blocks: dict[tuple[str, str], int] = {}
        self._measured: Counter[tuple[str, str, int]] = Counter()
        self._logs: dict[tuple[str, int], list[float]] = defaultdict(list)
        for run in done:
            cell, role, environment = run["cell"], role_of(run), run["environment"]
            self._blocks[cell, role] = max(self._blocks.get((cell, role), 0), run["block"] + 1)
            self._measured[cell, role, environment] += run["status"] in MEASURED_STATUSES
            if timed := timed_iterations(run):
                self._logs[cell, environment].append(math.log(median(timed)))

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

    def half_width(self, task: Task, process_runs: int) -> float:
        """Return two standard errors of the mean log median, in the noisiest environment."""
        sds = [_sd(self._logs[task.cell, environment]) for environment in task.environments]
        return 2 * max(sds) / math.sqrt(process_runs)


def _sd(logs: Sequence[float]) -> float:
    return math.sqrt(variance(logs)) if len(logs) >= PILOT else TYPICAL_SD


def _affordable(
    tasks: Sequence[Task], seen: _Seen, costs: dict[Task, float], seconds_left: float
) -> tuple[list[Task], list[Task]]:
    """Part the tasks without enough process runs into those that will get them, and the rest."""
    needs = {task: lacking * costs[task] for task in tasks if (lacking := seen.lacking(task))}
    pilots: list[Task] = []
    left_out: list[Task] = []
    # What was begun is worth nothing until it is finished.
    for task in sorted(needs, key=lambda task: (not seen.blocks(task), needs[task])):
        fits = needs[task] <= seconds_left
        (pilots if fits else left_out).append(task)
        seconds_left -= needs[task] if fits else 0
    return pilots, left_out


def _further(
    tasks: Sequence[Task], seen: _Seen, costs: dict[Task, float], seconds_left: float
) -> Task | None:
    """Return the task whose widest interval shrinks most for its time, None if none is worth it."""
    gains = {}
    for task in tasks:
        count = seen.blocks(task)
        enough = count >= wanted_process_runs(task.role, MOST_BLOCKS)
        if count < PILOT or enough or costs[task] > seconds_left:
            continue
        now, then = seen.half_width(task, count), seen.half_width(task, count + 1)
        if now > TARGET:
            gains[task] = (now - then) / costs[task]
    return max(gains, key=lambda task: gains[task], default=None)
