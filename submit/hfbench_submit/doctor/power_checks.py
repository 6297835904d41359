"""Who decides how fast the processors run, and what they may use: governor, battery, GPU."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pynvml

from hfbench_submit.doctor.check import Check, words_in
from hfbench_submit.machine import nvml
from hfbench_submit.machine.energy_meter import MeterUnavailableError, open_meter
from hfbench_submit.machine.kernel_files import ROOT, number_in


def check_power(root: Path = ROOT) -> Iterator[Check]:
    """Read who decides on the CPU's frequency, and whether a battery does."""
    cpu = root / "sys/devices/system/cpu"
    governor = words_in(cpu / "cpu0/cpufreq/scaling_governor")
    turbo = _turbo(cpu)
    if governor is None:
        reason = "no cpufreq files: a virtual machine or the firmware decides"
        yield Check("CPU frequency", "unknown", reason)
    else:
        detail = f"governor {governor}" + ("" if turbo is None else f", turbo {turbo}")
        mend = "" if governor == "performance" else "sudo cpupower frequency-set -g performance"
        yield Check("CPU frequency", "warning" if mend else "ok", detail, mend)
    yield _battery_check()


def _turbo(cpu: Path) -> str | None:
    if (off := number_in(cpu / "intel_pstate/no_turbo")) is not None:
        return "off" if off else "on"
    if (on := number_in(cpu / "cpufreq/boost")) is not None:
        return "on" if on else "off"
    return None


def _battery_check() -> Check:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return Check("power supply", "ok", "no battery")
    if battery.power_plugged:
        return Check("power supply", "ok", "plugged in")
    return Check("power supply", "warning", "on battery: clocks are lowered", "plug it in")


def check_gpu() -> Iterator[Check]:
    """Ask the driver whether the GPU that workers use is free, cool and at its full power."""
    uuid = nvml.chosen_gpu()
    if uuid is None:
        yield Check("GPU", "unknown", "no NVIDIA GPU is visible: nothing on cuda can be checked")
        return
    states = [*_gpu_power(uuid), *_gpu_clocks(uuid)]
    detail = "; ".join(states) or "the driver does not tell its power and clocks"
    if nvml.is_slowed_down(uuid):
        mend = "let it cool down; nvidia-smi -q -d PERFORMANCE tells why"
        yield Check("GPU", "warning", f"slowed down by heat or want of power; {detail}", mend)
    elif others := nvml.compute_processes(uuid):
        mend = "end the processes that nvidia-smi lists"
        yield Check("GPU", "warning", f"{others} other processes compute on it; {detail}", mend)
    else:
        yield Check("GPU", "ok", detail)


def _gpu_power(uuid: str) -> Iterator[str]:
    with contextlib.suppress(pynvml.NVMLError):
        handle: Any = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        limit = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000
        usual = pynvml.nvmlDeviceGetPowerManagementDefaultLimit(handle) / 1000
        yield f"power limit {limit:.0f} W" + ("" if limit == usual else f" (usually {usual:.0f} W)")


def _gpu_clocks(uuid: str) -> Iterator[str]:
    with contextlib.suppress(pynvml.NVMLError):
        handle: Any = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        now = pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)
        most = pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM)
        yield f"clock {now} of {most} MHz"


def check_energy(gpu: bool) -> Iterator[Check]:
    """Open the energy counter of each device; without one, the energy role has no figures."""
    for device in ("cpu", "cuda") if gpu else ("cpu",):
        name = f"energy counter of {device}"
        try:
            yield Check(name, "ok", open_meter(device).source)
        except MeterUnavailableError as error:
            yield Check(name, "unknown", str(error))
