"""What comes next in a sitting: the rest of a fixed plan, or what a time budget buys."""

import random
from collections.abc import Sequence
from dataclasses import replace

from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.submission import ProcessRun, role_of, wanted_process_runs
from hfbench_submit.planning.budget import PILOT, Choice, next_block
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.remaining import given_up, remaining_slots
from hfbench_submit.planning.slots import Slot, Task, plan_slots


class Schedule:
    """The slots that remain; the same journal, which may only grow, gives the same ones."""

    def __init__(self, plan: SittingPlan, seed: int) -> None:
        self._plan = plan
        shuffled = random.Random(seed)  # noqa: S311 - an order to be reproduced, not a secret
        self._tasks = shuffled.sample(plan.tasks, len(plan.tasks))
        fixed = plan.budget_s is None
        self._slots = plan_slots(plan.tasks, plan.process_runs, seed) if fixed else []
        self._durations = Durations(plan.suite, plan.machine["usable_cores"])
        self._learned = 0

    def remaining(self, done: Sequence[ProcessRun]) -> list[Slot]:
        """Return the slots to run, the next one first; empty when the sitting is complete.

        With a budget only the present block is known: what comes after it depends on it.
        """
        if self._plan.budget_s is None:
            return remaining_slots(self._slots, done)
        begun = self._begun(done)
        if left := remaining_slots(begun, done):
            return left
        if (len(done) + len(self._plan.environments)) * self._plan.largest_run > MAXIMUM_BYTES:
            return []
        choice = self._choice(done)
        return [] if choice.task is None else list(choice.task.slots(choice.block))

    def expected(self, done: Sequence[ProcessRun]) -> list[Slot]:
        """Return the slots that are left as far as can be foreseen: with a budget, the pilots."""
        if self._plan.budget_s is None:
            return self.remaining(done)
        left_out = set(self._choice(done).left_out)
        chosen = [task for task in self._open_tasks(done) if task not in left_out]
        pilots = [
            slot
            for task in chosen
            for block in range(wanted_process_runs(task.role, PILOT))
            for slot in task.slots(block)
        ]
        return remaining_slots(pilots, done)

    def left_out(self, done: Sequence[ProcessRun]) -> tuple[Task, ...]:
        """Return the tasks that the budget does not buy enough process runs for."""
        return () if self._plan.budget_s is None else self._choice(done).left_out

    def _choice(self, done: Sequence[ProcessRun]) -> Choice:
        assert self._plan.budget_s is not None  # noqa: S101 - asked by the callers
        seconds_left = self._plan.budget_s - sum(run["wall_ns"] for run in done) / 1e9
        for run in done[self._learned :]:
            self._durations.learn(run)
        self._learned = len(done)
        return next_block(self._open_tasks(done), done, seconds_left, self._durations)

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
