"""From a plan to its workload: import the framework that the cell names, and no other."""

import os
from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError
from hfbench_worker.workload import REFERENCE, Workload


def open_workload(plan: dict[str, Any], answers: Answers) -> Workload:
    """Import the plan's framework, open its device, and say what was loaded.

    Raises:
        ImportError: the environment lacks the framework.
        MeasurementError: the cell is unsupported here.
    """
    with answers.phase("import"):
        workload = _import_workload(plan)
    answers.emit("loaded", **workload.loaded(), placement=_placement(plan))
    return workload


def _import_workload(plan: dict[str, Any]) -> Workload:
    plan = {**plan, "cell": REFERENCE | plan["cell"]}
    if plan["cell"]["framework"] == "tensorflow":
        from hfbench_worker.tensorflow_workload import TensorFlowWorkload

        return TensorFlowWorkload(plan)
    try:
        from hfbench_worker.torch_workload import TorchWorkload
    except ModuleNotFoundError as error:
        needed = "torch cells need an environment with torch and transformers"
        raise MeasurementError("unsupported", f"{error}; {needed}") from error
    return TorchWorkload(plan)


def _placement(plan: dict[str, Any]) -> dict[str, Any]:
    known = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return {"cpus": cpus, "pinned": plan.get("cpus") is not None}
