"""What a time budget buys: simulated sittings in which time and noise are known."""

import math
import random
from collections import Counter

import pytest

from hfbench_schema.submission import ProcessRun
from hfbench_schema.suites import latest_suite
from hfbench_submit.planning.budget import next_block
from hfbench_submit.planning.estimates import Durations, estimate
from hfbench_submit.planning.remaining import remaining_slots
from hfbench_submit.planning.seen import MOST_BLOCKS, PILOT
from hfbench_submit.planning.slots import Slot, Task

SUITE = latest_suite("smoke")
CPU = [cell.id for cell in SUITE.cells if cell.device == "cpu"]
TASKS = [Task(cell, "latency", (0, 1)) for cell in CPU]
SECONDS = dict(zip(CPU, (6.0, 9.0, 4.0), strict=True))


def measured(slot: Slot, noise: random.Random, sd: float) -> ProcessRun:
    level = 60e6 * math.exp(noise.gauss(0, sd))
    return {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "started_at": "2026-11-23T12:00:00Z",
        "wall_ns": int(SECONDS[slot.cell] * 1e9),
        "status": "ok",
        "warmup_iterations": 0,
        "iterations_ns": [int(level)] * 10,
    }


def simulated(budget_s: float, sds: dict[str, float], seed: int = 1) -> list[ProcessRun]:
    """Run a whole sitting, each choice made from what was measured before it alone."""
    noise, done = random.Random(seed), list[ProcessRun]()
    while True:
        durations = Durations(SUITE, 2)
        for run in done:
            durations.learn(run)
        left = budget_s - sum(run["wall_ns"] for run in done) / 1e9
        choice = next_block(TASKS, done, left, durations)
        if choice.task is None:
            return done
        slots = list(choice.task.slots(choice.block))
        assert remaining_slots(slots, done) == slots, "a block is chosen once"
        done += [measured(slot, noise, sds[slot.cell]) for slot in slots]


def blocks(done: list[ProcessRun]) -> Counter[str]:
    return Counter(run["cell"] for run in done if run["environment"] == 0)


@pytest.mark.parametrize("budget_s", [100, 200, 400, 1200])
def test_a_budget_is_kept_and_every_chosen_cell_can_have_a_verdict(budget_s: int) -> None:
    done = simulated(budget_s, dict.fromkeys(CPU, 0.05))
    # A first process run may take longer than was estimated; later ones are known.
    assert sum(run["wall_ns"] for run in done) / 1e9 <= budget_s + max(SECONDS.values())
    enough = [cell for cell, count in blocks(done).items() if count >= PILOT]
    assert len(enough) == (3 if budget_s >= 200 else 2)


def test_time_goes_where_the_noise_is() -> None:
    noisy, *quiet = CPU
    counts = blocks(simulated(600, {noisy: 0.2} | dict.fromkeys(quiet, 0.01)))
    assert counts[noisy] > 2 * max(counts[cell] for cell in quiet)


def test_a_precise_sitting_ends_before_its_budget() -> None:
    done = simulated(36000, dict.fromkeys(CPU, 0.002))
    assert sum(run["wall_ns"] for run in done) / 1e9 < 600
    loud = simulated(36000, dict.fromkeys(CPU, 2.0))
    assert max(blocks(loud).values()) == MOST_BLOCKS


def test_what_does_not_fit_is_left_out_and_said() -> None:
    choice = next_block(TASKS, [], 1.0, Durations(SUITE, 2))
    assert choice.task is None
    assert set(choice.left_out) == set(TASKS)


def test_estimates_order_cells_as_they_are() -> None:
    by_model = {cell.model: cell for cell in SUITE.cells if cell.device == "cpu"}
    vit, bert = (estimate(SUITE, by_model[m], 2) for m in ("vit-tiny", "bert-base"))
    assert vit.seconds < bert.seconds
    assert vit.memory_bytes < bert.memory_bytes
    # BERT-base has 110 million fp32 parameters, and imports take 0.3 to 0.5 GB.
    assert 0.7e9 < bert.memory_bytes < 1.5e9
