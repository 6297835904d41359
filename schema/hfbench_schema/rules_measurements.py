"""Rules on what process runs measured: durations, outputs and energy that can be true."""

from collections.abc import Iterator
from typing import Final

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

ENERGY_WINDOWS: Final = 20
"""More windows than any worker opens; each may take the whole timeout, like a phase."""

MOST_WATTS: Final = 20_000
"""Above what a whole server draws: a larger figure is a counter misread, not a machine."""


def check_durations(document: Submission) -> Iterator[Finding]:
    """HFB031, HFB033, HFB041: iterations fit into their process run, and it into its time."""
    protocol = document["protocol"]
    for index, run in enumerate(document["process_runs"]):
        pointer, wall_ns = f"/process_runs/{index}", run["wall_ns"]
        if (total := _accounted_ns(run)) > wall_ns:
            yield finding("HFB031", pointer, total_ns=total, wall_ns=wall_ns)
        if wall_ns > _steps(run) * protocol["timeout_s"] * 10**9 + WORKER_END_NS:
            yield finding(
                "HFB033", pointer, wall_ns=wall_ns, timeout_s=protocol["timeout_s"],
                steps=_steps(run),
            )  # fmt: skip
        latency = role_of(run) == "latency" and run["status"] in MEASURED_STATUSES
        if latency and (timed := len(timed_iterations(run))) < protocol["iterations"]:
            yield finding("HFB041", pointer, count=timed, wanted=protocol["iterations"])


def _accounted_ns(run: ProcessRun) -> int:
    """Sum what surely lies between launch and end; a fork server imports before the launch."""
    phases, energy = run.get("phases_ns", {}), run.get("energy")
    windows = [*energy["busy"], *energy["idle"]] if energy else []
    return (
        sum(run.get("iterations_ns", []))
        + sum(phases.get(name, 0) for name in ("build", "prepare"))
        + sum(window["duration_ns"] for window in windows)
    )


def _steps(run: ProcessRun) -> int:
    """Return how many times the timeout may begin anew."""
    return len(PHASES) + (ENERGY_WINDOWS if role_of(run) == "energy" else 0)


def check_copies(document: Submission) -> Iterator[Finding]:
    """HFB043: no two process runs took the same time in every iteration, to the nanosecond."""
    seen: dict[tuple[int, ...], int] = {}
    for index, run in enumerate(document["process_runs"]):
        iterations = tuple(run.get("iterations_ns", ()))
        if iterations and (first := seen.setdefault(iterations, index)) != index:
            pointer = f"/process_runs/{index}/iterations_ns"
            yield finding("HFB043", pointer, other=f"/process_runs/{first}")


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
