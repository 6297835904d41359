"""Entry point: read the plan, measure, answer, leave at once."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from hfbench_worker import anchor, cold, energy, latency, memory
from hfbench_worker.answers import Answers
from hfbench_worker.failures import describe
from hfbench_worker.lifeline import die_with_parent
from hfbench_worker.opening import open_workload

ROLES = {
    "latency": latency.measure,
    "cold": cold.measure,
    "memory": memory.measure,
    "energy": energy.measure,
    "anchor": anchor.measure,
}


def main() -> None:
    """Do what the plan on stdin says; never returns."""
    plan: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    die_with_parent()
    answer_plan(plan)
    _end_compile_workers()
    sys.stdout.flush()
    sys.stderr.flush()
    # Tearing down torch takes a second that nobody needs.
    os._exit(0)


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
            _settle(plan.get("cpus"))
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
    workload = open_workload(plan, answers)
    fields = ROLES[role](plan, workload, answers)
    workload.check()  # last: it would take the first use of the device from the first call
    answers.emit("measured", **fields)


def _end_compile_workers() -> None:
    """Wait for the processes that torch.compile compiles in, where it has started any.

    Left behind, they would compute on, and nobody would count their CPU time as this worker's.
    """
    if pool := sys.modules.get("torch._inductor.async_compile"):
        with contextlib.suppress(Exception):  # the answer is given; the parent ends what is left
            pool.shutdown_compile_workers()


def _settle(cpus: list[int] | None) -> None:
    """Take the CPUs the parent chose, and be the first that the kernel kills for memory."""
    if cpus is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main()
