"""What is left of a plan: second attempts first, hopeless cells no more."""

from collections.abc import Sequence

from hfbench_schema.submission import MEASURED_STATUSES, ProcessRun, role_of
from hfbench_submit.planning.domination import SKIPPED
from hfbench_submit.planning.slots import Slot, slot_of

CONTAMINATED = "contaminated"
SECOND_ATTEMPTS = 5
"""One in so many process runs may be repeated: on a machine that is never quiet, a sitting in
which every process run were made twice would only take twice as long."""

_Key = tuple[str, int, str]


def remaining_slots(slots: Sequence[Slot], done: Sequence[ProcessRun]) -> list[Slot]:
    """Return the slots that are still to be run, in order.

    A contaminated process run is repeated once, at once. A cell is given up in an environment and
    a role once it is unsupported or skipped there, or has failed twice in a row: the rest of its
    process runs would only repeat the failure.
    """
    finished = {slot_of(run) for run in done}
    histories: dict[_Key, list[str]] = {}
    for run in done:
        histories.setdefault((run["cell"], run["environment"], role_of(run)), []).append(
            run["status"]
        )
    given_up = {key for key, history in histories.items() if _is_hopeless(history)}
    left = [
        slot
        for slot in slots
        if slot not in finished and (slot.cell, slot.environment, slot.role) not in given_up
    ]
    return [*_second_attempt(done, len(slots)), *left]


def _is_hopeless(history: Sequence[str]) -> bool:
    """Tell from the statuses of a cell; contamination says nothing about the cell."""
    own = [status for status in history if status != CONTAMINATED]
    last_two = own[-2:]
    failed_twice = len(last_two) == 2 and not set(last_two) & set(MEASURED_STATUSES)
    return own[-1:] in (["unsupported"], [SKIPPED]) or failed_twice


def _second_attempt(done: Sequence[ProcessRun], planned: int) -> list[Slot]:
    """Return the slot to repeat, if the last process run was a first attempt that got disturbed."""
    if not done or done[-1]["status"] != CONTAMINATED or done[-1].get("attempt", 0):
        return []
    repeated = sum(run.get("attempt", 0) for run in done)
    if repeated >= max(1, planned // SECOND_ATTEMPTS):
        return []
    last = slot_of(done[-1])
    return [Slot(last.cell, last.environment, last.block, last.role, last.caches, attempt=1)]
