"""Cells that cannot fit: larger than one of their kind that ran out of memory."""

from collections.abc import Sequence
from functools import cache

from hfbench_schema.cells import Cell, dominates, parse_cell
from hfbench_schema.submission import OUT_OF_MEMORY, RESULTS, ProcessRun, role_of
from hfbench_submit.planning.slots import Slot

SKIPPED = "skipped_dominated"
_TELLING = (*RESULTS, *OUT_OF_MEMORY)

_cell = cache(parse_cell)


def _kind(cell: Cell) -> tuple[str, ...]:
    return (cell.suite, cell.model, cell.framework, cell.mode, cell.device, cell.precision)


def dominating_cell(slot: Slot, done: Sequence[ProcessRun]) -> str | None:
    """Return the cell for whose lack of memory a slot is to be skipped, or None to launch it.

    One dominated cell is launched nevertheless, as a spot check: only if it runs out of memory
    too are the others skipped.
    """
    fits = _fits(slot, done)
    failed = [cell for cell, fitted in fits.items() if not fitted]
    small = next((cell for cell in failed if dominates(_cell(cell), _cell(slot.cell))), None)
    checks = [fits[c] for c in fits if any(dominates(_cell(s), _cell(c)) for s in failed)]
    return small if small and checks and not any(checks) else None


def _fits(slot: Slot, done: Sequence[ProcessRun]) -> dict[str, bool]:
    """Tell of the cells of a slot's kind whether they fitted into memory, the last time.

    One accident must not cost all larger cells, and a time-out says nothing of memory.
    """
    place = (_kind(_cell(slot.cell)), slot.environment, slot.role)
    return {
        run["cell"]: run["status"] not in OUT_OF_MEMORY
        for run in done
        if run["status"] in _TELLING
        and (_kind(_cell(run["cell"])), run["environment"], role_of(run)) == place
    }
