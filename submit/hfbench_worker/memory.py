"""Role memory: what is resident after import and build, and the peak over the calls.

The kernel keeps the peak of the resident set itself (VmHWM), so that no spike is missed, and
lets a process reset it. `ru_maxrss` will not do: it inherits the parent's peak.
"""

import re
from pathlib import Path
from typing import Any, Protocol

from hfbench_worker.answers import Answers
from hfbench_worker.failures import MeasurementError
from hfbench_worker.timing import Announcements
from hfbench_worker.workload import Workload, build_and_prepare

CALLS = 8
"""Every input twice: the second time, allocators reuse what they took the first time."""
_RESET_PEAK = "5"
_KIB = 1024


class HasDeviceMemory(Protocol):
    """A workload, or a trainer, whose methods these are."""

    def device_memory(self) -> dict[str, int]:
        """Return bytes `allocated`, `peak` and `reserved` on the device; nothing on the CPU."""

    def reset_device_memory(self) -> None:
        """Let the device's peaks begin anew."""


def measure(plan: dict[str, Any], workload: Workload, answers: Answers) -> dict[str, Any]:  # noqa: ARG001 - as every role
    """Return bytes resident on the host, and allocated on the device.

    "Built" is when the network stands ready in its mode and precision; peaks are over all calls,
    so that what compiling in the first call needs counts.

    Raises:
        MeasurementError: this is not Linux, or the kernel does not let its peak be reset.
    """
    memory = {"host_imported": status_bytes("VmRSS")}
    build_and_prepare(workload, answers)
    memory |= built_bytes(workload)
    _call_often(workload, answers)
    return {"status": "ok", "memory": memory | peak_bytes(workload)}


def built_bytes(framework: HasDeviceMemory) -> dict[str, int]:
    """Return what is resident and allocated now, and let all peaks begin anew."""
    memory = {"host_built": status_bytes("VmRSS")}
    framework.reset_device_memory()
    if device := framework.device_memory():
        memory["device_built"] = device["allocated"]
    reset_host_peak()
    return memory


def peak_bytes(framework: HasDeviceMemory) -> dict[str, int]:
    """Return the peaks since `built_bytes`."""
    memory, device = {"host_peak": status_bytes("VmHWM")}, framework.device_memory()
    peaks = [name for name in ("peak", "reserved") if name in device]
    return memory | {f"device_{name}": device[name] for name in peaks}


def _call_often(workload: Workload, answers: Answers) -> None:
    announcements = Announcements(answers.begin)
    for number in range(CALLS):
        announcements.before(number)
        workload.call(number)
        workload.synchronize()


def status_bytes(field: str) -> int:
    """Return a field of this process's status, which the kernel gives in KiB, in bytes."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise _unsupported(error) from error
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise _unsupported(f"/proc/self/status has no {field}")
    return int(found[1]) * _KIB


def reset_host_peak() -> None:
    """Let the kernel's peak begin anew at what is resident now.

    Raises:
        MeasurementError: this system has no such switch.
    """
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError as error:
        raise _unsupported(error) from error


def _unsupported(why: object) -> MeasurementError:
    reason = "memory is read from the peak that Linux keeps, and it cannot be reset or read here"
    return MeasurementError("unsupported", f"{reason}: {why}")
