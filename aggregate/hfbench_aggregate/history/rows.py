"""Rows of a history: each series with its change points, from arrays to words."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from hfbench_aggregate.comparison import ratio_of
from hfbench_aggregate.history.series import Series
from hfbench_aggregate.history.tables import ChangeRow, SeriesRow
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.change_points import ChangePoints, SeriesVerdict, change_points
from hfbench_aggregate.statistics.constants import ALPHA, LEAST_EFFECT, LEAST_SERIES_VERSIONS
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray
from hfbench_aggregate.statistics.steps import step_q
from hfbench_aggregate.wording import counted, direction, percent

INDEX: Final = "suite index"
"""What stands for a cell where the whole suite is meant."""
_MS: Final = 1000.0


def series_rows(
    cells: Sequence[str],
    sizes: Sequence[int],
    versions: Sequence[str],
    series: Series,
    half_width: FloatArray,
) -> list[SeriesRow]:
    """Find the change points of all series, which form one family, and return a row for each.

    Args:
        cells: what each series is of, INDEX for a whole suite.
        sizes: how many cells are in each.
        versions: their names, in order.
        series: of these cells over these versions.
        half_width: of the 95 % interval of each, NaN where there is none.
    """
    x, found = series.x, change_points(series.x)
    is_large = np.abs(np.expm1(found.theta)) >= LEAST_EFFECT
    is_certain = (found.low > 0) | (found.high < 0)
    called = is_large & is_certain & (step_q(found, x, series.covariance) <= ALPHA)
    with np.errstate(over="ignore"):  # an absurd interval has no end that could be published
        ms = np.exp([x, x - half_width, x + half_width]) * _MS
    return [
        _row(row, cell, size, (found, called), versions, ms[:, row])
        for row, (cell, size) in enumerate(zip(cells, sizes, strict=True))
    ]


def _row(
    row: int,
    cell: str,
    size: int,
    points: tuple[ChangePoints, BoolArray],
    versions: Sequence[str],
    ms: FloatArray,
) -> SeriesRow:
    found, called = points
    own = np.flatnonzero(found.cell == row).tolist()
    changes = [_change(found, point, bool(called[point]), versions) for point in own]
    verdict = SeriesVerdict(str(found.verdict[row]))
    return {
        "cell": cell,
        "cells": size,
        "verdict": verdict.value,
        "wording": _wording(verdict, int(found.versions[row]), changes),
        "p": published(found.p[row]),
        "q": published(found.q[row]),
        "points": [
            {
                "version": version,
                "ms": published(middle),
                "low_ms": published(low),
                "high_ms": published(high),
            }
            for version, (middle, low, high) in zip(versions, ms.T, strict=True)
        ],
        "changes": changes,
    }


def _change(found: ChangePoints, point: int, called: bool, versions: Sequence[str]) -> ChangeRow:
    row: ChangeRow = {
        "version": versions[found.version[point]],
        "previous": versions[found.previous[point]],
        "ratio": ratio_of(found.theta[point]),
        "low": ratio_of(found.low[point]),
        "high": ratio_of(found.high[point]),
        "p": published(found.p_point[point]),
        "called": called,
        "wording": "",
    }
    row["wording"] = _change_wording(row)
    return row


def _change_wording(row: ChangeRow) -> str:
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if ratio is None:
        return f"changed in {row['version']}"
    text = f"{direction(ratio)} since {row['version']}"
    if low is not None and high is not None:
        near, far = sorted((low, high), key=lambda end: abs(end - 1))
        text += f" ({percent(near - 1)} to {percent(far - 1)})"
    return text if row["called"] else f"{text}, too small or too uncertain to be a finding"


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
