"""What else goes on on the machine while a worker runs, from counters the kernel keeps anyway.

Each counter is read twice, before the launch and after the end, and nothing in between: a
watcher that polls would itself be what it watches for.
"""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Self, cast

import psutil

from hfbench_schema.contamination import FOREIGN_CPU_SHARE
from hfbench_schema.submission import Contamination
from hfbench_submit.machine import nvml
from hfbench_submit.machine.cgroups import throttled_ns
from hfbench_submit.machine.kernel_files import ROOT, counts_in, number_in
from hfbench_submit.machine.placement import with_siblings

_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class _Watched:
    """Which CPUs (None: all of the machine), which GPU, and where the kernel's files lie."""

    cpus: tuple[int, ...] | None
    gpu: str | None
    root: Path


@dataclass(frozen=True)
class _Counters:
    """The kernel's counters at one moment, each since some moment before; None is unknown."""

    wall_ns: int
    monotonic_ns: int
    own_cpu_ms: int
    busy_ms: int | None
    steal_ms: int | None
    throttled_ns: int | None
    swapped_pages: int | None
    thermal_throttles: int | None
    gpu_processes: int | None
    gpu_throttled: bool | None


@dataclass(frozen=True)
class Observation:
    """The time from a worker's launch to its end, of which only the beginning is known yet."""

    _watched: _Watched
    _before: _Counters

    @classmethod
    def begin(cls, gpu: bool, cpus: Sequence[int] | None = None, root: Path = ROOT) -> Self:
        """Read the counters just before a launch.

        Args:
            gpu: whether the worker computes on the GPU that `nvml.chosen_gpu` names.
            cpus: the logical CPUs that the worker is bound to: CPU time is counted on them and
                on their siblings. None counts it on the whole machine.
            root: the folder under which the kernel's files lie.
        """
        bound = None if cpus is None else tuple(cpus)
        watched = _Watched(bound, nvml.chosen_gpu() if gpu else None, root)
        return cls(watched, _read(watched))

    def end(self, worker_cpu_s: float) -> Contamination:
        """Return what else went on since `begin`; what cannot be told is absent.

        Args:
            worker_cpu_s: CPU seconds of the worker and its children, which have all ended.
        """
        before, after = self._before, _read(self._watched)
        own_ms = round(worker_cpu_s * 1000) + after.own_cpu_ms - before.own_cpu_ms
        busy_ms = _rise(before.busy_ms, after.busy_ms)
        throttled = _rise(before.throttled_ns, after.throttled_ns)
        facts = {
            "foreign_cpu_ms": None if busy_ms is None else max(0, busy_ms - own_ms),
            "steal_ms": _rise(before.steal_ms, after.steal_ms),
            "throttled_ms": None if throttled is None else throttled // _NS_PER_MS,
            "swapped_pages": _rise(before.swapped_pages, after.swapped_pages),
            "thermal_throttles": _rise(before.thermal_throttles, after.thermal_throttles),
            "foreign_gpu_processes": _more(before.gpu_processes, after.gpu_processes),
            "gpu_throttled": _more(before.gpu_throttled, after.gpu_throttled),
            "on_battery": _on_battery(),
            "clock_step_ms": _clock_step_ms(before, after),
        }
        return cast(Contamination, {name: fact for name, fact in facts.items() if fact is not None})


@dataclass(frozen=True)
class Load:
    """How busy the machine is now, without this process.

    `load_average` is the last minute's; `cpu_pressure` the percentage of the last 10 seconds in
    which something waited for a CPU; `foreign_cores` how many cores other processes use.
    """

    load_average: float
    cpu_pressure: float | None
    foreign_cores: float | None

    @property
    def quiet(self) -> bool:
        """Whether a worker launched now would not be called contaminated; true if unknown."""
        return self.foreign_cores is None or self.foreign_cores < FOREIGN_CPU_SHARE

    def __str__(self) -> str:
        known = self.foreign_cores is not None
        share = f"{100 * (self.foreign_cores or 0):.0f} %" if known else "an unknown share"
        pressure = "" if self.cpu_pressure is None else f", CPU pressure {self.cpu_pressure:.0f} %"
        load = f"load average {self.load_average:.2f}{pressure}"
        return f"other processes use {share} of a core ({load})"


