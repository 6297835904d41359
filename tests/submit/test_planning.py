"""The order of process runs: every slot once, drift on all environments alike."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfbench_schema.submission import ProcessRun
from hfbench_schema.suites import latest_suite
from hfbench_submit.errors import SubmitError
from hfbench_submit.machine_facts import machine_facts
from hfbench_submit.planning import Slot, plan_slots, remaining_slots, select_cells

CELLS = ["a", "b", "c"]


@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_every_slot_stands_once_and_blocks_are_back_to_back(
    environments: int, process_runs: int, seed: int
) -> None:
    slots = plan_slots(CELLS, environments, process_runs, seed)
    assert len(set(slots)) == len(slots) == len(CELLS) * environments * process_runs
    for start in range(0, len(slots), environments):
        block = slots[start : start + environments]
        assert len({(slot.cell, slot.block) for slot in block}) == 1
    assert slots == plan_slots(CELLS, environments, process_runs, seed)


def test_abba_cancels_a_linear_drift() -> None:
    slots = plan_slots(["a"], 2, 4, seed=1)
    assert [slot.environment for slot in slots] == [0, 1, 1, 0, 0, 1, 1, 0]
    position = Counter[int]()
    for index, slot in enumerate(slots):
        position[slot.environment] += index
    assert position[0] == position[1]


def test_the_order_of_cells_is_random_in_every_round() -> None:
    orders = set()
    for seed in range(20):
        slots = plan_slots(CELLS, 1, 2, seed)
        orders |= {tuple(slot.cell for slot in slots[:3]), tuple(slot.cell for slot in slots[3:])}
    assert len(orders) == 6


def run_of(slot: Slot, status: str) -> ProcessRun:
    return {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "started_at": "2026-11-23T12:00:00Z",
        "wall_ns": 1,
        "status": status,
    }


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        (["ok"], 4),
        (["no_steady_state", "ok"], 3),
        (["unsupported"], 0),
        (["error"], 4),
        (["error", "ok", "timeout"], 2),
        (["error", "timeout"], 0),
    ],
)
def test_a_cell_is_given_up_when_failing_again_would_tell_nothing(
    statuses: list[str], left: int
) -> None:
    slots = plan_slots(["a", "b"], 1, 5, seed=3)
    of_a = [slot for slot in slots if slot.cell == "a"]
    done = [run_of(slot, status) for slot, status in zip(of_a, statuses, strict=False)]
    remaining = remaining_slots(slots, done)
    assert sum(slot.cell == "a" for slot in remaining) == left
    assert sum(slot.cell == "b" for slot in remaining) == 5


def test_cells_are_selected_by_glob_and_by_the_devices_there_are() -> None:
    suite, machine = latest_suite("smoke"), machine_facts()
    bert = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
    assert [cell.id for cell in select_cells(suite, "smoke/bert*/cpu/*", machine)] == [bert]
    machine["accelerators"] = []
    assert {cell.device for cell in select_cells(suite, None, machine)} == {"cpu"}
    machine["accelerators"] = [{"vendor": "NVIDIA", "name": "H200", "memory_gib": 140}]
    assert {cell.device for cell in select_cells(suite, None, machine)} == {"cpu", "cuda"}
    with pytest.raises(SubmitError, match="it has:\n  smoke/bert-base"):
        select_cells(suite, "smoke/brt*", machine)
