"""Which counts make a process run contaminated, and which are ordinary."""

import pytest

from hfbench_schema.contamination import contamination_causes
from hfbench_schema.submission import Contamination, ProcessRun

CPU_CELL = "smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
GPU_CELL = "smoke/bert-base/torch-eager/cuda/fp32/b1-s64"
CORES = 4


def run(facts: Contamination, cell: str = CPU_CELL, wall_s: float = 10.0) -> ProcessRun:
    return {
        "cell": cell,
        "environment": 0,
        "block": 0,
        "started_at": "2026-01-01T00:00:00Z",
        "wall_ns": round(wall_s * 1e9),
        "status": "ok",
        "contamination": facts,
    }


ORDINARY: list[Contamination] = [
    {},
    {
        "foreign_cpu_ms": 300,
        "steal_ms": 100,
        "throttled_ms": 60,
        "swapped_pages": 40,
        "thermal_throttles": 0,
        "foreign_gpu_processes": 0,
        "gpu_throttled": False,
    },
    {"on_battery": True, "clock_step_ms": 3_600_000},
]


@pytest.mark.parametrize("facts", ORDINARY)
def test_a_machine_with_its_usual_daemons_is_clean(facts: Contamination) -> None:
    assert contamination_causes(run(facts), CORES) == []


CONTAMINATED: list[tuple[Contamination, str]] = [
    ({"foreign_cpu_ms": 1200}, "foreign CPU time 12 % of a core"),
    ({"steal_ms": 2400}, "CPU time stolen by the hypervisor 6 %"),
    ({"throttled_ms": 1200}, "CPU time withheld by a quota 3 %"),
    ({"swapped_pages": 5000}, "5000 pages read back from swap"),
    ({"thermal_throttles": 1}, "the processor slowed down for its temperature 1 times"),
    ({"foreign_gpu_processes": 1}, "other processes on the GPU: 1"),
    ({"gpu_throttled": True}, "the GPU slowed down for power or temperature"),
]


@pytest.mark.parametrize(("facts", "cause"), CONTAMINATED)
def test_each_cause_is_named(facts: Contamination, cause: str) -> None:
    assert contamination_causes(run(facts), CORES) == [cause]


def test_causes_add_up() -> None:
    facts: Contamination = {"foreign_cpu_ms": 9000, "swapped_pages": 9000}
    assert len(contamination_causes(run(facts), CORES)) == 2


def test_a_moment_of_foreign_load_is_within_what_ticks_can_tell() -> None:
    assert contamination_causes(run({"foreign_cpu_ms": 90}, wall_s=0.3), CORES) == []


def test_a_worker_on_a_gpu_leaves_the_other_cores_to_others() -> None:
    facts: Contamination = {"foreign_cpu_ms": 3000}
    assert contamination_causes(run(facts), CORES)
    assert contamination_causes(run(facts, GPU_CELL), CORES) == []
    assert contamination_causes(run({"foreign_cpu_ms": 5000}, GPU_CELL), CORES)


def test_bytes_of_memory_mind_swapping_alone() -> None:
    busy, swapping = run({"foreign_cpu_ms": 9000}), run({"swapped_pages": 9000})
    busy["role"] = swapping["role"] = "memory"
    assert contamination_causes(busy, CORES) == []
    assert contamination_causes(swapping, CORES)


def test_what_was_never_launched_is_clean() -> None:
    assert contamination_causes(run({"foreign_cpu_ms": 9000}, wall_s=0), CORES) == []
