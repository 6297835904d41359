"""Role anchor: a fixed matrix product and a fixed copy, which show how the machine drifts."""

from collections.abc import Callable
from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.steady_state import LEAST_WARMUP
from hfbench_worker.timing import time_first_calls
from hfbench_worker.workload import Workload


def measure(plan: dict[str, Any], workload: Workload, answers: Answers) -> dict[str, Any]:
    """Time `iterations` matrix products and as many copies, after a few that warm up."""

    def timed(work: Callable[[], object]) -> list[int]:
        calls = LEAST_WARMUP + plan["iterations"]
        durations_ns = time_first_calls(
            lambda _: work(), workload.synchronize, calls, answers.begin
        )
        return durations_ns[LEAST_WARMUP:]

    multiply, copy = workload.anchor_calls()
    return {"status": "ok", "matmul_ns": timed(multiply), "copy_ns": timed(copy)}
