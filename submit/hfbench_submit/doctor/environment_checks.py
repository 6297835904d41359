"""What a worker sees from inside a measured environment, and whether that can be measured by."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from hfbench_submit.doctor.check import Check, Verdict
from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker
from hfbench_submit.planning.plans import framework_of

TIMEOUT_S = 60.0
"""For how long a worker may be silent: a first import from a cold disk takes long."""
_OURS = ("hfbench_schema", "hfbench_submit")
_THEIRS = ("click", "jsonschema_rs", "psutil", "rich", "rfc8785", "pynvml")
_PLANTED = "hfbench_planted"
"""A module that lies on PYTHONPATH while a worker starts; none may find it."""
_REBUILD = "correct its requirements; if they are right, hfbench-submit envs remove, and repeat"
_METER_TOLERANCE = 0.05
_NO_RATIO = 1.3
_LEAST_RATIO, _MOST_RATIO = 1.6, 2.5
"""A chain of double length takes twice the time, but for what disturbs either of them."""
_MOST_LEFT = 0.2
"""Share of a chain's time that fetching its result may take: a copy, but no computing."""
_MOST_CORES, _LEAST_CORES = 1.2, 0.75
"""CPU time over wall time, over the threads asked for."""


def check_environment(environment: Environment, cpus: Sequence[int], gpu: bool) -> Iterator[Check]:
    """Start one worker in the environment, and judge what it saw.

    Args:
        environment: is measured.
        cpus: what the worker is bound to, and as many threads are asked of the framework, as in a
            sitting.
        gpu: whether this machine has one that a sitting would measure.
    """
    plan = _plan(environment, gpu) | {"cpus": list(cpus)}
    try:
        with _planted_module():
            outcome = run_worker(environment.python, plan, len(cpus), TIMEOUT_S)
    except OSError as error:
        yield Check("environment", "failed", f"{environment.python}: {error.strerror}", _REBUILD)
        return
    seen = outcome.messages
    yield _import_check(environment, outcome)
    yield _isolation_check(seen["isolation"]) if "isolation" in seen else _unseen("isolation")
    yield _memory_check(seen["host_memory"]) if "host_memory" in seen else _unseen("memory meter")
    if "measured" not in seen:
        yield from (_unseen(name) for name in ("synchronisation on cpu", "threads"))
        return
    timings = seen["measured"]["timings"]
    for device, timed in timings.items():
        yield synchronisation_check(f"synchronisation on {device}", timed)
    yield _threads_check(len(cpus), seen["loaded"]["threads"]["intra_op"], timings["cpu"])


def _plan(environment: Environment, gpu: bool) -> dict[str, Any]:
    return {
        "role": "self_check",
        "cell": {"framework": framework_of(environment), "device": "cpu"},
        "seed": 0,
        "iterations": 1,
        "devices": ["cuda"] if gpu else [],
        "modules": [*_OURS, *_THEIRS, _PLANTED],
    }


def _unseen(name: str) -> Check:
    return Check(name, "unknown", "the worker did not get that far")


@contextmanager
def _planted_module() -> Iterator[None]:
    """Make a module importable for whoever heeds this process's PYTHON* variables."""
    kept = os.environ.get("PYTHONPATH")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{_PLANTED}.py").touch()
        os.environ["PYTHONPATH"] = folder
        try:
            yield
        finally:
            del os.environ["PYTHONPATH"]
            if kept is not None:
                os.environ["PYTHONPATH"] = kept


def _import_check(environment: Environment, outcome: WorkerOutcome) -> Check:
    fields = outcome_fields(outcome, environment.facts["packages"], TIMEOUT_S)
    if fields["status"] != "ok":
        return Check("environment", "failed", _end_of(fields["reason"]), _REBUILD)
    packages = outcome.messages["loaded"]["packages"]
    import_s = outcome.messages["measured"]["import_ns"] / 1e9
    versions = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    return Check("environment", "ok", f"{versions}; imported in {import_s:.1f} s")


