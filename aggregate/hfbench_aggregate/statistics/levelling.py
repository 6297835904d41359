"""Sittings brought to one level: what differs between them is not noise of the process runs.

In an interleaved design every sitting shifts both versions alike. Pooled as they are, the process
runs of several sittings would show that shift as spread, and a second sitting would make the
interval wider instead of narrower.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.moments import (
    FloatArray,
    IntArray,
    as_runs,
    moments,
    ratio,
    row_median,
    winsorise,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Levelled:
    """Process runs of two versions without the shifts of their sittings, for `compare_versions`."""

    baseline: FloatArray
    """Log seconds, shape and padding as given."""
    candidate: FloatArray
    """Log seconds, shape and padding as given."""
    spent_df: FloatArray
    """Degrees of freedom that the shifts of a cell took, S - 1 for S sittings; shape (cells,)."""


@dataclass(frozen=True, eq=False)
class _Arm:
    """One version's process runs, and at which place of the list of sittings each belongs."""

    x: FloatArray
    """Log seconds, shape (cells, process runs), NaN for padding."""
    place: IntArray
    """Place of the sitting of each, the same shape; -1 for padding."""
    count: IntArray
    """Process runs, shape (cells, sittings)."""

    def rows(self, rows: IntArray) -> "_Arm":
        """Return the arm of some cells."""
        return _Arm(self.x[rows], self.place[rows], self.count[rows])

    def minus(self, shift: FloatArray) -> FloatArray:
        """Return x less the shift of its sitting, which has shape (cells, sittings)."""
        return self.x - np.take_along_axis(shift, np.maximum(self.place, 0), axis=1)


def level_sittings(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    baseline_sittings: npt.ArrayLike,
    candidate_sittings: npt.ArrayLike,
) -> Levelled:
    """Take the shift of each sitting out of the cells whose sittings all ran both versions.

    x' = x - m_s + mean_s m_s with m_s the mean of the two versions' means in sitting s: of equal
    weight, so that a version with more process runs does not pull its own level into the shift.
    The difference of the arms is then sum_s (n_As / P_A + n_Bs / P_B) / 2 * d_s, free of all
    shifts. Cells of one sitting, and those that are not interleaved, stay as they are.

    Args:
        baseline: Log seconds, shape (cells, process runs), NaN for padding.
        candidate: The same cells under the other version; its width may differ.
        baseline_sittings: Number of the sitting of each process run, numbered alike in both
            versions; shape of `baseline`, -1 for padding.
        candidate_sittings: The same for `candidate`.

    Reference:
        The two-way layout version + sitting: Searle, Casella & McCulloch 1992.
    """
    numbers = np.union1d(baseline_sittings, candidate_sittings)
    numbers = numbers[numbers >= 0]
    a = _arm(as_runs(baseline), np.asarray(baseline_sittings), numbers)
    b = _arm(as_runs(candidate), np.asarray(candidate_sittings), numbers)
    sittings = (a.count > 0).sum(axis=1)
    several = ((a.count > 0) == (b.count > 0)).all(axis=1) & (sittings > 1)
    x_a, x_b = _levelled(a, b, np.flatnonzero(several))
    spent = np.where(several, sittings - 1.0, 0.0)
    return Levelled(baseline=x_a, candidate=x_b, spent_df=spent)


def _arm(
    x: FloatArray, sittings: npt.NDArray[np.integer], numbers: npt.NDArray[np.integer]
) -> _Arm:
    """Sort one version's process runs into the sittings `numbers`."""
    place: IntArray = np.where(np.isnan(x), -1, np.searchsorted(numbers, sittings))
    count = [np.count_nonzero(place == s, axis=1) for s in range(numbers.size)]
    return _Arm(x, place, np.stack(count, axis=1) if count else np.zeros((len(x), 0), np.int64))


def _levelled(a: _Arm, b: _Arm, cells: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return x of both arms with some of the cells levelled."""
    x_a, x_b = a.x.copy(), b.x.copy()
    if cells.size:
        a, b = a.rows(cells), b.rows(cells)
        shift = _shifts(a, b)
        shift -= np.nanmean(shift, axis=1, keepdims=True)
        x_a[cells] = _stretched(a.minus(shift), _stretch(a.count, b.count))
        x_b[cells] = _stretched(b.minus(shift), _stretch(b.count, a.count))
    return x_a, x_b


def _shifts(a: _Arm, b: _Arm) -> FloatArray:
    """Return m_s, shape (cells, sittings), NaN where a cell has no such sitting.

    One spike must not move the level of its whole sitting, but medians alone would waste a third
    of the process runs: rough levels by medians show which runs `winsorise` pulls in, and the
    means are taken over what is left.
    """
    rough = (_medians(a) + _medians(b)) / 2
    fine = [_means(_Arm(winsorise(arm.minus(rough)).x, arm.place, arm.count)) for arm in (a, b)]
    shifts: FloatArray = rough + (fine[0] + fine[1]) / 2
    return shifts


def _medians(arm: _Arm) -> FloatArray:
    """Return the median of each sitting, shape (cells, sittings)."""
    sittings = range(arm.count.shape[1])
    parts = [row_median(_of(arm, sitting), arm.count[:, sitting]) for sitting in sittings]
    return np.stack(parts, axis=1)


def _means(arm: _Arm) -> FloatArray:
    """Return the mean of each sitting, shape (cells, sittings)."""
    parts = [moments(_of(arm, sitting)).mean for sitting in range(arm.count.shape[1])]
    return np.stack(parts, axis=1)


def _of(arm: _Arm, sitting: int) -> FloatArray:
    """Return x with the process runs of all other sittings as padding."""
    return np.where(arm.place == sitting, arm.x, np.nan)


def _stretch(own: IntArray, other: IntArray) -> FloatArray:
    """Return the factor for an arm's residuals that makes its variance honest, shape (cells,).

    With n process runs of this and n' of the other version in a sitting, P and P' in all,
    w = n / P and v = 1 / n + 1 / n', and the variance of a process run as unit: the difference of
    the levelled arms has variance V = sum ((w + w') / 2)^2 v, but 1 / P + 1 / P' will be counted;
    the residuals have squares E = P - S + P sum w (1 - w) v / 4, but will be divided by
    df = P - 1 - (S - 1) / 2. The factor is sqrt(V / (1 / P + 1 / P') * df / E): 1 where every
    sitting ran both versions equally often.
    """
    runs, runs_other = own.sum(axis=1), other.sum(axis=1)
    w, w_other = ratio(own, runs[:, None]), ratio(other, runs_other[:, None])
    v = np.nan_to_num(ratio(np.ones(own.shape), own) + ratio(np.ones(own.shape), other))
    sittings = (own > 0).sum(axis=1)
    counted = (runs - 1 - (sittings - 1) / 2) / (1 / runs + 1 / runs_other)
    squares = runs - sittings + runs * (w * (1 - w) * v).sum(axis=1) / 4
    variance = (((w + w_other) / 2) ** 2 * v).sum(axis=1)
    factor: FloatArray = np.sqrt(variance * counted / squares)
    return factor


def _stretched(x: FloatArray, factor: FloatArray) -> FloatArray:
    """Return x with its residuals about the mean of each row times a factor, shape (cells,)."""
    mean = moments(x).mean[:, None]
    return mean + (x - mean) * factor[:, None]
