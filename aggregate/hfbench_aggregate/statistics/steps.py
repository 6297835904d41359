"""Whether the error of measuring explains a change point.

The energy statistic takes the versions of a series for independent. They are not where sittings
measure several versions in a row and overlap in few: what ties two sittings together is then as
uncertain as the times of the versions they share, and moves all versions of one of them alike.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from hfbench_aggregate.statistics.change_points import ChangePoints
from hfbench_aggregate.statistics.discovery import false_discovery_rate
from hfbench_aggregate.statistics.moments import FloatArray, ratio

_FEWEST = 3
"""Splits that a series of T versions has not: T - 3 leave two versions on both sides."""


def step_q(found: ChangePoints, x: npt.ArrayLike, covariance: npt.ArrayLike) -> FloatArray:
    """Return the q of each change point under nothing but the error of measuring; shape (points,).

    With c = 1 / n after the point and - 1 / m before it, up to its neighbours, and C the covariance
    of the series, z = c'x / sqrt(c'Cc). The p of |z| is multiplied by the T - 3 places where a
    change of T versions might be (Bonferroni), and adjusted after Benjamini & Hochberg over all
    series tested, those without a change point at p = 1. NaN where C is not known.

    Args:
        found: the change points of the series.
        x: Log seconds, shape (cells, versions), as they were found in.
        covariance: of the errors of x, shape (cells, versions, versions).
    """
    series, errors = np.asarray(x, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    contrast = _contrasts(found, ~np.isnan(series))
    theta = (contrast * np.nan_to_num(series[found.cell])).sum(axis=1)
    variance = np.einsum("pv,pvw,pw->p", contrast, errors[found.cell], contrast)
    z = ratio(np.abs(theta), np.sqrt(np.maximum(variance, 0.0)))
    p = np.minimum(2 * ndtr(-z) * (found.versions[found.cell] - _FEWEST), 1.0)
    unchanged = np.setdiff1d(np.flatnonzero(np.isfinite(found.p)), found.cell).size
    every = np.concatenate([p, np.ones(unchanged)])
    return false_discovery_rate(every, np.isfinite(every))[: p.size]


def _contrasts(found: ChangePoints, held: npt.NDArray[np.bool_]) -> FloatArray:
    """Return c of each change point, shape (points, versions)."""
    start, end = np.zeros_like(found.version), np.full_like(found.version, held.shape[1])
    again = found.cell[1:] == found.cell[:-1]
    start[1:][again] = found.version[:-1][again]
    end[:-1][again] = found.version[1:][again]
    column, point = np.arange(held.shape[1]), found.version[:, None]
    own = held[found.cell]
    before = own & (start[:, None] <= column) & (column < point)
    after = own & (point <= column) & (column < end[:, None])
    sides = (after, before)
    first, second = (side / np.maximum(side.sum(axis=1, keepdims=True), 1) for side in sides)
    return np.asarray(first - second)
