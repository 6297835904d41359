"""Process runs made up for tests, and the submission of a sitting that holds them."""

from collections.abc import Sequence
from typing import Any

from hfbench_schema.cells import Cell
from hfbench_schema.submission import (
    SUBMISSION_SCHEMA,
    Anchor,
    EnvironmentFacts,
    Machine,
    ProcessRun,
    Submission,
)
from hfbench_schema.suites import latest_suite
from hfbench_submit.planning.slots import Slot

SUITE = latest_suite("inference")
CORES = 2
MOMENT = "2026-11-20T12:00:00Z"
MS = 10**6
S = 10**9
MIB = 1 << 20
MACHINE: Machine = {
    "os": "Linux",
    "architecture": "x86_64",
    "cpu": {"name": "Made Up 9000", "physical_cores": CORES, "logical_cores": CORES},
    "usable_cores": CORES,
    "memory_gib": 24,
    "virtualised": False,
    "accelerators": [],
}


def cell(how: str, model: str = "bert-base", precision: str = "fp32") -> str:
    """Return the id of the suite's smallest such cell on the CPU; `how` as in `torch-eager`."""

    def wanted(candidate: Cell) -> bool:
        place = (f"{candidate.framework}-{candidate.mode}", candidate.model, candidate.device)
        return (*place, candidate.precision) == (how, model, "cpu", precision)

    return min(filter(wanted, SUITE.cells), key=lambda c: (c.batch_size, c.sequence_length)).id


def run_of(slot: Slot, status: str = "ok", **fields: Any) -> ProcessRun:
    """Return a process run of 10 s without figures."""
    run: dict[str, Any] = {
        "cell": slot.cell,
        "environment": slot.environment,
        "block": slot.block,
        "role": slot.role,
        "started_at": MOMENT,
        "wall_ns": 10 * S,
        "status": status,
        "threads": {"intra_op": CORES, "inter_op": CORES},
        **({"caches": slot.caches} if slot.caches else {}),
        **({"attempt": slot.attempt} if slot.attempt else {}),
        **({} if status == "ok" else {"reason": "made up"}),
        **fields,
    }
    return run  # type: ignore[return-value]


def latency(slot: Slot, milliseconds: float, status: str = "ok", **fields: Any) -> ProcessRun:
    """Return a process run whose median call takes so long, after three slow warm-up calls."""
    median, half = round(milliseconds * MS), SUITE.iterations // 2
    # No two process runs of a valid submission took the same times.
    own = _own(slot)
    around = [median - own * i for i in range(half, 0, -1)]
    around += [median + own * i for i in range(1, half + 1)]
    measured: dict[str, Any] = {
        "warmup_iterations": 3,
        "iterations_ns": [4 * median, 3 * median, 2 * median, *around],
        "output_sha256": "ab" * 32,
    }
    if "/torch-eager/cpu/fp32/" not in slot.cell:
        measured["output_check"] = {"distance_ppb": 100, "tolerance_ppb": 1_000_000}
    return run_of(slot, status, **measured, **fields)


def _own(slot: Slot) -> int:
    """Return a small number that tells process runs of one role apart."""
    return 1 + slot.block + 100 * slot.environment


def cold(slot: Slot, prepare_s: float, first_call_s: float, steady_s: float) -> ProcessRun:
    """Return a cold process run that imports for 4 s and builds for 1 s."""
    steady = round(steady_s * S) + _own(slot)
    return run_of(
        slot,
        phases_ns={"import": 4 * S, "build": S, "prepare": round(prepare_s * S)},
        iterations_ns=[round(first_call_s * S), 2 * steady, steady, steady + 1, steady - 1],
        wall_ns=300 * S,
    )


def environment(label: str, version: str, replica: int = 0) -> EnvironmentFacts:
    """Return an environment with torch and one version of transformers."""
    packages = {"torch": "2.13.0", "transformers": version}
    return {"label": label, "replica": replica, "python": "3.11.7", "packages": packages}


OLD = environment("transformers-4.57.6", "4.57.6")
NEW = environment("transformers-5.23.0", "5.23.0")
COPY = environment("transformers-4.57.6~1", "4.57.6", replica=1)


def submission(
    runs: Sequence[ProcessRun],
    environments: Sequence[EnvironmentFacts] = (OLD, NEW),
    anchors: Sequence[Anchor] = (),
) -> Submission:
    """Return the document of a sitting of six hours."""
    return {
        "schema": SUBMISSION_SCHEMA,
        "client": {"name": "hfbench", "version": "0.1.0"},
        "suite": {"name": SUITE.name, "version": SUITE.version, "sha256": SUITE.sha256},
        "sitting": {
            "id": "0" * 32,
            "seed": 1,
            "invocations": [MOMENT],
            "finished_at": "2026-11-20T18:00:00Z",
        },
        "protocol": {
            "launch": "spawn",
            "order": "abba",
            "roles": ["latency", "cold", "memory", "energy"],
            "process_runs": 1 + max(run["block"] for run in runs),
            "iterations": SUITE.iterations,
            "timeout_s": 600,
        },
        "machine": MACHINE,
        "environments": list(environments),
        "anchors": list(anchors),
        "process_runs": list(runs),
    }
