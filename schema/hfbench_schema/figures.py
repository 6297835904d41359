"""The figures of one process run in the roles cold and energy, the same for client and releases."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hfbench_schema.submission import MEASURED_STATUSES, EnergyWindow, ProcessRun, role_of

LEAST_COLD_CALLS = 2
"""The first call, and one to tell what it took beyond a steady one."""
PHASES = ("import", "build", "prepare")


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
    if not is_measured(run, "cold") or lacking_of_cold(run):
        return None
    calls, phases = run["iterations_ns"], run["phases_ns"]
    steady = median(calls[len(calls) // 2 :])
    return ColdStart(phases["import"], phases["build"], phases["prepare"], calls[0], steady)


def lacking_of_cold(run: ProcessRun) -> list[str]:
    """Name what a process run of the role `cold` would need for its figures and has not."""
    missing = [f"phase {name}" for name in PHASES if name not in run.get("phases_ns", {})]
    few = len(run.get("iterations_ns", [])) < LEAST_COLD_CALLS
    return missing + ([f"{LEAST_COLD_CALLS} calls"] if few else [])


def energy_per_call(run: ProcessRun) -> EnergyPerCall | None:
    """Return the figures of the role `energy`, None if it did not measure any."""
    if not is_measured(run, "energy"):
        return None
    busy, idle = run["energy"]["busy"], run["energy"]["idle"]
    calls = sum(window["calls"] for window in busy)
    if not calls:
        return None
    busy_s = sum(window["duration_ns"] for window in busy) / 1e9
    gross = sum(window["millijoules"] for window in busy) / 1e3
    return EnergyPerCall(gross / calls, (gross - watts(idle) * busy_s) / calls)


def watts(windows: Sequence[EnergyWindow]) -> float:
    """Return the power drawn over windows, in W."""
    duration_ns = sum(window["duration_ns"] for window in windows)
    return 1e6 * sum(window["millijoules"] for window in windows) / duration_ns
