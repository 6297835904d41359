"""What a time budget buys: first enough process runs of the cheapest cells, then precision.

A verdict needs three process runs in each environment, so a cell that cannot get them is better
left out. What time remains goes, block by block, to the cell whose interval shrinks most for it
(T. Kalibera, R. Jones: Rigorous benchmarking in reasonable time, ISMM 2013). The choice looks at
how wide an interval is, never at what it says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, variance

from hfbench_schema.submission import ProcessRun, role_of, timed_iterations, wanted_process_runs
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.slots import Task

PILOT = 3
"""Process runs that a verdict needs."""
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
    """Return the block that buys most for the time left; `tasks` come in random order."""
    blocks = {task: _blocks(task, done) for task in tasks}
    costs = {task: sum(map(durations.seconds, task.slots(0))) for task in tasks}
    pilots, left_out = _affordable(blocks, costs, seconds_left)
    if pilots:
        task = min(pilots, key=lambda task: blocks[task])
        return Choice(task, blocks[task], tuple(left_out))
    further = _further(blocks, costs, done, seconds_left)
    return Choice(further, blocks[further] if further else 0, tuple(left_out))


def _blocks(task: Task, done: Sequence[ProcessRun]) -> int:
    """Return how many blocks of a task have begun."""
    return 1 + max(
        (r["block"] for r in done if (r["cell"], role_of(r)) == (task.cell, task.role)),
        default=-1,
    )


def _affordable(
    blocks: dict[Task, int], costs: dict[Task, float], seconds_left: float
) -> tuple[list[Task], list[Task]]:
    """Part the tasks without enough process runs into those that will get them, and the rest."""
    lacking = {t: wanted_process_runs(t.role, PILOT) - count for t, count in blocks.items()}
    pilots: list[Task] = []
    left_out: list[Task] = []
    # What was begun is worth nothing until it is finished.
    for task in sorted(blocks, key=lambda task: (not blocks[task], lacking[task] * costs[task])):
        if lacking[task] > 0:
            seconds_left -= lacking[task] * costs[task]
            (pilots if seconds_left >= 0 else left_out).append(task)
    return pilots, left_out


def _further(
    blocks: dict[Task, int],
    costs: dict[Task, float],
    done: Sequence[ProcessRun],
    seconds_left: float,
) -> Task | None:
    """Return the task whose widest interval shrinks most for its time, None if none is worth it."""
    gains = {}
    for task, count in blocks.items():
        enough = count >= wanted_process_runs(task.role, MOST_BLOCKS)
        if count < PILOT or enough or costs[task] > seconds_left:
            continue
        now, then = _half_width(task, done, count), _half_width(task, done, count + 1)
        if now > TARGET:
            gains[task] = (now - then) / costs[task]
    return max(gains, key=lambda task: gains[task], default=None)


def _half_width(task: Task, done: Sequence[ProcessRun], process_runs: int) -> float:
    """Return two standard errors of the mean log median, in the noisiest environment."""
    spreads = [_sd(task, environment, done) for environment in task.environments]
    return 2 * max(spreads) / math.sqrt(process_runs)


def _sd(task: Task, environment: int, done: Sequence[ProcessRun]) -> float:
    timed = [
        timed_iterations(run)
        for run in done
        if (run["cell"], run["environment"]) == (task.cell, environment)
    ]
    logs = [math.log(median(iterations)) for iterations in timed if iterations]
    return math.sqrt(variance(logs)) if len(logs) >= PILOT else TYPICAL_SD
