"""What a cell takes besides time: memory and energy, medians over its process runs."""

from collections import defaultdict
from statistics import median
from typing import Final, cast

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Family, failure_flags, watch_flags
from hfbench_aggregate.rounding import published, published_median
from hfbench_aggregate.statistics.constants import MEMORY_AGREEMENT
from hfbench_aggregate.tables import EnergyRow, MemoryRow
from hfbench_aggregate.wording import percent
from hfbench_schema.contamination import was_watched
from hfbench_schema.figures import energy_per_call, watts
from hfbench_schema.submission import MEASURED_STATUSES, ProcessRun

_MIB: Final = 2**20
_MEMORY_FIELDS: Final = (
    "host_imported",
    "host_built",
    "host_peak",
    "device_built",
    "device_peak",
    "device_reserved",
)


def memory_rows(family: Family) -> list[MemoryRow]:
    """Return the row of each cell with process runs of role memory."""
    return [_memory_row(family, *place) for place in family.of_role("memory")]


def _memory_row(
    family: Family, environment: Environment, cell: str, runs: list[ProcessRun]
) -> MemoryRow:
    found = [cast("dict[str, int]", run["memory"]) for run in _measured(runs)]
    sizes = {name: [m[name] / _MIB for m in found if name in m] for name in _MEMORY_FIELDS}
    middle = {name: published_median(values) for name, values in sizes.items()}
    return {
        "machine_key": family.machine_key,
        "suite": family.suite_title,
        "environment": environment.title,
        "cell": cell,
        "measured": len(found),
        "host_imported": middle["host_imported"],
        "host_built": middle["host_built"],
        "host_peak": middle["host_peak"],
        "device_built": middle["device_built"],
        "device_peak": middle["device_peak"],
        "device_reserved": middle["device_reserved"],
        "flags": [*_disagreements(sizes), *_failures(runs)],
    }


def energy_rows(family: Family) -> list[EnergyRow]:
    """Return the rows of each cell with process runs of role energy, by counter.

    Where no process run could read a counter, there is one row that says so.
    """
    rows: list[EnergyRow] = []
    for environment, cell, runs in family.of_role("energy"):
        sources: defaultdict[str, list[ProcessRun]] = defaultdict(list)
        for run in _measured(runs):
            sources[run["energy"]["source"]].append(run)
        by_source: list[tuple[str | None, list[ProcessRun]]] = [*sorted(sources.items())]
        for source, found in by_source or [(None, [])]:
            rows.append(_energy_row(family, environment, cell, source, found))
            watched = [was_watched(run) for run in found]
            rows[-1]["flags"] = [*watch_flags(watched), *_failures(runs)]
    return rows


def _energy_row(
    family: Family,
    environment: Environment,
    cell: str,
    source: str | None,
    found: list[ProcessRun],
) -> EnergyRow:
    calls = [call for run in found if (call := energy_per_call(run))]
    joules = [call.gross for call in calls]
    return {
        "machine_key": family.machine_key,
        "suite": family.suite_title,
        "environment": environment.title,
        "cell": cell,
        "source": source,
        "measured": len(found),
        "joules": published_median(joules),
        "net_joules": published_median(call.net for call in calls),
        "busy_watts": published_median(watts(run["energy"]["busy"]) for run in found),
        "idle_watts": published_median(watts(run["energy"]["idle"]) for run in found),
        "spread": published(_spread(joules)),
        "flags": [],
    }


def _measured(runs: list[ProcessRun]) -> list[ProcessRun]:
    return [run for run in runs if run["status"] in MEASURED_STATUSES]


def _failures(runs: list[ProcessRun]) -> list[str]:
    failed = [run for run in runs if run["status"] not in MEASURED_STATUSES]
    return failure_flags((run["status"], run.get("reason")) for run in failed)


def _spread(values: list[float]) -> float:
    """Return (largest - smallest) / median; NaN below two values."""
    if len(values) < 2 or not median(values):
        return float("nan")
    return (max(values) - min(values)) / median(values)


def _disagreements(sizes: dict[str, list[float]]) -> list[str]:
    """Name what process runs do not agree about."""
    spreads = {field: _spread(values) for field, values in sizes.items()}
    return [
        f"{field} differs by {percent(spread)} between process runs"
        for field, spread in spreads.items()
        if spread > MEMORY_AGREEMENT
    ]
