"""What comes next in a sitting: the rest of a fixed plan, or what time or a change asks for."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.submission import ProcessRun, role_of
from hfbench_submit.planning.budget import Choice, next_block
from hfbench_submit.planning.detection import Detection, Spread
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.remaining import given_up, remaining_slots
from hfbench_submit.planning.seen import MOST_BLOCKS, Seen
from hfbench_submit.planning.slots import Slot, Task, plan_slots


class Schedule:
    """The slots that remain; the same journal, which may only grow, gives the same ones.

    `past` is what the journal's header holds of earlier sittings.
    """

    def __init__(
        self, plan: SittingPlan, seed: int, past: Mapping[str, Spread] | None = None
    ) -> None:
        self._plan = plan
        self._detection = Detection(plan.detect, plan.compared, past or {}) if plan.detect else None
        shuffled = random.Random(seed)  # noqa: S311 - an order to be reproduced, not a secret
        self._tasks = shuffled.sample(plan.tasks, len(plan.tasks))
        chosen = plan.is_adaptive
        self._slots = [] if chosen else plan_slots(plan.tasks, plan.process_runs, seed)
        self._durations = Durations(plan.suite, plan.machine["usable_cores"])
        self._learned = 0

    def remaining(self, done: Sequence[ProcessRun]) -> list[Slot]:
        """Return the slots to run, the next one first; empty when the sitting is complete.

        Where they are chosen as the sitting goes, only the present block is known: what comes after
        it depends on it.
        """
        if not self._plan.is_adaptive:
            return remaining_slots(self._slots, done)
        begun = self._begun(done)
        if left := remaining_slots(begun, done):
            return left
        if self.is_full(done):
            return []
        choice = self._choice(done)
        return [] if choice.task is None else list(choice.task.slots(choice.block))

    def is_full(self, done: Sequence[ProcessRun]) -> bool:
        """Tell whether a further block might make the submission too large."""
        return (len(done) + len(self._plan.environments)) * self._plan.largest_run > MAXIMUM_BYTES

    def expected(self, done: Sequence[ProcessRun]) -> list[Slot]:
        """Return the slots that are left as far as can be foreseen.

        With a budget these are the pilots, with a change to be detected what it seems to take.
        """
        if not self._plan.is_adaptive:
            return self.remaining(done)
        foreseen = self._choice(done).foreseen
        slots = [
            slot
            for task, blocks in foreseen.items()
            for block in range(blocks)
            for slot in task.slots(block)
        ]
        return list(self._in_time(remaining_slots(slots, done), done))

    def left_out(self, done: Sequence[ProcessRun]) -> tuple[Task, ...]:
        """Return the tasks that the budget does not buy enough process runs for."""
        return () if self._plan.budget_s is None else self._choice(done).left_out

    def out_of_reach(self, done: Sequence[ProcessRun]) -> dict[Task, int]:
        """Return how many process runs the change takes in the tasks that MOST_BLOCKS do not do."""
        if self._detection is None:
            return {}
        seen, measured = Seen(done), self._choice(done).foreseen
        needed = {task: self._detection.needed(task, seen) for task in measured}
        return {task: count for task, count in needed.items() if count > MOST_BLOCKS}

    def _choice(self, done: Sequence[ProcessRun]) -> Choice:
        for run in done[self._learned :]:
            self._durations.learn(run)
        self._learned = len(done)
        left = self._seconds_left(done)
        return next_block(self._open_tasks(done), done, left, self._durations, self._detection)

    def _seconds_left(self, done: Sequence[ProcessRun]) -> float:
        budget = math.inf if self._plan.budget_s is None else self._plan.budget_s
        return budget - sum(run["wall_ns"] for run in done) / 1e9

    def _in_time(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> Iterator[Slot]:
        """Yield the slots that there is time for."""
        seconds_left = self._seconds_left(done)
        for slot in slots:
            seconds_left -= self._durations.seconds(slot)
            if seconds_left >= 0:
                yield slot

    def _open_tasks(self, done: Sequence[ProcessRun]) -> list[Task]:
        """Return the tasks with the environments in which they are not given up."""
        hopeless = given_up(done)
        narrowed = (
            replace(
                task,
                environments=tuple(
                    e for e in task.environments if (task.cell, e, task.role) not in hopeless
                ),
            )
            for task in self._tasks
        )
        return [task for task in narrowed if task.environments]

    def _begun(self, done: Sequence[ProcessRun]) -> list[Slot]:
        begun = dict.fromkeys((run["cell"], role_of(run), run["block"]) for run in done)
        tasks = {(task.cell, task.role): task for task in self._tasks}
        return [s for cell, role, block in begun for s in tasks[cell, role].slots(block)]
