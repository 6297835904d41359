"""Rules on what process runs measured: durations, outputs, memory and energy that can be true."""

from collections.abc import Iterator
from typing import Final, cast

from hfbench_schema.figures import is_measured, lacking_of_cold
from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_places import cell_of
from hfbench_schema.submission import (
    MEASURED_STATUSES,
    ProcessRun,
    Submission,
    role_of,
    timed_iterations,
)
from hfbench_schema.tolerances import TOLERANCES_PPB

WORKER_END_NS: Final = 60 * 10**9
"""What killing a worker, or waiting for its end, may take beyond its time."""

PHASES: Final = ("start", "import", "build", "reference", "prepare", "first call", "calls")
"""A slow import must not take the time of a slow compilation: each phase has the whole timeout."""

CALLS_FACTOR: Final = 6
"""Calls over timed iterations, at most; slow ones have the whole timeout each."""
ENERGY_WINDOWS: Final = 20
"""More windows than any worker opens; each may take the whole timeout, like a phase."""

LEAST_WARMUP: Final = 3
"""Calls that are warm-up in every process run; the worker has its own copy of this number."""

MOST_WATTS: Final = 20_000
"""Above what a whole server draws: a larger figure is a counter misread, not a machine."""


def check_durations(document: Submission) -> Iterator[Finding]:
    """HFB031, HFB033: iterations fit into their process run, and it into its time.

    How long a training may take depends on its suite: `rules_training` judges that.
    """
    protocol = document["protocol"]
    for index, run in enumerate(document["process_runs"]):
        pointer, wall_ns = f"/process_runs/{index}", run["wall_ns"]
        if (total := _accounted_ns(run)) > wall_ns:
            yield finding("HFB031", pointer, total_ns=total, wall_ns=wall_ns)
        if "iterations" not in protocol:
            continue
        steps = _steps(run, protocol["iterations"])
        yield from check_end(run, steps, protocol["timeout_s"], pointer)


def check_end(run: ProcessRun, steps: int, timeout_s: int, pointer: str) -> Iterator[Finding]:
    """HFB033: a process run was ended when one of its steps took the whole timeout."""
    if (wall_ns := run["wall_ns"]) > steps * timeout_s * 10**9 + WORKER_END_NS:
        yield finding("HFB033", pointer, wall_ns=wall_ns, timeout_s=timeout_s, steps=steps)


def check_iterations(document: Submission) -> Iterator[Finding]:
    """HFB041, HFB042, HFB047: as many calls were made and timed as the protocol says."""
    wanted = document["protocol"].get("iterations")
    for index, run in enumerate(document["process_runs"]):
        pointer = f"/process_runs/{index}"
        if is_measured(run, "cold") and (lacking := lacking_of_cold(run)):
            yield finding("HFB047", pointer, lacking=", ".join(lacking))
        if not is_measured(run, "latency"):
            continue
        if wanted is not None and (timed := len(timed_iterations(run))) != wanted:
            yield finding("HFB041", pointer, count=timed, wanted=wanted)
        if (warmup := run["warmup_iterations"]) < LEAST_WARMUP:
            yield finding("HFB042", pointer, count=warmup, wanted=LEAST_WARMUP)


def _accounted_ns(run: ProcessRun) -> int:
    """Sum what surely lies between launch and end; a fork server imports before the launch."""
    phases, energy = run.get("phases_ns", {}), run.get("energy")
    windows = [*energy["busy"], *energy["idle"]] if energy else []
    epochs = run["training"]["epochs"] if "training" in run else []
    return (
        sum(run.get("iterations_ns", []))
        + sum(phases.get(name, 0) for name in ("build", "prepare"))
        + sum(window["duration_ns"] for window in windows)
        + sum(epoch["training_ns"] + epoch["evaluation_ns"] for epoch in epochs)
    )


def _steps(run: ProcessRun, iterations: int) -> int:
    """Return how many times the timeout may begin anew."""
    windows = ENERGY_WINDOWS if role_of(run) == "energy" else 0
    return len(PHASES) + CALLS_FACTOR * iterations + windows


def check_memory(document: Submission) -> Iterator[Finding]:
    """HFB054: a process takes some of the host's memory, and no more than there is."""
    # The machine's figure is rounded to whole GiB.
    most = (document["machine"]["memory_gib"] + 1) * 2**30
    for index, run in enumerate(document["process_runs"]):
        for name, count in cast("dict[str, int]", run.get("memory", {})).items():
            if name.startswith("host_") and not 0 < count <= most:
                pointer = f"/process_runs/{index}/memory/{name}"
                yield finding("HFB054", pointer, count=count, limit=most)


def check_outputs(document: Submission) -> Iterator[Finding]:
    """HFB050, HFB051, HFB052: outputs were compared, by the published tolerance, and it decided."""
    for index, run in enumerate(document["process_runs"]):
        if (cell := cell_of(run)) is None:
            continue
        pointer, check = f"/process_runs/{index}/output_check", run.get("output_check")
        latency = role_of(run) == "latency" and run["status"] in MEASURED_STATUSES
        if check is None:
            # Eager fp32 is what all others are compared with.
            if latency and (cell.mode, cell.precision) != ("eager", "fp32"):
                yield finding("HFB052", pointer, cell=run["cell"])
            continue
        distance, tolerance = check["distance_ppb"], check["tolerance_ppb"]
        limit = TOLERANCES_PPB.get(cell.precision, tolerance)
        if tolerance > limit:
            yield finding("HFB051", pointer, tolerance=tolerance, limit=limit)
        wrong = run["status"] == "wrong_output"
        if (latency and distance > tolerance) or (wrong and distance <= tolerance):
            yield finding(
                "HFB050", pointer, distance=distance, tolerance=tolerance, status=run["status"]
            )


def check_energy(document: Submission) -> Iterator[Finding]:
    """HFB053: windows of calls hold calls, idle ones hold none, and the power is a machine's."""
    for index, run in enumerate(document["process_runs"]):
        if "energy" not in run:
            continue
        for kind in ("busy", "idle"):
            for place, window in enumerate(run["energy"][kind]):
                pointer = f"/process_runs/{index}/energy/{kind}/{place}"
                watts = 1e6 * window["millijoules"] / window["duration_ns"]
                if not 0 < watts < MOST_WATTS or (window["calls"] > 0) != (kind == "busy"):
                    yield finding(
                        "HFB053", pointer, watts=f"{watts:.3g}", calls=window["calls"], kind=kind
                    )
