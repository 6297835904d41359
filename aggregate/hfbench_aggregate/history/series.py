"""Series of versions as arrays: without the shifts of sittings, and of several machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hfbench_aggregate.statistics.constants import DEFAULT_SITTING_SD
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, moments, ratio

LEAST_SHARE: Final = 0.75
"""Of the versions that any machine measured, the share that one needs to be pooled.

Any two then have half of the versions in common. With a small overlap, the error of these few
versions would shift all others, and look like a change.
"""
LEAST_INDEX_SHARE: Final = 0.5
"""Of the cells, the share that a version needs to count in a suite index, which takes only cells
that all its versions have: one version with few cells must not decide which they are."""
_NO_EIGENVALUE: Final = 1e-9
"""Share of the largest eigenvalue of a graph of versions that one counts as 0 from."""
_SWEEPS: Final = 200
_CONVERGED: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Series:
    """Times of versions, one row for each cell."""

    x: FloatArray
    """Log seconds, shape (cells, versions), NaN where a version was not measured."""
    covariance: FloatArray
    """Of the errors of measuring them, shape (cells, versions, versions); NaN if not known."""

    def rows(self, rows: BoolArray) -> "Series":
        """Return the series of some cells."""
        return Series(self.x[rows], self.covariance[rows])


def levelled_series(x: FloatArray, variance: FloatArray) -> Series:
    """Return the versions' effects on one machine, without the shifts of its sittings.

    The least-squares fit of x_sv = a_s + b_v in each cell. With n_v sittings of version v, L the
    Laplacian diag(n_v) - sum_s 1 1' / (versions of s), and r_v = sum_s (x_sv - mean of s), the
    effects are b = L^+ r + P m, P = I - L^+ L, m being the versions' mean times: versions that
    sittings tie together are at the mean level of all their times, and what no sitting ties to
    another stays as it was measured. A sitting that measures several versions would else lift or
    lower all of them, which looks like a change where it begins and where it ends.

    The covariance is e^2 L^+ + P (e^2 diag(1 / n_v) + d^2 M) P, M_vw being the share of sittings
    that v and w have in common, and d = DEFAULT_SITTING_SD: only what no sitting ties together
    differs by sittings.

    Args:
        x: Log seconds, shape (sittings, cells, versions), NaN where not measured.
        variance: e^2, that of the error of one of them, shape (cells,), NaN if not known.

    Reference:
        The two-way layout: Searle, Casella & McCulloch 1992.
    """
    held = ~np.isnan(x)
    values, n = np.where(held, x, 0.0), held.astype(np.float64)
    width = np.maximum(n.sum(axis=2, keepdims=True), 1.0)
    count, one = n.sum(axis=0), np.eye(x.shape[2])
    laplacian = count[:, :, None] * one - np.einsum("scv,scw->cvw", n / width, n)
    inverse = np.linalg.pinv(laplacian, rcond=_NO_EIGENVALUE, hermitian=True)
    untied = one - inverse @ laplacian
    rest = (values - held * (values.sum(axis=2, keepdims=True) / width)).sum(axis=0)
    mean = np.nan_to_num(ratio(values.sum(axis=0), count))
    effect = np.einsum("cvw,cw->cv", inverse, rest) + np.einsum("cvw,cw->cv", untied, mean)
    share = n / np.maximum(count, 1.0)
    between = DEFAULT_SITTING_SD**2 * np.einsum("scv,scw->cvw", share, share)
    own = variance[:, None, None] * (one / np.maximum(count, 1.0)[:, :, None])
    covariance = variance[:, None, None] * inverse + untied @ (own + between) @ untied
    return Series(np.where(held.any(axis=0), effect, np.nan), covariance)


def pooled_series(machines: Sequence[Series]) -> tuple[Series, BoolArray]:
    """Return the versions' effects over machines, at the level of the mean machine.

    The least-squares fit of x_mv = a_m + b_v in each cell, by turns over a and b; returned is
    b + mean a. So a version that a fast machine did not measure does not look slow. The covariance
    is that of a mean over machines: how far their effects differ is part of the scatter.

    Args:
        machines: their series, of the same cells and versions.

    Returns:
        The series, NaN where no machine that counts has a version; and which machines count, shape
        (machines, cells): those with LEAST_SHARE of the versions.

    Reference:
        The two-way layout: Searle, Casella & McCulloch 1992.
    """
    x = np.stack([one.x for one in machines])
    held = ~np.isnan(x)
    versions = held.any(axis=0).sum(axis=1)
    used = (held.sum(axis=2) >= LEAST_SHARE * versions) & held.any(axis=2)
    held &= used[:, :, None]
    values = np.where(held, x, 0.0)
    level = ratio(values.sum(axis=2), held.sum(axis=2))
    effect = _mean_over(values, held, level)
    for _ in range(_SWEEPS):
        rest = np.where(held, values - np.nan_to_num(effect), 0.0)
        moved = ratio(rest.sum(axis=2), held.sum(axis=2))
        change = np.abs(np.nan_to_num(moved - level)).max(initial=0.0)
        level, effect = moved, _mean_over(values, held, moved)
        if change < _CONVERGED:
            break
    typical = ratio(np.nan_to_num(level).sum(axis=0), used.sum(axis=0))
    share = held / np.maximum(held.sum(axis=0), 1)
    errors = np.stack([one.covariance for one in machines])
    counted = np.where(used[:, :, None, None], errors, 0.0)
    covariance = np.einsum("mcv,mcvw,mcw->cvw", share, counted, share)
    return Series(effect + typical[:, None], covariance), used


def _mean_over(values: FloatArray, held: BoolArray, level: FloatArray) -> FloatArray:
    """Return the mean over machines of values less their level, shape (cells, versions)."""
    rest = np.where(held, values - np.nan_to_num(level)[:, :, None], 0.0)
    return ratio(rest.sum(axis=0), held.sum(axis=0))


def index_series(series: Series) -> tuple[Series, BoolArray]:
    """Return the log of the geometric mean over the cells that all counting versions have.

    The covariance is the mean of the cells', as if their errors were one and the same: an upper
    bound, since what a sitting does to one cell it does to most.

    Args:
        series: those of the cells.

    Returns:
        The series, one row, NaN for versions with less than LEAST_INDEX_SHARE of the cells; and
        which cells are in it, shape (cells,).
    """
    x = series.x
    held = ~np.isnan(x)
    cells = int(held.any(axis=1).sum())
    kept = held.sum(axis=0) >= max(LEAST_INDEX_SHARE * cells, 1)
    matched = np.asarray(held[:, kept].all(axis=1) & held.any(axis=1))
    mean = moments(x[matched].T).mean
    covariance = moments(series.covariance[matched].reshape(matched.sum(), -1).T).mean
    shape = (1, x.shape[1], x.shape[1])
    return Series(np.where(kept, mean, np.nan)[None], covariance.reshape(shape)), matched
