"""Role cold: what comes before a steady state, from the import to the first calls.

Nothing is called before the first timed call, the eager fp32 reference neither: it would load
kernels and fill caches that the first call is to find as they are.
"""

from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.timing import time_first_calls
from hfbench_worker.workload import Workload, build_and_prepare


def measure(plan: dict[str, Any], workload: Workload, answers: Answers) -> dict[str, Any]:
    """Time import, build, preparation, and every call from the first on."""
    build_and_prepare(workload, answers)
    iterations_ns = time_first_calls(
        workload.call, workload.synchronize, plan["iterations"], answers.begin
    )
    return {"status": "ok", "iterations_ns": iterations_ns, "phases_ns": answers.phases_ns}
