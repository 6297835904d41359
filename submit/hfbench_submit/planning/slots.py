"""Which process runs make up a sitting, and in which order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hfbench_schema.cells import Cell
from hfbench_schema.submission import Machine, ProcessRun, role_of, wanted_process_runs
from hfbench_schema.suites import Suite
from hfbench_submit.errors import SubmitError
from hfbench_submit.planning.devices import has_devices

CACHING_MODES = ("torch-compile", "tensorflow-xla")
"""Modes whose compilers keep what they made on the disk."""
_MOST_LISTED = 20


@dataclass(frozen=True)
class Slot:
    """The place of one process run in the plan.

    `environment` is an index; `caches` is `empty` or `warm` in the role `cold`, `empty` in the role
    `training`, else None; `attempt` is 1 if the first one was contaminated.
    """

    cell: str
    environment: int
    block: int
    role: str = "latency"
    caches: str | None = None
    attempt: int = 0


@dataclass(frozen=True)
class Task:
    """What one block measures: a cell, for a role, in environments given by index."""

    cell: str
    role: str
    environments: tuple[int, ...]

    @property
    def caches(self) -> tuple[str | None, ...]:
        """The states of the compile caches to measure from, where the mode keeps any.

        A training takes as long as it takes whoever trains for the first time.
        """
        if self.role == "training":
            return ("empty",)
        if self.role != "cold":
            return (None,)
        cached = any(f"/{mode}/" in self.cell for mode in CACHING_MODES)
        return ("empty", "warm") if cached else ("empty",)

    def slots(self, block: int) -> Iterator[Slot]:
        """Yield a block: environments forwards in even blocks and backwards in odd ones."""
        order = self.environments if block % 2 == 0 else self.environments[::-1]
        for environment in order:
            for caches in self.caches:
                yield Slot(self.cell, environment, block, self.role, caches)


def slot_of(run: ProcessRun) -> Slot:
    """Return the place that a process run had in the plan."""
    return Slot(
        run["cell"],
        run["environment"],
        run["block"],
        role_of(run),
        run.get("caches"),
        run.get("attempt", 0),
    )


def select_cells(
    suite: Suite, patterns: Sequence[str], machine: Machine, nodes: int = 1
) -> list[Cell]:
    """Return the suite's cells that match a glob pattern, or all that there are devices for.

    Args:
        suite: holds the cells.
        patterns: none selects by devices.
        machine: what `nodes` machines are like.
        nodes: how many machines train together.

    Raises:
        SubmitError: a pattern matches no cell; the message shows what cells look like.
    """
    if not patterns:
        return [cell for cell in suite.cells if has_devices(machine, cell, nodes)]
    for pattern in patterns:
        if not any(fnmatchcase(cell, pattern) for cell in suite.cell_ids):
            raise SubmitError(_no_match(suite, pattern))
    return [c for c in suite.cells if any(fnmatchcase(c.id, pattern) for pattern in patterns)]


def _no_match(suite: Suite, pattern: str) -> str:
    shown = "\n  ".join(suite.cell_ids[:_MOST_LISTED])
    more = len(suite.cells) - _MOST_LISTED
    rest = f"\n  and {more} more: hfbench-submit suites show {suite.name}" if more > 0 else ""
    return f"no cell of suite {suite.name} matches {pattern!r}; it has:\n  {shown}{rest}"


def plan_slots(tasks: Sequence[Task], process_runs: int, seed: int) -> list[Slot]:
    """Return all slots in launch order.

    Each of the `process_runs` rounds visits the tasks in a new random order. A visit is a block:
    one process run per environment, back to back (AB BA AB ...), so that drift hits all
    environments alike. Roles that need fewer process runs drop out of the later rounds.
    """
    shuffled = random.Random(seed)  # noqa: S311 - an order to be reproduced, not a secret
    slots: list[Slot] = []
    for block in range(process_runs):
        for task in shuffled.sample(list(tasks), len(tasks)):
            if block < wanted_process_runs(task.role, process_runs):
                slots += task.slots(block)
    return slots
