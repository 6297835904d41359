"""From a plan to its workload: import the framework that the cell names, and no other."""

import os
from typing import TYPE_CHECKING, Any

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError
from hfbench_worker.workload import REFERENCE, Workload

if TYPE_CHECKING:
    from hfbench_worker.training import Trainer


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
        raise _torch_needed(error) from error
    return TorchWorkload(plan)


def _torch_needed(error: ModuleNotFoundError) -> MeasurementError:
    needed = "torch cells need an environment with torch and transformers"
    return MeasurementError("unsupported", f"{error}; {needed}")


def train_here(plan: dict[str, Any], answers: Answers) -> None:
    """Do what a plan of training says in this process, and answer.

    Raises:
        ImportError: the environment lacks the framework.
        MeasurementError: the cell is unsupported here, or its training failed.
    """
    with answers.phase("import"):
        trainer = _import_trainer(plan)
        from hfbench_worker.training import ROLES  # only here: it needs numpy, as the framework
    answers.emit("loaded", **trainer.loaded(), placement=_placement(plan))
    answers.emit("measured", **ROLES[plan["role"]](plan, trainer, answers))


def _import_trainer(plan: dict[str, Any]) -> "Trainer":
    if plan["cell"]["framework"] == "tensorflow":
        from hfbench_worker.tensorflow_training import TensorFlowTrainer

        return TensorFlowTrainer(plan)
    try:
        from hfbench_worker.torch_training import TorchTrainer
    except ModuleNotFoundError as error:
        raise _torch_needed(error) from error
    return TorchTrainer(plan)


def _placement(plan: dict[str, Any]) -> dict[str, Any]:
    known = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return {"cpus": cpus, "pinned": plan.get("cpus") is not None}