def load_now(cpus: Sequence[int] | None = None, seconds: float = 0.5, root: Path = ROOT) -> Load:
    """Watch the machine for some seconds, for the line before a sitting; `cpus` as in `begin`."""
    observation, start = Observation.begin(gpu=False, cpus=cpus, root=root), time.monotonic()
    time.sleep(seconds)
    foreign_ms = observation.end(worker_cpu_s=0.0).get("foreign_cpu_ms")
    elapsed_ms = (time.monotonic() - start) * 1000
    return Load(
        load_average=os.getloadavg()[0],
        cpu_pressure=_cpu_pressure(root),
        foreign_cores=None if foreign_ms is None else foreign_ms / elapsed_ms,
    )


def _read(watched: _Watched) -> _Counters:
    busy_ms, steal_ms = _cpu_ms(watched.cpus, watched.root)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return _Counters(
        wall_ns=time.time_ns(),
        monotonic_ns=time.monotonic_ns(),
        own_cpu_ms=round((own.ru_utime + own.ru_stime) * 1000),
        busy_ms=busy_ms,
        steal_ms=steal_ms,
        throttled_ns=throttled_ns(watched.root),
        swapped_pages=counts_in(watched.root / "proc/vmstat").get("pswpin"),
        thermal_throttles=_thermal_throttles(watched.cpus, watched.root),
        gpu_processes=nvml.compute_processes(watched.gpu) if watched.gpu else None,
        gpu_throttled=nvml.is_slowed_down(watched.gpu) if watched.gpu else None,
    )


def _cpu_ms(cpus: tuple[int, ...] | None, root: Path) -> tuple[int | None, int | None]:
    """Return how long CPUs have been busy, and how long a hypervisor has kept them from it."""
    names = {"cpu"} if cpus is None else {f"cpu{cpu}" for cpu in with_siblings(cpus, root)}
    try:
        with (root / "proc/stat").open() as lines:
            # The lines after these are long, and costly to the kernel.
            rows = [line.split() for line in takewhile(_is_of_a_cpu, lines)]
    except OSError:  # macOS
        times = psutil.cpu_times()
        return round((times.user + times.nice + times.system) * 1000), None
    found = [[int(count) for count in row[1:9]] for row in rows if row[0] in names]
    # Waiting for a disk is idle time; a guest's time is in `user` already.
    busy = sum(row[0] + row[1] + row[2] + row[5] + row[6] for row in found)
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    # A sandbox may show zeros for want of a count.
    return (busy * tick_ms, sum(row[7] for row in found) * tick_ms) if busy else (None, None)


def _is_of_a_cpu(line: str) -> bool:
    return line.startswith("cpu")


def _thermal_throttles(cpus: tuple[int, ...] | None, root: Path) -> int | None:
    """Return how often cores, or their whole package, have been slowed down for their heat."""
    counts = [number_in(file) for file in _thermal_files(cpus, root)]
    return sum(count or 0 for count in counts) if counts else None


@cache
def _thermal_files(cpus: tuple[int, ...] | None, root: Path) -> list[Path]:
    """Return the count of each core, and that of the package, which every CPU repeats."""
    folders = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle"))
    watched = [f for f in folders if cpus is None or int(f.parent.name[3:]) in cpus]
    package = [folder / "package_throttle_count" for folder in watched[:1]]
    return [folder / "core_throttle_count" for folder in watched] + package


def _cpu_pressure(root: Path) -> float | None:
    """Return the percentage of the last 10 seconds in which something waited for a CPU."""
    try:
        some = (root / "proc/pressure/cpu").read_text().splitlines()[0]
        return float(some.split()[1].removeprefix("avg10="))
    except (OSError, ValueError, IndexError):  # a kernel without pressure stall information
        return None


def _on_battery() -> bool | None:
    battery = psutil.sensors_battery()
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def _clock_step_ms(before: _Counters, after: _Counters) -> int:
    """Return by how much the wall clock was set; time asleep counts, as the other one stops."""
    wall_ns = after.wall_ns - before.wall_ns
    return abs(wall_ns - (after.monotonic_ns - before.monotonic_ns)) // _NS_PER_MS


def _rise(before: int | None, after: int | None) -> int | None:
    # A CPU that was taken offline in between takes its counts along.
    return None if before is None or after is None else max(0, after - before)


def _more(before: int | None, after: int | None) -> int | None:
    """Return what was more, of two counts or two flags, as far as they are known."""
    return max((value for value in (before, after) if value is not None), default=None)
