"""Cells that cannot fit: larger than one of their kind that ran out of memory."""

from collections.abc import Iterable, Sequence
from functools import cache

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.submission import ProcessRun, role_of
from hfbench_submit.planning.slots import Slot

OUT_OF_MEMORY = ("oom_device", "oom_host")
SKIPPED = "skipped_dominated"

_cell = cache(parse_cell)


def dominates(small: Cell, large: Cell) -> bool:
    """Tell whether `large` is `small` with a larger batch, a longer sequence, or both."""
    return (
        small != large
        and _kind(small) == _kind(large)
        and small.batch_size <= large.batch_size
        and small.sequence_length <= large.sequence_length
    )


def _kind(cell: Cell) -> tuple[str, ...]:
    return (cell.suite, cell.model, cell.framework, cell.mode, cell.device, cell.precision)


def dominating_cell(slot: Slot, done: Sequence[ProcessRun]) -> str | None:
    """Return the cell for whose lack of memory a slot is to be skipped, or None to launch it.

    One dominated cell is launched nevertheless, as a spot check: only if it runs out of memory
    too are the others skipped.
    """
    alike = [
        run
        for run in done
        if (run["environment"], role_of(run)) == (slot.environment, slot.role)
        and run["status"] != SKIPPED
        and _kind(_cell(run["cell"])) == _kind(_cell(slot.cell))
    ]
    failed = dict.fromkeys(run["cell"] for run in alike if run["status"] in OUT_OF_MEMORY)
    small = next((c for c in failed if dominates(_cell(c), _cell(slot.cell))), None)
    return small if small and _is_confirmed(alike, failed) else None


def _is_confirmed(alike: Iterable[ProcessRun], failed: Iterable[str]) -> bool:
    """Tell whether cells that a failed one dominates were launched, and all failed as well."""
    checks = [
        run["status"] in OUT_OF_MEMORY
        for run in alike
        if any(dominates(_cell(small), _cell(run["cell"])) for small in failed)
    ]
    return bool(checks) and all(checks)
