"""What a sitting is to measure: everything that a journal must agree on to be taken up again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hfbench_schema import __version__
from hfbench_schema.cells import Cell
from hfbench_schema.machine_key import machine_key
from hfbench_schema.power import PPM
from hfbench_schema.submission import SPAWN, Machine, TaskData, compared_versions, package_of
from hfbench_schema.suites import Suite
from hfbench_submit.environments.environments import Environment
from hfbench_submit.planning.lengths import training_length
from hfbench_submit.planning.slots import Task

if TYPE_CHECKING:
    from hfbench_submit.examples.preparing import Prepared

TIMEOUT_S = 600
RUN_BYTES = 900
"""What one process run may take in a submission, beside its iterations or its reason."""
REASON_BYTES = 2400
ITERATION_BYTES = 11
LOSS_BYTES = 9
EPOCH_BYTES = 160
LOADING_BYTES = 12
"""What loading the batches of an epoch took one rank."""
MOST_CALLS = 6
"""Calls over timed iterations, where the steady state is found late."""


def framework_of(environment: Environment) -> str:
    """Return the framework that an environment holds, torch if it has both."""
    held = {package_of(name) for name, _ in compared_versions(environment.facts)[0]}
    return "tensorflow" if "tensorflow" in held and "torch" not in held else "torch"


@dataclass(frozen=True)
class SittingPlan:
    """Everything that a sitting measures, and how often.

    With a `canary`, the id of a cell, the last environment is a copy of the first one, in which
    only that cell is measured. With `budget_s`, or with `detect_ppm`, the change that each cell is
    to show, process runs are chosen as the sitting goes; else every cell gets `process_runs`. A
    suite of training has its examples `prepared`, and can be measured by `nodes` machines together.
    """

    suite: Suite
    cells: Sequence[Cell]
    environments: Sequence[Environment]
    process_runs: int
    machine: Machine
    roles: Sequence[str] = ("latency",)
    launch: str = SPAWN
    budget_s: int | None = None
    detect_ppm: int | None = None
    canary: str | None = None
    timeout_s: int = TIMEOUT_S
    prepared: "Prepared | None" = None
    nodes: int = 1

    @cached_property
    def tasks(self) -> list[Task]:
        """All cells in all roles, with the environments that each is measured in."""
        every = tuple(range(len(self.environments)))
        return [
            Task(cell.id, role, every if self._is_canary(cell, role) else every[: self.compared])
            for cell in self.cells
            for role in self.roles
        ]

    @property
    def detect(self) -> float | None:
        """The change to be shown as a share, None if process runs are not chosen for one."""
        return None if self.detect_ppm is None else self.detect_ppm / PPM

    @property
    def is_adaptive(self) -> bool:
        """Whether process runs are chosen as the sitting goes."""
        return self.budget_s is not None or self.detect_ppm is not None

    @property
    def compared(self) -> int:
        """How many environments hold all cells."""
        return len(self.environments) - (self.canary is not None)

    def _is_canary(self, cell: Cell, role: str) -> bool:
        return (cell.id, role) == (self.canary, "latency")

    def cell(self, cell_id: str) -> Cell:
        """Return the cell of that id."""
        return self._cells[cell_id]

    @cached_property
    def _cells(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.cells}

    @property
    def data(self) -> dict[str, TaskData]:
        """What the examples are, by task; empty for inference."""
        return self.prepared.tasks if self.prepared else {}

    @property
    def largest_run(self) -> int:
        """The bytes that one process run of calls may take in the submission."""
        iterations = ITERATION_BYTES * MOST_CALLS * self.suite.iterations
        return RUN_BYTES + max(REASON_BYTES, iterations)

    def run_bytes(self, task: Task) -> int:
        """Return the bytes that one process run of a task may take in the submission."""
        if task.role != "training":
            return self.largest_run
        cell = self.cell(task.cell)
        epochs, steps = training_length(self.suite, cell, self.data.get(cell.task))
        ranks = cell.world_size if cell.framework == "torch" else 1
        of_steps = steps * (ITERATION_BYTES * ranks + LOSS_BYTES)
        return RUN_BYTES + REASON_BYTES + of_steps + epochs * (EPOCH_BYTES + LOADING_BYTES * ranks)

    def identity(self) -> dict[str, Any]:
        """Return what a journal must agree on to be taken up again."""
        of_training = {"tasks": self.data, "nodes": self.nodes} if self.suite.tasks else {}
        return {
            "client": __version__,
            "suite": self.suite.sha256,
            "cells": [cell.id for cell in self.cells],
            "environments": [environment.facts for environment in self.environments],
            "process_runs": self.process_runs,
            "roles": list(self.roles),
            "launch": self.launch,
            "budget_s": self.budget_s,
            "detect_ppm": self.detect_ppm,
            "canary": self.canary,
            "timeout_s": self.timeout_s,
            "machine_key": machine_key(self.machine),
            **of_training,
        }
