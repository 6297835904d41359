"""Rows of a history: each series with its change points, from arrays to words."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from hfbench_aggregate.comparison import ratio_of
from hfbench_aggregate.history.tables import ChangeRow, SeriesRow
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.change_points import ChangePoints, SeriesVerdict, change_points
from hfbench_aggregate.statistics.constants import LEAST_SERIES_VERSIONS
from hfbench_aggregate.statistics.moments import FloatArray
from hfbench_aggregate.wording import counted, direction, percent

INDEX: Final = "suite index"
"""What stands for a cell where the whole suite is meant."""
_MS: Final = 1000.0


def series_rows(
    cells: Sequence[str], sizes: Sequence[int], versions: Sequence[str], x: FloatArray
) -> list[SeriesRow]:
    """Find the change points of all series, which form one family, and return a row for each.

    Args:
        cells: what each series is of, INDEX for a whole suite.
        sizes: how many cells are in each.
        versions: their names, in order.
        x: log seconds, shape (cells, versions), NaN where not measured.
    """
    found = change_points(x)
    return [
        _row(row, cell, size, found, versions, x[row])
        for row, (cell, size) in enumerate(zip(cells, sizes, strict=True))
    ]


def _row(
    row: int, cell: str, size: int, found: ChangePoints, versions: Sequence[str], x: FloatArray
) -> SeriesRow:
    own = np.flatnonzero(found.cell == row).tolist()
    changes = [_change(found, point, versions) for point in own]
    verdict = SeriesVerdict(str(found.verdict[row]))
    return {
        "cell": cell,
        "cells": size,
        "verdict": verdict.value,
        "wording": _wording(verdict, int(found.versions[row]), changes),
        "p": published(found.p[row]),
        "q": published(found.q[row]),
        "points": [
            {"version": version, "ms": published(np.exp(value) * _MS)}
            for version, value in zip(versions, x, strict=True)
        ],
        "changes": changes,
    }


def _change(found: ChangePoints, point: int, versions: Sequence[str]) -> ChangeRow:
    row: ChangeRow = {
        "version": versions[found.version[point]],
        "previous": versions[found.previous[point]],
        "ratio": ratio_of(found.theta[point]),
        "low": ratio_of(found.low[point]),
        "high": ratio_of(found.high[point]),
        "p": published(found.p_point[point]),
        "wording": "",
    }
    row["wording"] = _change_wording(row)
    return row


def _change_wording(row: ChangeRow) -> str:
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if ratio is None:
        return f"changed in {row['version']}"
    text = f"{direction(ratio)} since {row['version']}"
    if low is None or high is None:
        return text
    near, far = sorted((low, high), key=lambda end: abs(end - 1))
    return f"{text} ({percent(near - 1)} to {percent(far - 1)})"


def _wording(verdict: SeriesVerdict, versions: int, changes: Sequence[ChangeRow]) -> str:
    """Say the verdict of a series in a sentence."""
    measured = counted(versions, "version")
    if verdict is SeriesVerdict.TOO_SHORT:
        return f"too short: {measured}, and it takes {LEAST_SERIES_VERSIONS}"
    if verdict is SeriesVerdict.NO_SPREAD:
        return f"all {measured} took the same time: too smooth to be tested"
    if verdict is SeriesVerdict.NONE_FOUND:
        return f"no change found in {measured}; one in the last version would not show"
    return "; ".join(change["wording"] for change in changes)
