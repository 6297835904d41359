"""Trainings made up for tests: a plan whose examples were never written, and process runs of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.submit.made_up_submission import MACHINE, NEW, OLD, S, run_of, submission

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.rules_tasks import BUILT_IN_SHA256
from hfbench_schema.submission import EnvironmentFacts, ProcessRun, Submission, TaskData
from hfbench_schema.suites import latest_suite
from hfbench_submit.environments.environments import Environment
from hfbench_submit.examples.preparing import Prepared
from hfbench_submit.planning.lengths import training_length
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.slots import Slot

SUITE = latest_suite("training")
TINY = "training/bert-tiny/{}/cpu/{}/b32-s32-w{}/grammar"
EAGER = TINY.format("torch-eager", "fp32", 1)
SST2 = "training/bert-mini/torch-eager/cpu/fp32/b32-s64-w{}/sst2"


def prepared(cells: Sequence[Cell], folder: Path = Path("examples")) -> Prepared:
    """Return what is published of the cells' tasks; the folders are names only."""
    folders = {(c.task, c.model, c.sequence_length): folder / f"{c.task}-{c.model}" for c in cells}
    return Prepared({cell.task: data_of(cell) for cell in cells}, folders, {})


def data_of(cell: Cell) -> TaskData:
    """Return the facts of a task with as many examples as are published."""
    task = SUITE.tasks[cell.task]
    return {
        "source": "hub" if task.dataset else "built_in",
        "sha256": BUILT_IN_SHA256.get(cell.task, "2e" * 32),
        "train_examples": task.train_examples,
        "validation_examples": task.validation_examples,
        "tokenizers": {cell.model: {"kind": "trained", "sha256": "1f" * 32, "vocabulary": 431}},
    }


def training_sitting(
    *cell_ids: str,
    environments: Sequence[EnvironmentFacts] = (NEW,),
    python: Path = Path("python"),
    **changes: Any,
) -> SittingPlan:
    """Return the plan of a sitting that trains cells with two seeds."""
    cells = [parse_cell(cell) for cell in cell_ids]
    fields: dict[str, Any] = {
        "suite": SUITE,
        "cells": cells,
        "environments": [Environment(python, facts) for facts in environments],
        "process_runs": 2,
        "machine": MACHINE,
        "roles": ("training",),
        "prepared": prepared(cells),
    }
    return SittingPlan(**(fields | changes))


def trained(slot: Slot, step_ms: float, correct: int = 400, status: str = "ok") -> ProcessRun:
    """Return a training of the grammar whose first of all steps compiled, and took ten times."""
    cell = parse_cell(slot.cell)
    epochs, steps = training_length(SUITE, cell)
    step = round(step_ms * 1e6) + slot.block + 100 * slot.environment
    ranks = cell.world_size if cell.framework == "torch" else 1
    epoch = {
        "training_ns": 2 * step * steps // epochs + 9 * step,
        "loading_ns": [1000] * ranks,
        "evaluation_ns": S,
        "tokens": 900,
        "confusion": [correct - 200, 456 - correct, 56, 200],
    }
    record = {
        "seed": SUITE.seed + slot.block,
        "end_to_end_ns": 100 * S,
        "epochs": [epoch] * epochs,
        "steps_ns": [[10 * step, *[step] * (steps - 1)]] * ranks,
        "losses_micro": [600_000] * steps,
        "compiled_steps": [0],
    }
    phases = {"import": 4 * S, "build": S, "prepare": 2 * S}
    return run_of(slot, status, training=record, phases_ns=phases, wall_ns=120 * S)


def diverged(slot: Slot) -> ProcessRun:
    """Return a training whose loss stopped being finite in its third step."""
    run = trained(slot, 10.0, status="diverged")
    steps = [[10_000_000, 10_000_000 + slot.block, 10_000_000]]
    run["training"] |= {"epochs": [], "steps_ns": steps, "losses_micro": [700_000, 700_000, None]}
    return run


def training_submission(runs: Sequence[ProcessRun]) -> Submission:
    """Return the document of a sitting in two environments."""
    document = submission(runs, (OLD, NEW))
    document["suite"] = {"name": SUITE.name, "version": SUITE.version, "sha256": SUITE.sha256}
    document["protocol"]["roles"] = ["training", "memory"]
    del document["protocol"]["iterations"]
    document["tasks"] = prepared([parse_cell(run["cell"]) for run in runs]).tasks
    return document
