"""From a plan to its workload: import the framework that the cell names, and no other."""

from typing import TYPE_CHECKING, Any

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError, unsupported
from hfbench_worker.process import usable_cpus
from hfbench_worker.workload import REFERENCE, Workload

if TYPE_CHECKING:
    from hfbench_worker.training import Trainer


def open_workload(plan: dict[str, Any], answers: Answers) -> Workload:
    """Import the plan's framework, open its device, and say what was loaded.

    Raises:
        ImportError: the framework is there, and cannot be imported.
        MeasurementError: the environment lacks the framework, or the cell is unsupported here.
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
    return unsupported(f"{error}; {needed}")


def train_here(plan: dict[str, Any], answers: Answers) -> None:
    """Do what a plan of training says in this process, and answer.

    Raises:
        ImportError: the framework is there, and cannot be imported.
        MeasurementError: as `open_workload`, or the training failed.
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
    return {"cpus": usable_cpus(), "pinned": plan.get("cpus") is not None}
