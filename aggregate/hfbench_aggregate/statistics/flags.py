"""Flags: what looks wrong in measurements, with the number that says so.

A flag never deletes anything. Each result holds the figures behind its flags, in the same shape,
so that a report can say by how much. Machines of one device class only should be looked at
together: two classes do differ.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    HOLD_SHARE,
    LEAST_DISTINCT_SHARE,
    LEAST_FAMILY_CELLS,
    LEAST_ITERATIONS,
    LEAST_MISFIT_CONTRIBUTORS,
    LEAST_PROCESS_RUNS,
    MAD_TO_SD,
    MISFIT_FACTOR,
    MISFIT_LEAST_SCALE,
    MISFIT_WIDTH,
    POLISH_SWEEPS,
    SHIFT_LIMIT,
    STUCK_FACTOR,
    WRONG_UNIT_FACTOR,
)
from hfbench_aggregate.statistics.moments import (
    BoolArray,
    FloatArray,
    IntArray,
    as_runs,
    moments,
    ratio,
    row_median,
)
from hfbench_aggregate.statistics.student import as_rare_as


@dataclass(frozen=True, eq=False, kw_only=True)
class StuckRuns:
    """Process runs far off the others of their cell; arrays of shape (cells, process runs)."""

    distance: FloatArray
    """x less the median of the cell, in log seconds; NaN for padding."""
    stuck: BoolArray
    """Further off than a factor of STUCK_FACTOR, in a cell of LEAST_PROCESS_RUNS or more."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Smoothness:
    """How much the iterations of each cell vary; arrays of shape (cells,)."""

    spread: FloatArray
    """Interquartile range of the iterations over their median; median over process runs."""
    distinct: FloatArray
    """Share of different values among the iterations; median over process runs."""
    too_smooth: BoolArray
    """No spread at all, or a share below LEAST_DISTINCT_SHARE."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift:
    """Whether a machine became slower or faster during a sitting."""

    change: FloatArray
    """Log ratio of end to start in each cell, from the slope of x over time; shape (cells,)."""
    median: float
    """Median of `change`; NaN without cells that have one."""
    p: float
    """p value of the sign test that as many cells slow down as speed up; 1 without such cells."""
    drifting: bool
    """p <= ALPHA and |median| above SHIFT_LIMIT."""


@dataclass(frozen=True, kw_only=True)
class SittingShift:
    """Whether all cells moved together, which is a matter of the sitting more than of versions."""

    median: float
    """Median over cells of the log ratio; NaN without cells."""
    cells: int
    """Cells behind it."""
    shifted: bool
    """|median| above SHIFT_LIMIT, over LEAST_FAMILY_CELLS or more."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ContributorFlags:
    """How contributors fit together; arrays of shape (cells, contributors) unless said."""

    residual: FloatArray
    """Log distance from what cell and contributor lead to expect; NaN where not judged."""
    scale: FloatArray
    """Robust sd of the residuals of each contributor; shape (contributors,), NaN without any."""
    misfit: BoolArray
    """|residual| above MISFIT_WIDTH scales and above log MISFIT_FACTOR."""
    wrong_unit: BoolArray
    """A factor of more than WRONG_UNIT_FACTOR from what others measured."""
    offset: FloatArray
    """Log distance of a contributor from the median one in all cells; shape (contributors,)."""
    offset_scale: FloatArray
    """Robust sd of these, a number; NaN without contributors."""
    always_off: BoolArray
    """|offset| above log MISFIT_FACTOR, and as rare as MISFIT_WIDTH sd are, by Student's t of k - 1
    degrees of freedom as k contributors are few; shape (contributors,)."""
    misfit_share: FloatArray
    """Share of misfits among the judged cells of each contributor; shape (contributors,)."""
    held: BoolArray
    """More than HOLD_SHARE of them: the submission waits for review; shape (contributors,)."""