def _end_of(reason: str, longest: int = 300) -> str:
    """Return a reason's last line, which names the error that a traceback ends with."""
    last = reason.rpartition(" | ")[2] or reason
    return last[-longest:]


def _isolation_check(seen: dict[str, Any]) -> Check:
    leaked = [name for name, origin in seen["found"].items() if _is_the_clients(name, origin)]
    variables = [name for name in seen["variables"] if name != "PYTHONHASHSEED"]
    if leaked or variables:
        what = ", ".join(leaked + variables)
        mend = "remove the .pth file or sitecustomize of that environment which brings them in"
        return Check("isolation", "failed", f"the worker sees {what} of the client", mend)
    detail = "the worker sees no package of the client, and nothing on its PYTHONPATH"
    return Check("isolation", "ok", detail)


def _is_the_clients(name: str, origin: str | None) -> bool:
    """Tell whether a worker found a module where the client has it, and not a copy of its own."""
    if name in (*_OURS, _PLANTED):
        return True
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin == origin


def _memory_check(seen: dict[str, Any]) -> Check:
    if "grown" not in seen:
        return Check("memory meter", "unknown", seen["unreadable"])
    off = seen["grown"] / seen["allocated"] - 1
    detail = f"{_mib(seen['grown'])} seen of {_mib(seen['allocated'])} allocated ({off:+.1%})"
    if abs(off) <= _METER_TOLERANCE:
        return Check("memory meter", "ok", detail)
    mend = "leave out the memory role here: this kernel does not count what a process touches"
    return Check("memory meter", "failed", detail, mend)


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def synchronisation_check(name: str, timed: dict[str, Any]) -> Check:
    """Judge chains by `hfbench_worker.self_check.time_chains`, or the reason that there are none.

    A timing that waits for its work grows with it, and leaves nothing to be waited for.
    """
    if "reason" in timed:
        verdict: Verdict = "warning" if timed["status"] == "unsupported" else "failed"
        mend = "install the framework's build for this GPU (--base), and look at nvidia-smi"
        return Check(name, verdict, _end_of(timed["reason"]), mend)
    single, double = _fastest(timed["single"]), _fastest(timed["double"])
    left = median(chain["left_ns"] / chain["wall_ns"] for chain in timed["double"])
    detail = (
        f"matrix products for {single / 1e6:.1f} ms, twice as many take {double / single:.2f} "
        f"times as long; {left:.0%} of it still to come when synchronised"
    )
    if left > _MOST_LEFT or double < _NO_RATIO * single:
        return Check(name, "failed", detail, "do not measure here, and report this as a defect")
    if not _LEAST_RATIO * single <= double <= _MOST_RATIO * single:
        return Check(name, "warning", detail, "end what else runs on this machine, and repeat")
    return Check(name, "ok", detail)


def _fastest(chains: Sequence[dict[str, int]]) -> int:
    return min(chain["wall_ns"] for chain in chains)


def _threads_check(asked: int, said: int, timed: dict[str, Any]) -> Check:
    """Judge both what the framework says and the CPU time that its products took.

    Too many threads show in most chains; too few only if not even one chain had them all.
    """
    cores = [chain["cpu_ns"] / chain["wall_ns"] for chain in timed["double"]]
    usual, most = median(cores), max(cores)
    detail = f"asked for {asked}, the framework says {said}, {most:.1f} cores were at work"
    verdict: Verdict = "ok"
    mend = ""
    if said != asked or usual > _MOST_CORES * asked:
        verdict = "failed"
        mend = "remove what sets threads as the environment's Python starts (sitecustomize, .pth)"
    elif most < _LEAST_CORES * asked:
        verdict = "warning"
        mend = "end what else runs here, and look for a CPU limit of the container or the job"
    return Check("threads", verdict, detail, mend)
