"""Entry point: read the plan, measure, answer, leave at once."""

import contextlib
import json
import os
import sys
from typing import Any, NoReturn

from hfbench_worker import anchor, cold, energy, latency, memory
from hfbench_worker.answers import Answers
from hfbench_worker.failures import describe
from hfbench_worker.lifeline import die_with_parent
from hfbench_worker.opening import open_workload, train_here
from hfbench_worker.process import leave, settle

ROLES = {
    "latency": latency.measure,
    "cold": cold.measure,
    "memory": memory.measure,
    "energy": energy.measure,
    "anchor": anchor.measure,
}


def main() -> NoReturn:
    """Do what the plan on stdin says."""
    plan: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    die_with_parent()
    answer_plan(plan)
    leave()


def answer_plan(plan: dict[str, Any]) -> None:
    """Do what a plan says and write every answer to its `answer_fd`; never raises.

    The framework may have been imported before, as in a fork server: its import phase then takes
    no time.
    """
    os.set_inheritable(plan["answer_fd"], False)  # lest a child of ours keeps it open
    # An OSError means that nobody reads the answers any more.
    with contextlib.suppress(OSError), os.fdopen(plan["answer_fd"], "w", encoding="utf-8") as out:
        answers = Answers(out)
        try:
            settle(plan.get("cpus"))
            _measure(plan, answers)
        except (Exception, SystemExit) as error:  # every failure is data: the parent stores it
            status, reason = describe(error)
            answers.emit("failed", status=status, reason=reason)


def _measure(plan: dict[str, Any], answers: Answers) -> None:
    role = plan.get("role", "latency")
    if role == "self_check":
        from hfbench_worker import self_check  # no measured process run has to read it

        self_check.measure(plan, answers)
        return
    if plan["cell"].get("task"):
        _train(plan, answers)
        return
    workload = open_workload(plan, answers)
    fields = ROLES[role](plan, workload, answers)
    workload.check()  # last: it would take the first use of the device from the first call
    answers.emit("measured", **fields)


def _train(plan: dict[str, Any], answers: Answers) -> None:
    """Train here, or, in torch on several devices, in a process for each."""
    if plan["cell"]["framework"] == "torch" and plan["cell"]["world_size"] > 1:
        from hfbench_worker import torch_ranks

        torch_ranks.train(plan, answers)
    else:
        train_here(plan, answers)


if __name__ == "__main__":
    main()
