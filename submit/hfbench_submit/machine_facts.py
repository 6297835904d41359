"""The machine, fact by fact: one small probe each, absent or null when it cannot be told."""

import contextlib
import os
import platform
from pathlib import Path

import psutil
import pynvml

from hfbench_schema.submission import Accelerator, Cpu, Machine

_GIB = 1024**3


def machine_facts() -> Machine:
    """Return the allow-listed facts of this machine."""
    return {
        "os": platform.system(),
        "kernel": platform.release()[:128],
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "usable_cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB),
        "virtualised": _virtualised(),
        "accelerators": _nvidia_gpus(),
    }


def usable_cores() -> int:
    """Return how many physical cores affinity and cgroup limits leave to this process."""
    cores = {_core_of(cpu) for cpu in _affinity()}
    return min(len(cores), _cgroup_cores() or len(cores))


def _affinity() -> list[int]:
    with contextlib.suppress(AttributeError):  # macOS has no affinity
        return sorted(os.sched_getaffinity(0))
    return list(range(psutil.cpu_count(logical=False) or 1))


def _core_of(cpu: int) -> str:
    """Return a name shared by the logical CPUs of one physical core."""
    siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    with contextlib.suppress(OSError):
        return siblings.read_text().strip()
    return str(cpu)


def _cgroup_cores() -> int | None:
    """Return the cores of the tightest cgroup v2 quota above this process, None without one.

    Half a core counts as one: a worker needs a thread.
    """
    group = Path("/sys/fs/cgroup") / _own_cgroup()
    quotas = [_quota(folder / "cpu.max") for folder in (group, *group.parents)]
    return min((max(1, quota) for quota in quotas if quota is not None), default=None)


def _own_cgroup() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/"):
                return line.removeprefix("0::/")
    return ""


def _quota(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # no file, or "max": no limit
        quota, period = file.read_text().split()
        return int(quota) // int(period)
    return None


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


def _nvidia_gpus() -> list[Accelerator]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no device
        return []
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        return [_nvidia_gpu(index, driver) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _nvidia_gpu(index: int, driver: str) -> Accelerator:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return {
        "vendor": "NVIDIA",
        "name": pynvml.nvmlDeviceGetName(handle),
        "memory_gib": round(pynvml.nvmlDeviceGetMemoryInfo(handle).total / _GIB),
        "driver": driver,
    }
