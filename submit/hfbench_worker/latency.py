"""Role latency: calls timed until they are steady, their output checked against eager fp32."""

from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError
from hfbench_worker.timing import CALLS_PHASES, time_calls
from hfbench_worker.workload import REFERENCE, Workload, build_and_prepare

TOLERANCES = {
    # Only the order of additions differs, and cuDNN may round convolutions to TF32 (2^-11).
    "fp32": 1e-3,
    # A result keeps 11 bits (2^-12 relative error); a deep network adds up a few dozen of them.
    "fp16": 1e-2,
    "fp16-autocast": 1e-2,
    # A result keeps 8 bits (2^-9 relative error), and as many of them add up.
    "bf16": 5e-2,
    "bf16-autocast": 5e-2,
}
"""The largest relative distance from the eager fp32 output that rounding explains."""
_PARTS_PER_BILLION = 1_000_000_000


def measure(plan: dict[str, Any], workload: Workload, answers: Answers) -> dict[str, Any]:
    """Time calls until they are steady.

    Raises:
        MeasurementError: the output is not that of the eager fp32 network, or not finite.
    """
    compared = any(plan["cell"][axis] != value for axis, value in REFERENCE.items())
    build_and_prepare(workload, answers, reference=compared)
    iterations_ns, warmup, steady = time_calls(
        workload.call, workload.synchronize, plan["iterations"], answers.begin
    )
    answers.begin(CALLS_PHASES[1])  # one more, which may take as long as any
    output = workload.call(0)
    return {
        "status": "ok" if steady else "no_steady_state",
        "warmup_iterations": warmup,
        "iterations_ns": iterations_ns,
        "phases_ns": answers.phases_ns,
        "output_sha256": workload.digest(output),
        **(_output_check(workload.distance(output), plan["cell"]["precision"]) if compared else {}),
    }


def _output_check(distance: float, precision: str) -> dict[str, Any]:
    tolerance = TOLERANCES[precision]
    if not distance <= tolerance:  # so that NaN fails as well
        raise MeasurementError(
            "wrong_output",
            f"the output is {distance:.3g} (relative) away from the eager fp32 output of the same"
            f" weights and input; {precision} explains {tolerance:g}",
        )
    parts = {"distance_ppb": distance, "tolerance_ppb": tolerance}
    return {"output_check": {name: round(v * _PARTS_PER_BILLION) for name, v in parts.items()}}
