"""How far a sitting will go whose process runs are chosen for a change, told as it is known."""

from collections.abc import Sequence

from hfbench_schema.submission import ProcessRun
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.schedule import Schedule
from hfbench_submit.planning.seen import MOST_BLOCKS
from hfbench_submit.planning.slots import Slot, Task, slot_of
from hfbench_submit.reporting.figures import percent
from hfbench_submit.reporting.progress import Progress
from hfbench_submit.reporting.wording import roughly, short_cell


class Foresight:
    """Keeps the slots that are left as far as can be foreseen; tells a sitting's progress of them.

    Only where a change is to be detected do they alter as the sitting goes.
    """

    def __init__(self, plan: SittingPlan, schedule: Schedule, progress: Progress) -> None:
        self._change = plan.detect
        self._schedule = schedule
        self._progress = progress
        self._told: set[Task] = set()
        self.left: Sequence[Slot] = []

    def look(self, remaining: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Take in what is remaining, and look further where a block is about to begin."""
        if self._change is None:
            self.left = remaining
        elif _begins_a_block(remaining[0], done):
            self.left = self._schedule.expected(done)
            self._progress.foresee(self.left)
            self._tell(self._change, done)

    def _tell(self, change: float, done: Sequence[ProcessRun]) -> None:
        """Say once of each cell that it will not show the change, as soon as that is known."""
        for task, needed in self._schedule.out_of_reach(done).items():
            if task not in self._told:
                self._told.add(task)
                self._progress.note(
                    f"{short_cell(task.cell)} needs about {roughly(needed)} process runs to show "
                    f"a change of {percent(change)}: stopping at {MOST_BLOCKS}"
                )


def _begins_a_block(slot: Slot, done: Sequence[ProcessRun]) -> bool:
    place = slot.cell, slot.role, slot.block
    return all((s.cell, s.role, s.block) != place for s in map(slot_of, done))
