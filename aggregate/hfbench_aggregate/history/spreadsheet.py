"""Histories as CSV: one row for each version of each series."""

from collections.abc import Iterator
from typing import Any, Final

from hfbench_aggregate.comparing.spreadsheet import as_csv
from hfbench_aggregate.history.tables import History, HistoryGroup, SeriesRow

_COLUMNS: Final = (
    "machines",
    "machine_keys",
    "device_class",
    "suite",
    "environment",
    "cell",
    "cells",
    "verdict",
    "version",
    "ms",
    "low_ms",
    "high_ms",
    "change",
    "low",
    "high",
    "p",
)


def history_csv(history: History) -> str:
    """Return a history as CSV; `change` and what follows stand at the first version since."""
    rows = [
        row
        for group in history["groups"]
        for series in group["series"]
        for row in _rows(group, series)
    ]
    return as_csv(_COLUMNS, rows)


def _rows(group: HistoryGroup, series: SeriesRow) -> Iterator[dict[str, Any]]:
    changes = {change["version"]: change for change in series["changes"]}
    for point in series["points"]:
        change = changes.get(point["version"])
        figures = {"low": change["low"], "high": change["high"], "p": change["p"]} if change else {}
        yield {
            "machines": "; ".join(group["machines"]),
            "machine_keys": " ".join(group["machine_keys"]),
            **{name: group[name] for name in ("device_class", "suite", "environment")},
            **{name: series[name] for name in ("cell", "cells", "verdict")},
            **point,
            "change": change["ratio"] if change else None,
            **figures,
        }
