"""What a worker is told of the slot that it measures."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hfbench_schema.cells import Cell
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.slots import Slot

if TYPE_CHECKING:
    from hfbench_submit.examples.preparing import Prepared

COLD_CALLS = 5
"""Calls of a cold process run: the first, and enough to see what it comes down to."""


def worker_plan(plan: SittingPlan, slot: Slot) -> dict[str, Any]:
    """Return what a worker is to measure, as JSON; whoever launches it adds where."""
    suite, cell = plan.suite, plan.cell(slot.cell)
    model = suite.models[cell.model]
    network: dict[str, Any] = {"inputs": model.inputs, "config": model.config}
    told = {"role": slot.role, "cell": asdict(cell), "model": network, "seed": suite.seed}
    if plan.prepared is None:
        return told | {"iterations": COLD_CALLS if slot.role == "cold" else suite.iterations}
    network["checkpoint"] = _checkpoint(plan.prepared, cell)
    examples = plan.prepared.folders[cell.task, cell.model, cell.sequence_length]
    return told | {
        "seed": suite.seed + slot.block,
        "data": str(examples.absolute()),
        "recipe": model.recipe,
    }


def _checkpoint(prepared: "Prepared", cell: Cell) -> str | None:
    folder = prepared.checkpoints.get(cell.model)
    return str(folder.absolute()) if folder else None
