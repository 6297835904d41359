"""Made-up process runs of the roles cold, memory and energy, for `simulated_store.py`."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from benchmarks.simulated_truth import SUITE, MachineClass, base_seconds

from hfbench_schema.cells import Cell
from hfbench_schema.timestamps import format_moment
from hfbench_schema.work import least_weights

MODELS: Final = 3
"""The cells of so many models are measured in these roles, in the first two environments."""
_S: Final = 10**9
_MIB: Final = 2**20
Document = dict[str, Any]


def further_runs(
    random: Random, machine: MachineClass, cells: Sequence[Cell], moment: datetime
) -> Iterator[Document]:
    """Yield two process runs of memory and energy, and three cold ones, for some cells."""
    models = list(dict.fromkeys(cell.model for cell in cells))[:MODELS]
    for cell in (each for each in cells if each.model in models):
        for environment in (0, 1):
            for fields in _fields(random, machine, cell):
                moment += timedelta(seconds=1)
                yield {
                    "cell": cell.id,
                    "environment": environment,
                    "started_at": format_moment(moment),
                    "status": "ok",
                    "contamination": {"foreign_cpu_ms": 0},
                    **fields,
                }
                moment += timedelta(seconds=fields["wall_ns"] / _S)


def _fields(random: Random, machine: MachineClass, cell: Cell) -> Iterator[Document]:
    for block in range(2):
        yield {"role": "memory", "block": block, **_memory(random, machine, cell)}
    for block in range(3):
        yield {"role": "cold", "block": block, **_cold(random, machine, cell)}
    for block in range(2 if machine.device == "cuda" else 0):
        yield {"role": "energy", "block": block, **_energy(random, machine, cell)}


def _memory(random: Random, machine: MachineClass, cell: Cell) -> Document:
    weights = least_weights(SUITE, cell.model) * (4 if cell.precision == "fp32" else 2)
    peak = weights + 60 * _MIB * cell.batch_size + random.randrange(_MIB)
    sizes = {"host_imported": 420 * _MIB, "host_built": 450 * _MIB + weights}
    sizes["host_peak"] = 470 * _MIB + peak
    if machine.device == "cuda":
        sizes |= {"device_built": weights, "device_peak": peak, "device_reserved": peak + 64 * _MIB}
    return {"memory": sizes, "wall_ns": 20 * _S}


def _cold(random: Random, machine: MachineClass, cell: Cell) -> Document:
    call = int(base_seconds(cell.id, machine) * _S)
    compiling = 25 * _S if cell.mode == "compile" else 0
    first = int((compiling + 8 * call) * random.uniform(0.95, 1.05))
    calls = [first, 2 * call, *(call + random.randrange(call // 20 + 2) for _ in range(3))]
    return {
        "caches": "empty",
        "phases_ns": {"import": 4 * _S, "build": _S, "prepare": _S // 100},
        "iterations_ns": calls,
        "threads": {"intra_op": machine.facts["usable_cores"], "inter_op": 1},
        "wall_ns": sum(calls) + 8 * _S,
    }


def _energy(random: Random, machine: MachineClass, cell: Cell) -> Document:
    calls = max(1, round(10 / base_seconds(cell.id, machine)))
    watts, idle = random.uniform(280, 300), random.uniform(60, 62)
    busy = [_window(random, watts, calls) for _ in range(3)]
    return {
        "energy": {"source": "nvml", "busy": busy, "idle": [_window(random, idle, 0)] * 1},
        "wall_ns": 60 * _S,
    }


def _window(random: Random, watts: float, calls: int) -> Document:
    duration = 10 * _S + random.randrange(_S // 100)
    return {"duration_ns": duration, "millijoules": round(watts * duration / 1e6), "calls": calls}
