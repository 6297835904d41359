"""Which process runs make up a sitting, in which order, and when a cell is given up."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hfbench_schema.cells import Cell
from hfbench_schema.submission import MEASURED_STATUSES, Machine, ProcessRun
from hfbench_schema.suites import Suite
from hfbench_submit.errors import SubmitError


@dataclass(frozen=True)
class Slot:
    """The place of one process run in the plan; `environment` is an index."""

    cell: str
    environment: int
    block: int


def select_cells(suite: Suite, pattern: str | None, machine: Machine) -> list[Cell]:
    """Return the suite's cells that match a glob pattern, or all that this machine has devices for.

    Raises:
        SubmitError: no cell matches; the message lists the suite's cells.
    """
    if pattern is None:
        return [cell for cell in suite.cells if _has_device(machine, cell.device)]
    cells = [cell for cell in suite.cells if fnmatchcase(cell.id, pattern)]
    if not cells:
        known = "\n  ".join(suite.cell_ids)
        raise SubmitError(f"no cell of suite {suite.name} matches {pattern!r}; it has:\n  {known}")
    return cells


def _has_device(machine: Machine, device: str) -> bool:
    return device == "cpu" or (device == "cuda" and bool(machine["accelerators"]))


def plan_slots(cells: Sequence[str], environments: int, process_runs: int, seed: int) -> list[Slot]:
    """Return all slots in launch order.

    Each of the `process_runs` rounds visits the cells in a new random order. A visit is a block:
    one process run per environment, back to back, forwards in even rounds and backwards in odd
    ones (AB BA AB ...), so that drift hits all environments alike.
    """
    shuffled = random.Random(seed)  # noqa: S311 - an order to be reproduced, not a secret
    slots = []
    for block in range(process_runs):
        order = shuffled.sample(list(cells), len(cells))
        forwards = range(environments)
        indices = forwards if block % 2 == 0 else forwards[::-1]
        slots += [Slot(cell, environment, block) for cell in order for environment in indices]
    return slots


def remaining_slots(slots: Sequence[Slot], done: Sequence[ProcessRun]) -> list[Slot]:
    """Return the slots that are still to be run, in order.

    A cell is given up in an environment once it is unsupported there, or has failed twice in a
    row: the rest of its process runs would only repeat the failure.
    """
    finished = {Slot(run["cell"], run["environment"], run["block"]) for run in done}
    statuses: dict[tuple[str, int], list[str]] = {}
    for run in done:
        statuses.setdefault((run["cell"], run["environment"]), []).append(run["status"])
    given_up = {key for key, history in statuses.items() if _is_hopeless(history)}
    return [
        slot
        for slot in slots
        if slot not in finished and (slot.cell, slot.environment) not in given_up
    ]


def _is_hopeless(history: Sequence[str]) -> bool:
    last_two = history[-2:]
    failed_twice = len(last_two) == 2 and not set(last_two) & set(MEASURED_STATUSES)
    return history[-1] == "unsupported" or failed_twice
