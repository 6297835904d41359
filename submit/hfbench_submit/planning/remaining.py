"""What is left of a plan: second attempts first, hopeless cells no more."""

from collections.abc import Sequence

from hfbench_schema.submission import (
    HOPELESS_STATUSES,
    RESULTS,
    SECOND_ATTEMPTS,
    ProcessRun,
    role_of,
)
from hfbench_submit.planning.slots import Slot, slot_of

CONTAMINATED = "contaminated"


def remaining_slots(slots: Sequence[Slot], done: Sequence[ProcessRun]) -> list[Slot]:
    """Return the slots that are still to be run, in order.

    A contaminated process run is repeated once, at once. A cell is given up in an environment and
    a role once it is unsupported or skipped there, or has failed twice in a row: the rest of its
    process runs would only repeat the failure. A training that diverges has not failed: others
    start from another seed.
    """
    finished, hopeless = {slot_of(run) for run in done}, given_up(done)
    left = [
        slot
        for slot in slots
        if slot not in finished and (slot.cell, slot.environment, slot.role) not in hopeless
    ]
    return [*_second_attempt(done, len(slots)), *left]


def given_up(done: Sequence[ProcessRun]) -> set[tuple[str, int, str]]:
    """Return cell, environment and role of what is not worth another process run."""
    histories: dict[tuple[str, int, str], list[str]] = {}
    for run in done:
        key = (run["cell"], run["environment"], role_of(run))
        histories.setdefault(key, []).append(run["status"])
    return {key for key, history in histories.items() if _is_hopeless(history)}


def _is_hopeless(history: Sequence[str]) -> bool:
    """Tell from the statuses of a cell; contamination says nothing about the cell."""
    own = [status for status in history if status != CONTAMINATED]
    last_two = own[-2:]
    failed_twice = len(last_two) == 2 and not set(last_two) & set(RESULTS)
    return (bool(own) and own[-1] in HOPELESS_STATUSES) or failed_twice


def _second_attempt(done: Sequence[ProcessRun], planned: int) -> list[Slot]:
    """Return the slot to repeat, if the last process run was a first attempt that got disturbed.

    Only so many may be repeated: on a machine that is never quiet, a sitting in which every
    process run were made twice would only take twice as long.
    """
    if not done or done[-1]["status"] != CONTAMINATED or done[-1].get("attempt", 0):
        return []
    repeated = sum(run.get("attempt", 0) for run in done)
    if repeated >= max(1, planned // SECOND_ATTEMPTS):
        return []
    last = slot_of(done[-1])
    return [Slot(last.cell, last.environment, last.block, last.role, last.caches, attempt=1)]
