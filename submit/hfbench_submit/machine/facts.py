"""The machine, fact by fact: one small probe each, absent or null when it cannot be told."""

import contextlib
import platform
from pathlib import Path

import psutil

from hfbench_schema.submission import Cpu, Machine
from hfbench_submit.machine.cgroups import memory_limit
from hfbench_submit.machine.nvml import gpus
from hfbench_submit.machine.placement import numa_nodes, usable_cpus

_GIB = 1024**3


def machine_facts() -> Machine:
    """Return the allow-listed facts of this machine."""
    memory, limit, nodes = psutil.virtual_memory().total, memory_limit(), numa_nodes()
    machine: Machine = {
        "os": platform.system(),
        "kernel": platform.release()[:128],
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "usable_cores": usable_cores(),
        "memory_gib": round(memory / _GIB),
        "virtualised": _virtualised(),
        "accelerators": gpus(),
    }
    if limit is not None and limit < memory:
        machine["memory_limit_gib"] = round(limit / _GIB)
    if nodes is not None:
        machine["numa_nodes"] = nodes
    return machine


def usable_cores() -> int:
    """Return how many physical cores workers use; see `placement.usable_cpus`."""
    return len(usable_cpus())


def _cpu() -> Cpu:
    facts = _cpuinfo()
    cpu: Cpu = {
        "name": (facts.get("model name") or platform.processor() or platform.machine())[:128],
        "physical_cores": psutil.cpu_count(logical=False) or 1,
        "logical_cores": psutil.cpu_count() or 1,
    }
    if "vendor_id" in facts:
        cpu["vendor"] = facts["vendor_id"][:64]
    with contextlib.suppress(KeyError, ValueError):
        cpu["family"], cpu["model"] = int(facts["cpu family"]), int(facts["model"])
    return cpu


def _cpuinfo() -> dict[str, str]:
    """Return the first processor's entries in Linux's /proc/cpuinfo, empty elsewhere."""
    with contextlib.suppress(OSError):
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
        pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
        return {name.strip(): " ".join(value.split()) for name, value in pairs}
    return {}


def _virtualised() -> bool | None:
    flags = _cpuinfo().get("flags")
    return None if flags is None else "hypervisor" in flags.split()
