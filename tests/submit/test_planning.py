"""The order of process runs: every slot once, drift on all environments alike."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfbench_schema.submission import ProcessRun
from hfbench_schema.suites import latest_suite
from hfbench_submit.errors import SubmitError
from hfbench_submit.machine.facts import machine_facts
from hfbench_submit.planning.domination import dominating_cell
from hfbench_submit.planning.remaining import remaining_slots
from hfbench_submit.planning.slots import Slot, Task, plan_slots, select_cells

CELLS = ["a", "b", "c"]


def tasks(cells: Sequence[str], environments: int, role: str = "latency") -> list[Task]:
    return [Task(cell, role, tuple(range(environments))) for cell in cells]


@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_every_slot_stands_once_and_blocks_are_back_to_back(
    environments: int, process_runs: int, seed: int
) -> None:
    slots = plan_slots(tasks(CELLS, environments), process_runs, seed)
    assert len(set(slots)) == len(slots) == len(CELLS) * environments * process_runs
    for start in range(0, len(slots), environments):
        block = slots[start : start + environments]
        assert len({(slot.cell, slot.block) for slot in block}) == 1
    assert slots == plan_slots(tasks(CELLS, environments), process_runs, seed)


def test_abba_cancels_a_linear_drift() -> None:
    slots = plan_slots(tasks(["a"], 2), 4, seed=1)
    assert [slot.environment for slot in slots] == [0, 1, 1, 0, 0, 1, 1, 0]
    position = Counter[int]()
    for index, slot in enumerate(slots):
        position[slot.environment] += index
    assert position[0] == position[1]


def test_the_order_of_cells_is_random_in_every_round() -> None:
    orders = set()
    for seed in range(20):
        slots = plan_slots(tasks(CELLS, 1), 2, seed)
        orders |= {tuple(slot.cell for slot in slots[:3]), tuple(slot.cell for slot in slots[3:])}
    assert len(orders) == 6


def run_of(slot: Slot, status: str, **fields: Any) -> ProcessRun:
    run: ProcessRun = {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "role": slot.role,
        "attempt": slot.attempt,
        "started_at": "2026-11-23T12:00:00Z",
        "wall_ns": 1,
        "status": status,
        **fields,  # type: ignore[typeddict-item]
    }
    return run


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        (["ok"], 4),
        (["no_steady_state", "ok"], 3),
        (["unsupported"], 0),
        (["error"], 4),
        (["error", "ok", "timeout"], 2),
        (["error", "timeout"], 0),
        (["contaminated", "error", "contaminated", "ok"], 1),
    ],
)
def test_a_cell_is_given_up_when_failing_again_would_tell_nothing(
    statuses: list[str], left: int
) -> None:
    slots = plan_slots(tasks(["a", "b"], 1), 5, seed=3)
    of_a = [slot for slot in slots if slot.cell == "a"]
    done = [run_of(slot, status) for slot, status in zip(of_a, statuses, strict=False)]
    remaining = remaining_slots(slots, done)
    assert sum(slot.cell == "a" for slot in remaining) == left
    assert sum(slot.cell == "b" for slot in remaining) == 5


def test_a_contaminated_process_run_is_repeated_once_and_at_once() -> None:
    slots = plan_slots(tasks(["a", "b"], 2), 3, seed=3)
    disturbed = [run_of(slots[0], "contaminated")]
    again, following = remaining_slots(slots, disturbed)[:2]
    assert (again.cell, again.environment, again.block) == (slots[0].cell, 0, 0)
    assert again.attempt == 1
    assert following == slots[1]
    twice = [*disturbed, run_of(again, "contaminated")]
    assert remaining_slots(slots, twice)[0] == slots[1]


def test_a_machine_that_is_never_quiet_does_not_take_twice_as_long() -> None:
    slots = plan_slots(tasks(["a", "b", "c"], 2), 5, seed=3)
    done: list[ProcessRun] = []
    while remaining := remaining_slots(slots, done):
        done.append(run_of(remaining[0], "contaminated"))
    assert len(done) == len(slots) + len(slots) // 5


def test_cold_process_runs_follow_each_other_with_empty_and_warm_caches() -> None:
    compiled = "smoke/a/torch-compile/cpu/fp32/b1-s8"
    slots = plan_slots(tasks([compiled], 2, "cold") + tasks(["b"], 2, "cold"), 5, seed=1)
    assert max(slot.block for slot in slots) == 2
    assert [s.caches for s in slots if s.cell == compiled] == ["empty", "warm"] * 2 * 3
    assert {s.caches for s in slots if s.cell == "b"} == {"empty"}


def sized(batch_size: int, sequence_length: int, model: str = "bert") -> str:
    return f"inference/{model}/torch-eager/cpu/fp32/b{batch_size}-s{sequence_length}"


def dominated(slot: Slot, *done: tuple[str, str]) -> str | None:
    return dominating_cell(slot, [run_of(Slot(cell, 0, 0), status) for cell, status in done])


def test_a_cell_larger_than_one_without_memory_is_skipped_once_that_was_checked() -> None:
    failed, large, larger = sized(2, 128), sized(4, 128), sized(8, 512)
    slot = Slot(larger, 0, 0)
    assert dominated(slot, (sized(2, 8), "ok"), (failed, "ok")) is None
    assert dominated(slot, (failed, "oom_host")) is None, "the spot check is launched"
    assert dominated(slot, (failed, "oom_host"), (large, "oom_host")) == failed
    assert dominated(slot, (failed, "oom_host"), (large, "ok")) is None, "the check refuted it"
    assert dominated(Slot(sized(8, 8), 0, 0), (failed, "oom_host"), (large, "oom_host")) is None
    assert dominated(Slot(larger, 1, 0), (failed, "oom_host"), (large, "oom_host")) is None
    other = Slot(sized(8, 512, "gpt2"), 0, 0)
    assert dominated(other, (failed, "oom_host"), (large, "oom_host")) is None


def test_cells_are_selected_by_glob_and_by_the_devices_there_are() -> None:
    suite, machine = latest_suite("smoke"), machine_facts()
    bert = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
    assert [cell.id for cell in select_cells(suite, ["smoke/bert*/cpu/*"], machine)] == [bert]
    machine["accelerators"] = []
    assert {cell.device for cell in select_cells(suite, [], machine)} == {"cpu"}
    machine["accelerators"] = [{"vendor": "NVIDIA", "name": "H200", "memory_gib": 140}]
    assert {cell.device for cell in select_cells(suite, [], machine)} == {"cpu", "cuda"}
    with pytest.raises(SubmitError, match="it has:\n  smoke/bert-base"):
        select_cells(suite, ["smoke/bert*", "smoke/brt*"], machine)
