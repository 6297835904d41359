"""The figures of one process run, by its role, and how a person reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hfbench_schema.contamination import contamination_causes
from hfbench_schema.submission import (
    MEASURED_STATUSES,
    EnergyWindow,
    ProcessRun,
    role_of,
    timed_iterations,
)
from hfbench_submit.planning.remaining import CONTAMINATED

MIB = 1 << 20
_DIGITS = 4


@dataclass(frozen=True)
class ColdStart:
    """From the start of a process to its steady calls, in ns."""

    imports: int
    build: int
    prepare: int
    first_call: int
    steady_call: float

    @property
    def compiling(self) -> float:
        """What the mode cost before its calls were as fast as they get."""
        return max(0.0, self.prepare + self.first_call - self.steady_call)

    @property
    def until_first_output(self) -> int:
        """From the start of the import to the end of the first call."""
        return self.imports + self.build + self.prepare + self.first_call


@dataclass(frozen=True)
class EnergyPerCall:
    """Joules that one call took: all of them, and those above an idle machine's."""

    gross: float
    net: float


def is_measured(run: ProcessRun, role: str) -> bool:
    """Tell whether a process run has the figures of a role."""
    return role_of(run) == role and run["status"] in MEASURED_STATUSES


def cold_start(run: ProcessRun) -> ColdStart | None:
    """Return the figures of the role `cold`, None if a part is missing.

    The steady call is the median of the later half of the calls: tracing modes are slow in more
    than the first.
    """
    calls, phases = run.get("iterations_ns", []), run.get("phases_ns", {})
    if not is_measured(run, "cold") or len(calls) < 2 or len(phases) < 3:
        return None
    steady = median(calls[len(calls) // 2 :])
    return ColdStart(phases["import"], phases["build"], phases["prepare"], calls[0], steady)


def energy_per_call(run: ProcessRun) -> EnergyPerCall | None:
    """Return the figures of the role `energy`, None if it did not measure any."""
    if not is_measured(run, "energy"):
        return None
    busy_ns, busy_mj, calls = _totals(run["energy"]["busy"])
    idle_ns, idle_mj, _ = _totals(run["energy"]["idle"])
    if not calls:
        return None
    net_mj = busy_mj - idle_mj / idle_ns * busy_ns
    return EnergyPerCall(busy_mj / calls / 1e3, net_mj / calls / 1e3)


def _totals(windows: Sequence[EnergyWindow]) -> tuple[int, int, int]:
    return (
        sum(window["duration_ns"] for window in windows),
        sum(window["millijoules"] for window in windows),
        sum(window["calls"] for window in windows),
    )


def causes_of(run: ProcessRun, usable_cores: int) -> list[str]:
    """Return what disturbed a process run; a contaminated one has a cause at least."""
    causes = contamination_causes(run, usable_cores)
    if not causes and run["status"] == CONTAMINATED:
        return [run.get("reason", CONTAMINATED)]
    return causes


def headline(run: ProcessRun) -> str:
    """Return the one figure that says most about a process run, empty if it measured nothing."""
    if timed := timed_iterations(run):
        return milliseconds(median(timed))
    if start := cold_start(run):
        return f"{seconds(start.until_first_output)} cold"
    if is_measured(run, "memory"):
        return f"{mebibytes(run['memory'].get('device_peak', run['memory']['host_peak']))} MiB"
    if energy := energy_per_call(run):
        return f"{number(energy.gross)} J"
    return ""


def milliseconds(nanoseconds: float) -> str:
    """Write a short duration, as in `45.23 ms`."""
    return f"{number(nanoseconds / 1e6)} ms"


def seconds(nanoseconds: float) -> str:
    """Write a long duration, as in `4.12 s`."""
    return f"{nanoseconds / 1e9:.2f} s"


def mebibytes(count: float) -> str:
    """Write a number of bytes in MiB, as in `1,204`."""
    return f"{count / MIB:,.0f}"


def number(value: float) -> str:
    """Write a figure with four digits, without an exponent."""
    return f"{value:.{_DIGITS}g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(share: float) -> str:
    """Write a share with two digits, as in `1.9 %`."""
    value = 100 * share
    return f"{value:.2g} %" if abs(value) < 100 else f"{value:,.0f} %"
