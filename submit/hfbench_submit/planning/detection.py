"""Which process runs a change takes: `--detect 3%` measures until each cell would show it.

Process runs are added block by block, and how far a cell scatters decides when they are enough,
never the difference between its environments. Yet whoever stops at a moment when the spread looks
small takes it for smaller than it is: with one look a block, an A/A comparison is called different
in up to 8 % of cases instead of 5. So the spread is judged without the last CONFIRMING blocks,
which nobody has looked at when the decision falls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from hfbench_schema.power import Design, detectable, process_runs_needed
from hfbench_submit.planning.seen import MOST_BLOCKS, MOST_PILOTS, PILOT, Seen
from hfbench_submit.planning.slots import Task

CONFIRMING = 2
"""Blocks behind the ones that decide: with 2, at most 6.2 % of A/A comparisons are called different
(10,000 simulated sittings at each of six spreads), with 1 still 6.6 %, with none 7.7 %."""
LEAST_BLOCKS = PILOT + CONFIRMING
"""What even the quietest cell gets."""
LEAST_DEGREES = 2 * (PILOT - 1)
"""Degrees of freedom from which a spread foresees anything: what a pilot gives two environments."""
PAST_DEGREES = 10
"""What earlier sittings are worth beside this one, in degrees of freedom: machines do change."""


@dataclass(frozen=True)
class Spread:
    """A variance between process runs, as sum of squares and degrees of freedom."""

    squares: float = 0.0
    degrees: int = 0

    def __add__(self, other: "Spread") -> "Spread":
        """Return what both say together."""
        return Spread(self.squares + other.squares, self.degrees + other.degrees)

    @property
    def sd(self) -> float | None:
        """The standard deviation, None without degrees of freedom."""
        return math.sqrt(self.squares / self.degrees) if self.degrees else None

    def at_most(self, degrees: int) -> "Spread":
        """Return the same variance with so many degrees of freedom at most."""
        if self.degrees <= degrees:
            return self
        return Spread(self.squares * degrees / self.degrees, degrees)


def spread_of(groups: Sequence[Sequence[float]]) -> Spread:
    """Return the spread within groups."""
    used = [(group, fmean(group)) for group in groups if len(group) > 1]
    squares = sum((value - mean) ** 2 for group, mean in used for value in group)
    return Spread(squares, sum(len(group) - 1 for group, _ in used))


@dataclass(frozen=True)
class Detection:
    """What is to be shown: a relative change of latency between the first `compared` environments.

    `past` is what earlier sittings on this machine say of each cell: it foresees, and never
    decides that process runs are enough.
    """

    change: float
    compared: int
    past: Mapping[str, Spread] = field(default_factory=dict)

    def lacking(self, task: Task, seen: Seen) -> int:
        """Return how many blocks more a task should get, as far as can be foreseen.

        0 if it shows the change, or if more blocks would not tell that either. It may be more than
        MOST_BLOCKS leave.
        """
        begun, pairs = seen.blocks(task), self._pairs(task)
        if not pairs or begun >= MOST_BLOCKS or self._is_shown(task, seen):
            return 0
        # Of a block amid which this is asked, the rest counts as done.
        measured = begun - max(seen.lost(task.cell, e) for pair in pairs for e in pair)
        if measured < PILOT and begun >= MOST_PILOTS:
            return 0
        return max(1, self.needed(task, seen) + CONFIRMING - measured)

    def needed(self, task: Task, seen: Seen) -> int:
        """Return how many process runs the change takes, by this sitting and earlier ones.

        PILOT while too little is known.
        """
        past = self.past.get(task.cell, Spread()).at_most(PAST_DEGREES)
        spreads = [past + _spread(task, seen, pair) for pair in self._pairs(task)]
        known = [s.sd for s in spreads if s.sd is not None and s.degrees >= LEAST_DEGREES]
        return process_runs_needed(max(known), self._effect) if known else PILOT

    def _is_shown(self, task: Task, seen: Seen) -> bool:
        """Tell whether the change was detectable before the last CONFIRMING blocks."""
        blocks = seen.blocks(task) - CONFIRMING
        return all(self._shows(task, seen, pair, blocks) for pair in self._pairs(task))

    def _shows(self, task: Task, seen: Seen, pair: tuple[int, int], blocks: int) -> bool:
        runs = min(len(seen.logs(task.cell, e, blocks)) for e in pair)
        sd = _spread(task, seen, pair, blocks).sd
        if runs < PILOT or sd is None:
            return False
        design = Design(runs)
        return detectable(sd * math.sqrt(design.of_process), design.degrees()) <= self._effect

    @property
    def _effect(self) -> float:
        return math.log1p(self.change)

    def _pairs(self, task: Task) -> list[tuple[int, int]]:
        """Return the environments that are compared in a task; none unless it times calls."""
        if task.role != "latency":
            return []
        return list(combinations([e for e in task.environments if e < self.compared], 2))


def _spread(task: Task, seen: Seen, pair: tuple[int, int], blocks: int = MOST_BLOCKS) -> Spread:
    return spread_of([seen.logs(task.cell, environment, blocks) for environment in pair])