def stuck_runs(x: npt.ArrayLike) -> StuckRuns:
    """Flag process runs that took several times as long, or as short, as the others of their cell.

    Args:
        x: Log seconds of one environment on one machine, shape (cells, process runs), NaN padding.

    Raises:
        ValueError: x is not such an array.
    """
    runs = as_runs(x)
    distance = runs - _medians(runs)[:, None]
    enough = (~np.isnan(runs)).sum(axis=1) >= LEAST_PROCESS_RUNS
    stuck = enough[:, None] & (np.abs(distance) > np.log(STUCK_FACTOR))
    return StuckRuns(distance=distance, stuck=stuck)


def smoothness(iterations: npt.ArrayLike) -> Smoothness:
    """Flag cells whose iterations vary less than those of a machine can.

    Args:
        iterations: Nanoseconds, shape (cells, process runs, iterations), NaN for padding.

    Raises:
        ValueError: iterations has not three dimensions, or holds an infinity.
    """
    times = np.asarray(iterations, dtype=np.float64)
    if times.ndim != 3:
        raise ValueError(f"expected (cells, process runs, iterations), got {times.ndim} dimensions")
    rows = np.sort(as_runs(times.reshape(times.shape[0] * times.shape[1], times.shape[2])), axis=1)
    count = (~np.isnan(rows)).sum(axis=1)
    low, middle, high = (_order_statistic(rows, count, level) for level in (0.25, 0.5, 0.75))
    different = 1 + (np.diff(rows, axis=1) > 0).sum(axis=1)
    share = np.where(count >= LEAST_ITERATIONS, ratio(different, count), np.nan)
    spread = _medians(ratio(high - low, middle).reshape(times.shape[:2]))
    distinct = _medians(share.reshape(times.shape[:2]))
    too_smooth = (spread == 0) | (distinct < LEAST_DISTINCT_SHARE)
    return Smoothness(spread=spread, distinct=distinct, too_smooth=too_smooth)


def drift(x: npt.ArrayLike, started: npt.ArrayLike) -> Drift:
    """Test whether the cells of one sitting became slower, or faster, while it lasted.

    Each cell with LEAST_PROCESS_RUNS has a slope by least squares; a sign test over the cells
    asks whether slopes go both ways. The line is drawn over the whole sitting, first to last start.

    Args:
        x: Log seconds of one environment, shape (cells, process runs), NaN for padding.
        started: When each process run started, in seconds, of the same shape.

    Raises:
        ValueError: Shapes do not match.

    Reference:
        Arbuthnot 1710; Conover 1999, section 3.4 (sign test).
    """
    # Here, because `scipy.stats` takes half a second that `--help` should not wait for.
    from scipy.stats import binomtest

    runs, time = as_runs(x), as_runs(started)
    if runs.shape != time.shape:
        raise ValueError(f"x has shape {runs.shape}, started {time.shape}")
    held = ~np.isnan(runs + time)
    runs, time = np.where(held, runs, np.nan), np.where(held, time, np.nan)
    lasted = float(np.ptp(time[held])) if held.any() else 0.0
    change = _slopes(runs, time) * lasted
    slower, moved = int((change > 0).sum()), int(((change > 0) | (change < 0)).sum())
    p = float(binomtest(slower, moved).pvalue) if moved else 1.0
    median = _median(change)
    return Drift(
        change=change, median=median, p=p, drifting=p <= ALPHA and abs(median) > SHIFT_LIMIT
    )


def sitting_shift(theta: npt.ArrayLike) -> SittingShift:
    """Ask whether most cells moved together: to be said, and never to be subtracted.

    Args:
        theta: Log ratio of candidate to baseline of each cell of one machine, shape (cells,),
            NaN where there is none.

    Raises:
        ValueError: theta has not one dimension, or holds an infinity.
    """
    effects = as_runs(np.asarray(theta, dtype=np.float64)[None])[0]
    cells, median = int((~np.isnan(effects)).sum()), _median(effects)
    shifted = cells >= LEAST_FAMILY_CELLS and abs(median) > SHIFT_LIMIT
    return SittingShift(median=median, cells=cells, shifted=shifted)


