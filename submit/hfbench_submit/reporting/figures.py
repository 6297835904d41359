"""The figure that says most about a process run, and how a person reads figures."""

from statistics import median

from hfbench_schema.contamination import contamination_causes
from hfbench_schema.figures import cold_start, energy_per_call, is_measured
from hfbench_schema.submission import ProcessRun, timed_iterations
from hfbench_submit.planning.remaining import CONTAMINATED

MIB = 1 << 20
_DIGITS = 4
_LEAST = 1e-3


def causes_of(run: ProcessRun, usable_cores: int) -> list[str]:
    """Return what contaminated a process run; nothing of one that has another fate."""
    if run["status"] != CONTAMINATED:
        return []
    return contamination_causes(run, usable_cores) or [run.get("reason", CONTAMINATED)]


def headline(run: ProcessRun) -> str:
    """Return the one figure that says most about a process run, empty if it measured nothing.

    Of a training, `training_lines` does.
    """
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
    if abs(value) < _LEAST:
        return f"{value:.3f}"
    return f"{value:.{_DIGITS}g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(share: float) -> str:
    """Write a share with two digits, as in `1.9 %`."""
    value = 100 * share
    return f"{value:.2g} %" if abs(value) < 100 else f"{value:,.0f} %"
