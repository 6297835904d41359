"""What the doctor asks from inside a measured environment, where alone it can be seen.

It reports what it saw and judges nothing: the client does.
"""

import importlib.util
import os
from collections.abc import Callable
from time import perf_counter_ns, process_time_ns
from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError, describe
from hfbench_worker.memory import reset_host_peak, status_bytes
from hfbench_worker.opening import open_workload
from hfbench_worker.workload import Workload

KNOWN_BYTES = 256 << 20
"""What is allocated, and every page of it touched, for the memory meter to see."""
CHAIN_NS = 40_000_000
"""How long a chain of matrix products should take: far longer than any timer or launch."""
REPEATS = 5
_MOST_CALLS = 1000  # a device queues about as many


def measure(plan: dict[str, Any], answers: Answers) -> None:
    """Answer what can be seen without the framework, then with it.

    The plan's cell is on the CPU; the plan names, besides what every plan has, `modules` to be
    looked for, and further `devices` to be timed. What comes before the import is answered even
    where the import fails.
    """
    answers.emit("isolation", **_isolation(plan["modules"]))
    answers.emit("host_memory", **_host_memory())
    workload = open_workload(plan, answers)
    import_ns = answers.phases_ns["import"]
    timings = {"cpu": time_chains(workload, plan["cell"]["framework"])}
    for device in plan["devices"]:
        timings[device] = _timing_on(device, plan, answers)
    answers.emit("measured", status="ok", import_ns=import_ns, timings=timings)


def _timing_on(device: str, plan: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Time chains on a device beside the CPU, or return why they cannot be."""
    cell = {**plan["cell"], "device": device}
    try:
        workload = open_workload({**plan, "cell": cell}, answers)
        answers.begin("calls")
        return time_chains(workload, cell["framework"])
    except Exception as error:  # what the CPU showed is answered all the same
        status, reason = describe(error)
        return {"status": status, "reason": reason}


def _isolation(modules: list[str]) -> dict[str, Any]:
    """Return where the modules are found that can be, and all variables that Python heeds."""
    specs = {name: importlib.util.find_spec(name) for name in modules}
    return {
        "found": {name: spec.origin for name, spec in specs.items() if spec is not None},
        "variables": sorted(name for name in os.environ if name.startswith("PYTHON")),
    }


def _host_memory() -> dict[str, Any]:
    """Allocate what is known, and return by how many bytes the memory role's meter rose."""
    try:
        reset_host_peak()
        before = status_bytes("VmRSS")
        known = b"\x01" * KNOWN_BYTES
        return {"allocated": len(known), "grown": status_bytes("VmHWM") - before}
    except MeasurementError as error:
        return {"allocated": KNOWN_BYTES, "unreadable": str(error)}


def time_chains(workload: Workload, framework: str) -> dict[str, Any]:
    """Time chains of matrix products, single and of double length in turn.

    Returns `calls` of a single chain, and under `single` and `double` each chain's wall and CPU
    time in ns, and how long its result still took to fetch after `synchronize` had returned.
    """
    product, _ = workload.anchor_calls()
    calls = _calls_per_chain(product, framework)
    chains: dict[str, Any] = {"calls": calls, "single": [], "double": []}
    for _ in range(REPEATS):
        chains["single"].append(_time_chain(workload, product, calls, framework))
        chains["double"].append(_time_chain(workload, product, 2 * calls, framework))
    return chains


def _calls_per_chain(product: Callable[[], object], framework: str) -> int:
    for _ in range(3):  # the first ones start the threads and choose the kernel
        _fetch(product(), framework)
    start = perf_counter_ns()
    _fetch(product(), framework)
    return max(1, min(_MOST_CALLS, -(-CHAIN_NS // (perf_counter_ns() - start))))


def _time_chain(
    workload: Workload, product: Callable[[], object], calls: int, framework: str
) -> dict[str, int]:
    workload.synchronize()
    cpu, start = process_time_ns(), perf_counter_ns()
    for _ in range(calls - 1):
        product()
    last = product()
    workload.synchronize()
    wall_ns, cpu_ns = perf_counter_ns() - start, process_time_ns() - cpu
    start = perf_counter_ns()
    _fetch(last, framework)
    return {"wall_ns": wall_ns, "cpu_ns": cpu_ns, "left_ns": perf_counter_ns() - start}


def _fetch(output: Any, framework: str) -> object:
    """Bring a result to the host, which no framework can do before it is computed."""
    return output.numpy() if framework == "tensorflow" else output.cpu()
