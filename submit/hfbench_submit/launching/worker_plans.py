"""What a worker is told of the slot that it measures."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
    told = {
        "role": slot.role,
        "cell": asdict(cell),
        "model": {"inputs": model.inputs, "config": model.config},
        "seed": suite.seed,
    }
    if plan.prepared is None:
        return told | {"iterations": COLD_CALLS if slot.role == "cold" else suite.iterations}
    return told | _training(plan, slot, plan.prepared)


def _training(plan: SittingPlan, slot: Slot, prepared: "Prepared") -> dict[str, Any]:
    """Return the block's seed, where examples and weights lie, and how to train."""
    cell = plan.cell(slot.cell)
    model, checkpoint = plan.suite.models[cell.model], prepared.checkpoints.get(cell.model)
    examples = prepared.folders[cell.task, cell.model, cell.sequence_length]
    return {
        "model": {
            "inputs": model.inputs,
            "config": model.config,
            "checkpoint": str(checkpoint.absolute()) if checkpoint else None,
        },
        "seed": plan.suite.seed + slot.block,
        "data": str(examples.absolute()),
        "recipe": model.recipe,
    }
