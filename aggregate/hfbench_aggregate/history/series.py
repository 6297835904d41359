"""Series of versions as arrays: of one machine, and of several brought to one level."""

from typing import Final

import numpy as np

from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, moments, ratio

LEAST_SHARE: Final = 0.75
"""Of the versions that any machine measured, the share that one needs to be pooled.

Any two then have half of the versions in common. With a small overlap, the error of these few
versions would shift all others, and look like a change.
"""
LEAST_INDEX_SHARE: Final = 0.5
"""Of the cells, the share that a version needs to count in a suite index, which takes only cells
that all its versions have: one version with few cells must not decide which they are."""
_SWEEPS: Final = 200
_CONVERGED: Final = 1e-12


def pooled_series(x: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the versions' effects over machines, at the level of the mean machine.

    The least-squares fit of x_mv = a_m + b_v in each cell, by turns over a and b; returned is
    b + mean a. So a version that a fast machine did not measure does not look slow.

    Args:
        x: Centres in log seconds, shape (machines, cells, versions), NaN where not measured.

    Returns:
        The series, shape (cells, versions), NaN where no machine that counts has a version; and
        which machines count, shape (machines, cells): those with LEAST_SHARE of the versions.

    Reference:
        The two-way layout: Searle, Casella & McCulloch 1992.
    """
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
    return effect + typical[:, None], used


def _mean_over(values: FloatArray, held: BoolArray, level: FloatArray) -> FloatArray:
    """Return the mean over machines of values less their level, shape (cells, versions)."""
    rest = np.where(held, values - np.nan_to_num(level)[:, :, None], 0.0)
    return ratio(rest.sum(axis=0), held.sum(axis=0))


def index_series(x: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the log of the geometric mean over the cells that all counting versions have.

    Args:
        x: Centres in log seconds, shape (cells, versions), NaN where not measured.

    Returns:
        The series, shape (1, versions), NaN for versions with less than LEAST_INDEX_SHARE of the
        cells; and which cells are in it, shape (cells,).
    """
    held = ~np.isnan(x)
    cells = int(held.any(axis=1).sum())
    kept = held.sum(axis=0) >= max(LEAST_INDEX_SHARE * cells, 1)
    matched = np.asarray(held[:, kept].all(axis=1) & held.any(axis=1))
    mean = moments(x[matched].T).mean
    return np.where(kept, mean, np.nan)[None], matched
