"""What comes next where process runs are chosen as the sitting goes: by time, precision, or both.

A verdict needs three process runs in each environment, so a cell that cannot get them is better
left out. What time remains goes, block by block, to the cell whose interval shrinks most for it
(T. Kalibera, R. Jones: Rigorous benchmarking in reasonable time, ISMM 2013), or, with a change to
be detected, to the cell that lacks most for it. The choice looks at how wide an interval is, never
at what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hfbench_schema.submission import ProcessRun, wanted_process_runs
from hfbench_submit.planning.detection import Detection
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.seen import MOST_BLOCKS, PILOT, Seen
from hfbench_submit.planning.slots import Task

TARGET = 0.01
"""Half the width of an interval that needs no more process runs."""


@dataclass(frozen=True)
class Choice:
    """What to measure next, if anything, and what there is no time for.

    `foreseen` says how many blocks each of the other tasks will have had, as far as is known now.
    """

    task: Task | None
    block: int
    left_out: tuple[Task, ...]
    foreseen: dict[Task, int]


def next_block(
    tasks: Sequence[Task],
    done: Sequence[ProcessRun],
    seconds_left: float,
    durations: Durations,
    detection: Detection | None = None,
) -> Choice:
    """Return the block that buys most for the time left.

    Args:
        tasks: in random order, each with the environments in which it is not given up.
        done: all process runs so far.
        seconds_left: what is left of the budget, infinite without one.
        durations: what a slot takes.
        detection: the change that each cell is to show, if that is what process runs are for.
    """
    seen = Seen(done)
    costs = {task: sum(map(durations.seconds, task.slots(0))) for task in tasks}
    verdicts = {task: lacking for task in tasks if (lacking := seen.lacking(task))}
    pilots, left_out = _affordable(verdicts, seen, costs, seconds_left)
    outside = set(left_out)
    kept = [task for task in tasks if task not in outside]
    foreseen = {task: wanted_process_runs(task.role, PILOT) for task in kept}
    if detection is None:
        further = _further(tasks, seen, costs, seconds_left)
    else:
        blocks = {task: detection.lacking(task, seen) for task in kept}
        further = _towards(blocks, seen, costs, seconds_left)
        foreseen |= _foreseen(blocks, seen)
    task = min(pilots, key=seen.blocks) if pilots else further
    return Choice(task, seen.blocks(task) if task else 0, tuple(left_out), foreseen)


def _affordable(
    lacking: dict[Task, int], seen: Seen, costs: dict[Task, float], seconds_left: float
) -> tuple[list[Task], list[Task]]:
    """Part the tasks that lack so many blocks into those that will get them, and the rest."""
    needs = {task: blocks * costs[task] for task, blocks in lacking.items()}
    affordable: list[Task] = []
    left_out: list[Task] = []
    # What was begun is worth nothing until it is finished.
    for task in sorted(needs, key=lambda task: (not seen.blocks(task), needs[task])):
        fits = needs[task] <= seconds_left
        (affordable if fits else left_out).append(task)
        seconds_left -= needs[task] if fits else 0
    return affordable, left_out


def _further(
    tasks: Sequence[Task], seen: Seen, costs: dict[Task, float], seconds_left: float
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


def _towards(
    lacking: dict[Task, int], seen: Seen, costs: dict[Task, float], seconds_left: float
) -> Task | None:
    """Return the task that lacks most of those that can get all they lack.

    Where none can, it is the one that lacks least: it comes nearest.
    """
    within = {
        task: blocks
        for task, blocks in lacking.items()
        if blocks and seen.blocks(task) + blocks <= MOST_BLOCKS
    }
    reachable, _ = _affordable(within, seen, costs, seconds_left)
    if reachable:
        return max(reachable, key=lambda task: lacking[task])
    others = [task for task, blocks in lacking.items() if blocks and costs[task] <= seconds_left]
    return min(others, key=lambda task: lacking[task], default=None)


def _foreseen(lacking: dict[Task, int], seen: Seen) -> dict[Task, int]:
    blocks = {task: seen.blocks(task) + more for task, more in lacking.items() if more}
    return {task: min(count, MOST_BLOCKS) for task, count in blocks.items()}
