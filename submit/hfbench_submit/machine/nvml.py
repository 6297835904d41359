"""What NVIDIA's management library tells about GPUs; without a driver there are none.

A GPU that is lost, or a driver that is loaded anew, is never an error here: nothing is told.

GPUs are named by UUID, which no other order of devices can change. A UUID identifies a
machine: it goes to workers, never into a document.
"""

import atexit
import contextlib
import os
from functools import cache
from typing import Any

import pynvml

from hfbench_schema.submission import Accelerator

_GIB = 1024**3
# Not the power cap: a GPU at full load runs at it, and some name it when idle.
_SLOWDOWNS = (
    pynvml.nvmlClocksThrottleReasonHwSlowdown
    | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
    | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
)


def gpus() -> list[Accelerator]:
    """Return the facts of every GPU that answers, in the order of their PCI addresses."""
    facts = (_facts(index) for index in range(_count()))
    return [fact for fact in facts if fact is not None]


def chosen_gpu() -> str | None:
    """Return the UUID of the GPU that workers with one device use, None if there is none.

    It is the first one of CUDA_VISIBLE_DEVICES (by number, UUID or a UUID's beginning), and
    of the machine if that is not set. Once it is known, it stays: a GPU that is lost meanwhile
    must not make workers use the next one.
    """
    return next(iter(chosen_gpus(1)), None)


def chosen_gpus(count: int) -> list[str]:
    """Return the UUIDs of the first `count` GPUs, fewer if there are no more; as `chosen_gpu`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(i) for i in range(count)] if visible is None else visible.split(",")
    chosen: list[str] = []
    for name in names[:count]:
        if (uuid := _uuid_of(name.strip())) is None:
            break  # CUDA sees nothing either of what comes after a device that is not there
        chosen.append(uuid)
    return chosen


@cache
def _uuid_of(name: str) -> str | None:
    if name.startswith("MIG-"):  # a slice of a GPU, which is not among the GPUs
        return name
    if name.isdigit():
        return gpu_uuid(int(name))
    uuids = (gpu_uuid(index) for index in range(_count()))
    return next((uuid for uuid in uuids if name and uuid and uuid.startswith(name)), None)


def gpu_uuid(index: int) -> str | None:
    """Return the UUID of the GPU with this number by PCI address, None if there is none."""
    if index < _count():
        with contextlib.suppress(pynvml.NVMLError):
            return str(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index)))
    return None


def pci_address(uuid: str) -> str | None:
    """Return the GPU's PCI address as Linux writes it, None if the driver does not tell."""
    with contextlib.suppress(pynvml.NVMLError):
        domain, _, rest = pynvml.nvmlDeviceGetPciInfo(_handle(uuid)).busId.partition(":")
        return f"{int(domain, 16):04x}:{rest.lower()}"
    return None


def compute_processes(uuid: str) -> int | None:
    """Return how many processes hold the GPU for computing, None if the driver does not tell."""
    with contextlib.suppress(pynvml.NVMLError):
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses(_handle(uuid)))
    return None


def is_slowed_down(uuid: str) -> bool | None:
    """Return whether heat or want of power slows the GPU down now, None if not told."""
    with contextlib.suppress(pynvml.NVMLError):
        reasons = int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(_handle(uuid)))
        return bool(reasons & _SLOWDOWNS)
    return None


def energy_mj(uuid: str) -> int | None:
    """Return the millijoules that the GPU has used since its driver was loaded, None if not told.

    GPUs before Volta have no such counter; it moves every 20 to 100 ms.
    """
    with contextlib.suppress(pynvml.NVMLError):
        return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(_handle(uuid)))
    return None


def _facts(index: int) -> Accelerator | None:
    with contextlib.suppress(pynvml.NVMLError):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return {
            "vendor": "NVIDIA",
            "name": pynvml.nvmlDeviceGetName(handle),
            "memory_gib": _memory_gib(handle),
            "driver": pynvml.nvmlSystemGetDriverVersion(),
        }
    return None


def _memory_gib(handle: Any) -> int:
    with contextlib.suppress(pynvml.NVMLError):
        return round(int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) / _GIB)
    return 0  # a GPU that has none of its own and shares the machine's


def _count() -> int:
    with contextlib.suppress(pynvml.NVMLError):
        return int(pynvml.nvmlDeviceGetCount()) if _started() else 0
    return 0


def _handle(uuid: str) -> Any:
    _started()
    return pynvml.nvmlDeviceGetHandleByUUID(uuid)


@cache
def _started() -> bool:
    """Start the library once; it keeps the GPU awake until this process ends."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no GPU
        return False
    atexit.register(pynvml.nvmlShutdown)
    return True
