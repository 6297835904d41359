"""Which slots of a sitting are left, and how long they will take."""

from collections import Counter
from collections.abc import Sequence

from hfbench_schema.submission import ProcessRun
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.remaining import remaining_slots
from hfbench_submit.planning.slots import Slot


class TimeLeft:
    """Follows a sitting from slot to slot.

    `runs` holds every process run so far, `left` the slots that are still to be run as far as is
    known: a time budget decides on some only when it comes to them, and how many a change takes
    becomes clear as the sitting goes.
    """

    def __init__(self, clock: Durations) -> None:
        self._clock = clock
        self._planned: list[Slot] = []
        self.runs: list[ProcessRun] = []
        self.left: list[Slot] = []

    @property
    def total(self) -> int:
        """How many process runs the sitting will have had."""
        return len(self.runs) + len(self.left)

    def begin(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Take the slots that are left, and learn from what was done before."""
        for run in done[len(self.runs) :]:
            self._clock.learn(run)
        self.runs = list(done)
        self.foresee(slots)

    def foresee(self, slots: Sequence[Slot]) -> None:
        """Take the slots that are left, as now foreseen."""
        self._planned, self.left = list(slots), list(slots)

    def launch(self, slot: Slot) -> None:
        """Take in a slot that nobody foresaw, as a second attempt is."""
        if slot not in self.left:
            self._planned.append(slot)
            self.left.append(slot)

    def finish(self, run: ProcessRun) -> None:
        """Count a process run, launched or skipped, and drop the slots that it makes hopeless."""
        self._clock.learn(run)
        self.runs.append(run)
        self.left = remaining_slots(self._planned, self.runs)

    def seconds(self) -> float:
        """Return how long the slots that are left will take."""
        # Blocks repeat a slot; asking once for each kind keeps the pause between workers short.
        kinds = Counter(Slot(slot.cell, 0, 0, slot.role, slot.caches) for slot in self.left)
        return sum(self._clock.seconds(kind) * count for kind, count in kinds.items())
