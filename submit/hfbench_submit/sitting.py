"""One sitting: take up or start a journal, measure what remains, write the submission."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hfbench_schema import __version__
from hfbench_schema.canonical import document_sha256
from hfbench_schema.cells import Cell
from hfbench_schema.machine_key import machine_key
from hfbench_schema.submission import Machine, ProcessRun
from hfbench_schema.suites import Suite
from hfbench_schema.timestamps import format_moment, now
from hfbench_submit.environments import Environment
from hfbench_submit.errors import SubmitError
from hfbench_submit.journal import Journal, create_journal, journal_path, open_journal
from hfbench_submit.launching import run_worker
from hfbench_submit.outcomes import outcome_fields
from hfbench_submit.planning import Slot, plan_slots, remaining_slots
from hfbench_submit.progress import ConsoleProgress

TIMEOUT_S = 600


@dataclass(frozen=True)
class SittingPlan:
    """Everything that a sitting measures, and how often."""

    suite: Suite
    cells: Sequence[Cell]
    environments: Sequence[Environment]
    process_runs: int
    machine: Machine
    timeout_s: int = TIMEOUT_S

    def identity(self) -> dict[str, Any]:
        """Return what a journal must agree on to be taken up again."""
        return {
            "client": __version__,
            "suite": self.suite.sha256,
            "cells": [cell.id for cell in self.cells],
            "environments": [environment.facts for environment in self.environments],
            "process_runs": self.process_runs,
            "timeout_s": self.timeout_s,
            "machine_key": machine_key(self.machine),
        }


def measure_sitting(plan: SittingPlan, folder: Path, progress: ConsoleProgress) -> Journal:
    """Measure every process run of the plan that no earlier invocation has measured.

    Returns the complete journal; its path is under `folder`/journals.

    Raises:
        SubmitError: another measurement is running on this machine, or the disk is full.
    """
    path = journal_path(folder, document_sha256(plan.identity()))
    with _only_measurement_on_this_machine():
        journal = open_journal(path) or create_journal(path, _header(plan))
        cells = [cell.id for cell in plan.cells]
        slots = plan_slots(cells, len(plan.environments), plan.process_runs, journal.header["seed"])
        remaining = remaining_slots(slots, journal.process_runs)
        progress.begin(remaining, journal.process_runs)
        if remaining:
            os.sync()  # else what pip has just installed is written out during the first blocks
            journal.add_invocation(format_moment(now()))
        while remaining:
            progress.launch(remaining[0])
            run = measure_slot(plan, remaining[0])
            journal.add_process_run(run)
            progress.finish(run)
            remaining = remaining_slots(slots, journal.process_runs)
    return journal


@contextmanager
def _only_measurement_on_this_machine() -> Iterator[None]:
    """Refuse to measure beside another measurement, which would disturb both."""
    # Not in the cache folder, of which there may be several; by user, who alone may open it.
    lock = FileLock(Path(tempfile.gettempdir()) / f"hfbench-measuring-{os.getuid()}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SubmitError(
            "another hfbench-submit is measuring on this machine; wait for it to end"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _header(plan: SittingPlan) -> dict[str, Any]:
    return {
        "plan": plan.identity(),
        "sitting": secrets.token_hex(16),
        "seed": secrets.randbits(32),
        "machine": plan.machine,
    }


def measure_slot(plan: SittingPlan, slot: Slot) -> ProcessRun:
    """Launch one worker for one slot and return its process run, failed or not."""
    cell = next(cell for cell in plan.cells if cell.id == slot.cell)
    started_at = format_moment(now())
    environment = plan.environments[slot.environment]
    outcome = run_worker(
        environment.python,
        _worker_plan(plan.suite, cell),
        plan.machine["usable_cores"],
        plan.timeout_s,
    )
    run: ProcessRun = {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "started_at": started_at,
        "wall_ns": outcome.wall_ns,
        **outcome_fields(outcome, environment.facts["packages"], plan.timeout_s),  # type: ignore[typeddict-item]
    }
    return run


def _worker_plan(suite: Suite, cell: Cell) -> dict[str, Any]:
    model = suite.models[cell.model]
    return {
        "cell": asdict(cell),
        "model": {"inputs": model.inputs, "config": model.config},
        "seed": suite.seed,
        "iterations": suite.iterations,
    }