def contributor_flags(y: npt.ArrayLike) -> ContributorFlags:
    """Flag cells, and whole contributors, that do not fit what the others measured.

    A median polish takes out how long a cell takes and how fast a machine is; what is left is
    compared with its own robust scale, that of the contributor or MISFIT_LEAST_SCALE of that of
    all. Only cells of LEAST_MISFIT_CONTRIBUTORS or more are judged. A wrong unit is looked for in
    residual and offset together, as it may be wrong in one cell or in all.

    Args:
        y: Log seconds, or log ratios of two versions, of the machines of one device class; shape
            (cells, contributors), NaN where one has not measured a cell.

    Raises:
        ValueError: y is not such an array.

    Reference:
        Tukey 1977, chapter 11 (median polish).
    """
    values = as_runs(y)
    enough = (~np.isnan(values)).sum(axis=1) >= LEAST_MISFIT_CONTRIBUTORS
    values = np.where(enough[:, None], values, np.nan)
    residual, column = _polish(values)
    scale = _scales(residual)
    offset = column - _median(column)
    offset_scale = np.asarray(MAD_TO_SD * _median(np.abs(offset)))
    misfit = _far(residual, MISFIT_WIDTH * scale)
    freedom = np.asarray(np.isfinite(offset).sum() - 1.0)
    share = ratio(misfit.sum(axis=0), (~np.isnan(residual)).sum(axis=0))
    return ContributorFlags(
        residual=residual,
        scale=scale,
        misfit=misfit,
        wrong_unit=np.abs(residual + offset) > np.log(WRONG_UNIT_FACTOR),
        offset=offset,
        offset_scale=offset_scale,
        always_off=_far(offset, as_rare_as(MISFIT_WIDTH, freedom) * offset_scale),
        misfit_share=share,
        held=share > HOLD_SHARE,
    )


def _far(distance: FloatArray, limit: FloatArray) -> BoolArray:
    far: BoolArray = np.abs(distance) > np.maximum(limit, np.log(MISFIT_FACTOR))
    return far


def _polish(y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what a median polish leaves, and the effect of each column, NaN where it has none."""
    residual, column = y.copy(), np.zeros(y.shape[1])
    for _ in range(POLISH_SWEEPS):
        residual -= _medians(residual)[:, None]
        step = _medians(residual.T)
        residual -= step
        column += step
    return residual, column


def _scales(residual: FloatArray) -> FloatArray:
    """Return the robust sd of each column, at least MISFIT_LEAST_SCALE of that of all."""
    distance = np.abs(residual)
    overall = MAD_TO_SD * _median(distance)
    return np.maximum(MAD_TO_SD * _medians(distance.T), MISFIT_LEAST_SCALE * overall)


def _medians(rows: FloatArray) -> FloatArray:
    """Return the median of each row over what is not NaN; NaN for an empty row."""
    if not rows.shape[1]:
        return np.full(len(rows), np.nan)
    return row_median(rows, (~np.isnan(rows)).sum(axis=1))


def _median(values: FloatArray) -> float:
    return float(_medians(values.reshape(1, -1))[0])


def _order_statistic(rows: FloatArray, count: IntArray, level: float) -> FloatArray:
    """Return the value at a level of sorted rows, NaN below LEAST_ITERATIONS values."""
    out = np.full(len(rows), np.nan)
    enough = np.flatnonzero(count >= LEAST_ITERATIONS)
    out[enough] = rows[enough, np.floor(level * (count[enough] - 1)).astype(np.int64)]
    return out


def _slopes(x: FloatArray, time: FloatArray) -> FloatArray:
    """Return the slope of each row by least squares, NaN for a short row or one moment."""
    count = (~np.isnan(x)).sum(axis=1)
    late, slow = _centred(time), _centred(x)
    squares = np.where(count >= LEAST_PROCESS_RUNS, np.einsum("ij,ij->i", late, late), 0.0)
    return ratio(np.einsum("ij,ij->i", late, slow), squares)


def _centred(rows: FloatArray) -> FloatArray:
    """Return rows less their means, 0 for what is NaN."""
    return np.nan_to_num(rows - moments(rows).mean[:, None])
