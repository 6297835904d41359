"""One process run: launch its worker, watch what else goes on, and write down how it ended."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from hfbench_schema.contamination import contamination_causes
from hfbench_schema.submission import MEASURED_STATUSES, RESULTS, Anchor, ProcessRun
from hfbench_submit.launching.launcher import Launcher
from hfbench_submit.launching.listening import OnMessage
from hfbench_submit.launching.nodes import Team
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.machine.energy_meter import EnergyWindows, MeterUnavailableError, open_meter
from hfbench_submit.machine.placement import numa_node_of
from hfbench_submit.machine.surroundings import Observation
from hfbench_submit.planning.domination import SKIPPED
from hfbench_submit.planning.plans import SittingPlan, framework_of
from hfbench_submit.planning.remaining import CONTAMINATED
from hfbench_submit.planning.slots import Slot

ANCHOR_CALLS = 20
_FILLED = "filled"
"""Lies in a folder of compile caches that a whole process run has filled."""


class Measurer:
    """Measures slots of one plan, one at a time; compile caches lie in `caches`.

    With a `team` of other machines, the cells that take several are measured together with them.
    """

    def __init__(self, plan: SittingPlan, caches: Path, team: Team | None = None) -> None:
        self._plan = plan
        self._caches = caches
        self._launcher = Launcher(plan, caches, team)
        self._numa_node = numa_node_of(self._launcher.cpus)

    def __enter__(self) -> Self:
        """Return the measurer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what the launcher keeps running."""
        self._launcher.close()

    def measure(
        self, slot: Slot, started_at: str, on_message: OnMessage | None = None
    ) -> ProcessRun:
        """Launch one worker for one slot and return its process run, failed or not.

        Args:
            slot: what is to be measured.
            started_at: the present moment.
            on_message: is told of the worker's answers, as far as nothing else needs to be.

        Raises:
            SubmitError: another machine of the team is gone, so that nothing was launched.
        """
        run = _place(slot, started_at)
        fields = self._energy(slot) if slot.role == "energy" else self._run(slot, on_message)
        run.update(cast(ProcessRun, fields))
        causes = contamination_causes(run, self._plan.machine["usable_cores"])
        if causes and run["status"] in RESULTS:
            run["status"], run["reason"] = CONTAMINATED, "; ".join(causes)
        return run

    def anchor(self, environment: int, started_at: str) -> Anchor | None:
        """Measure the anchor workload in one environment; None if it fails, which costs nothing."""
        cell = {
            "framework": framework_of(self._plan.environments[environment]),
            "mode": "eager",
            "device": self._plan.cells[0].device,
            "precision": "fp32",
        }
        plan = {"role": "anchor", "cell": cell, "seed": 0, "iterations": ANCHOR_CALLS}
        launched = self._launcher.launch(environment, plan, self._caches, None)
        measured = launched.outcome.messages.get("measured", {})
        if not {"matmul_ns", "copy_ns"} <= measured.keys():
            return None
        return {
            "environment": environment,
            "started_at": started_at,
            "matmul_ns": measured["matmul_ns"],
            "copy_ns": measured["copy_ns"],
        }

    def _energy(self, slot: Slot) -> dict[str, Any]:
        """Measure energy, if this machine has a counter for the cell's device."""
        try:
            meter = open_meter(self._plan.cell(slot.cell).device)
        except MeterUnavailableError as error:
            return {"status": "unsupported", "reason": str(error), "wall_ns": 0}
        windows = EnergyWindows(meter)
        fields = self._run(slot, windows.on_message)
        if fields["status"] not in MEASURED_STATUSES:
            return fields
        try:
            return fields | {"energy": windows.energy()}
        except MeterUnavailableError as error:
            return fields | {"status": "error", "reason": str(error)}

    def _run(self, slot: Slot, on_message: OnMessage | None = None) -> dict[str, Any]:
        plan, caches = self._plan, self._caches_of(slot)
        if slot.caches == "empty" or slot.role == "memory":
            shutil.rmtree(caches, ignore_errors=True)
        if slot.caches == "warm" and not (caches / _FILLED).exists():
            # What was to fill them failed, or was interrupted.
            filling = self._run(replace(slot, caches="empty"))
            if filling["status"] not in MEASURED_STATUSES:
                return filling
        caches.mkdir(parents=True, exist_ok=True)
        gpu = plan.cell(slot.cell).device == "cuda"
        observation = Observation.begin(gpu=gpu, cpus=self._launcher.cpus)
        launched = self._launcher.launch_slot(slot, caches, on_message)
        contamination = observation.end(launched.outcome.cpu_s)
        packages = plan.environments[slot.environment].facts["packages"]
        fields = outcome_fields(launched.outcome, packages, plan.timeout_s)
        if slot.caches == "empty" and fields["status"] in MEASURED_STATUSES:
            (caches / _FILLED).touch()
        if "placement" in fields and self._numa_node is not None:
            fields["placement"]["numa_node"] = self._numa_node
        return fields | {
            "wall_ns": launched.outcome.wall_ns,
            "hash_seed": launched.hash_seed,
            "contamination": contamination,
        }

    def _caches_of(self, slot: Slot) -> Path:
        """Return a folder for each cell and environment, and for memory, which needs empty ones.

        One does for all trainings: each begins with empty caches.
        """
        if slot.role == "training":
            return self._caches / slot.role
        apart = "-memory" if slot.role == "memory" else ""
        return self._caches / f"{slot.cell.replace('/', '_')}-{slot.environment}{apart}"


def skipped(slot: Slot, dominating: str, started_at: str) -> ProcessRun:
    """Return the process run of a slot that is not launched."""
    run = _place(slot, started_at)
    run["wall_ns"], run["status"] = 0, SKIPPED
    run["reason"] = f"{dominating} ran out of memory, and this cell is larger"
    return run


def _place(slot: Slot, started_at: str) -> ProcessRun:
    run = {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "role": slot.role,
        "started_at": started_at,
    }
    if slot.caches:
        run["caches"] = slot.caches
    if slot.attempt:
        run["attempt"] = slot.attempt
    return cast(ProcessRun, run)
