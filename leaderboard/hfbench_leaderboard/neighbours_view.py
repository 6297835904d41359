"""What changed from each version to the next, everywhere at once: the table of the page to compare.

A row is two versions between which none was measured, a column a kind of device over all machines,
or one machine. Where a machine has skipped a version, its comparison spans two and has its own row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hfbench_aggregate.wording import difference, short_names
from hfbench_leaderboard.index import Index, comparison_path, pooled_path

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Verdicts:
    """How often a comparison came to each verdict, and its page."""

    path: str
    tally: Mapping[str, int]
    is_provisional: bool


@dataclass(frozen=True)
class Step:
    """Two neighbouring versions; `shared` is what else both were measured with, and the suite."""

    candidate: str
    baseline: str
    shared: str
    entries: tuple[Verdicts | None, ...]


@dataclass(frozen=True)
class Column:
    """A kind of device over all machines, which has no machine key, or one machine."""

    title: str
    machine_key: str


def neighbours_view(index: Index) -> dict[str, Any]:
    """Return the columns, and the rows by release, the newest first."""
    columns: dict[Column, dict[_Key, Verdicts]] = {}
    for pooled in sorted(index.pooled_neighbours, key=lambda one: one["device_class"]):
        column = Column(pooled["device_class"], "")
        columns.setdefault(column, {})[_key(pooled)] = _verdicts(pooled, pooled_path(pooled))
    for one in sorted(index.neighbours, key=lambda one: one["machine_key"]):
        column = Column(index.machines[one["machine_key"]]["title"], one["machine_key"])
        columns.setdefault(column, {})[_key(one)] = _verdicts(one, comparison_path(one))
    keys = _newest_first(index, {key for held in columns.values() for key in held})
    steps = [_step(key, [held.get(key) for held in columns.values()]) for key in keys]
    return {"columns": list(columns), "steps": steps}


def _key(comparison: Any) -> _Key:
    return comparison["suite"], comparison["candidate"], comparison["baseline"]


def _verdicts(comparison: Any, path: str) -> Verdicts:
    tally = Counter(cell["verdict"] for cell in comparison["cells"])
    return Verdicts(path, tally, comparison.get("provisional") is not None)


def _newest_first(index: Index, keys: Iterable[_Key]) -> list[_Key]:
    """Order steps by the release of the candidate, then that of the baseline."""
    ages = index.ages
    return sorted(keys, key=lambda key: (-ages.get(key[1], -1), -ages.get(key[2], -1), key))


def _step(key: _Key, entries: list[Verdicts | None]) -> Step:
    suite, candidate, baseline = key
    parts = [part for part in candidate.split(", ") if part in baseline.split(", ")]
    return Step(
        candidate=difference(baseline, candidate)[1],
        baseline=short_names(baseline, candidate)[0],
        shared=", ".join([*parts, suite]),
        entries=tuple(entries),
    )
