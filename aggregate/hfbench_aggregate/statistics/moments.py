"""Masked moments and winsorising of NaN-padded rows of process runs.

Everything works on `x`, an array (cells, process runs) of log seconds in which NaN is padding:
row i holds the process runs of cell i, in any order and at any place. Sums are masked by hand
because the `nan_policy="omit"` of scipy loops over the rows in Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    LEAST_PROCESS_SD,
    MAD_TO_SD,
    WINSOR_LEAST_RUNS,
    WINSOR_WIDTH_MADS,
)

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and variance of each row; arrays of shape (cells,)."""

    count: IntArray
    """Process runs."""
    mean: FloatArray
    """Mean of x in log seconds; NaN for an empty row."""
    squares: FloatArray
    """Sum of squared deviations from the mean; 0 below two runs and where there is no spread."""
    spent_df: FloatArray | float = 0.0
    """Degrees of freedom spent on more than the mean; a number or shape (cells,)."""

    @property
    def df(self) -> FloatArray:
        """Return the degrees of freedom of the variance, max(count - 1 - spent_df, 0)."""
        df: FloatArray = np.maximum(self.count - 1 - self.spent_df, 0.0)
        return df

    @property
    def variance(self) -> FloatArray:
        """Return the unbiased variance, squares / df; NaN below two runs."""
        return ratio(self.squares, self.df)


@dataclass(frozen=True, eq=False)
class Winsorised:
    """Process runs with outliers pulled in, and how many were."""

    x: FloatArray
    """Shape (cells, process runs), NaN where the input is NaN."""
    clips: IntArray
    """Clipped process runs of each cell, shape (cells,)."""


def as_runs(x: npt.ArrayLike) -> FloatArray:
    """Return x as a float64 array (cells, process runs) of log seconds, NaN for padding.

    Raises:
        ValueError: x has not two dimensions, or holds an infinity (the log of a zero time).
    """
    runs = np.asarray(x, dtype=np.float64)
    if runs.ndim != 2:
        raise ValueError(f"expected an array (cells, process runs), got {runs.ndim} dimensions")
    if np.isinf(runs).any():
        raise ValueError("log seconds must be finite or NaN, got an infinity")
    return runs


def padded(rows: Sequence[Sequence[float]], padding: float = np.nan) -> FloatArray:
    """Return rows of different lengths as an array, with padding behind the shorter ones."""
    found = np.full((len(rows), max(map(len, rows), default=0)), padding, dtype=np.float64)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


def ratio(numerator: FloatArray | IntArray, denominator: FloatArray | IntArray) -> FloatArray:
    """Return numerator / denominator where the denominator is positive, NaN elsewhere."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def moments(x: npt.ArrayLike, spent_df: FloatArray | float = 0.0) -> Moments:
    """Compute count, mean and sum of squares of each row of process runs.

    A spread below LEAST_PROCESS_SD counts as none: rounding alone leaves equal timings with a
    variance of 1e-33 or so, which a t test would take for near certainty.

    Args:
        x: Log seconds, shape (cells, process runs), NaN for padding.
        spent_df: Degrees of freedom of each row that x has lost before; a number or shape (cells,).

    Raises:
        ValueError: x is not such an array.
    """
    runs = as_runs(x)
    held = ~np.isnan(runs)
    count = _row_counts(runs)
    mean = ratio(np.einsum("ij->i", np.where(held, runs, 0.0)), count)
    deviation = np.where(held, runs - mean[:, None], 0.0)
    squares = np.einsum("ij,ij->i", deviation, deviation)
    spread = squares > (count - 1) * LEAST_PROCESS_SD**2
    return Moments(count, mean, np.where((count > 1) & spread, squares, 0.0), spent_df)


def winsorise(x: npt.ArrayLike) -> Winsorised:
    """Pull process runs far from the median of their cell back to the edge of a band.

    band = median +- WINSOR_WIDTH_MADS * max(MAD of the cell, median MAD of the family), with
    MAD = MAD_TO_SD * sqrt(P / (P - 1)) * median |x - median|, the square root for small P. The
    family's MAD keeps a cell whose runs agree by luck from losing honest ones. Rows with fewer
    than WINSOR_LEAST_RUNS, and rows whose band has no width, stay as they are.

    Args:
        x: Log seconds of one version on one machine, shape (cells, process runs), NaN padding.

    Raises:
        ValueError: x is not such an array.

    Reference:
        Tukey & McLaughlin 1963; Huber 1981, section 5.
    """
    runs = as_runs(x)
    if not runs.shape[1]:
        return Winsorised(runs, np.zeros(len(runs), dtype=np.int64))
    middle, half_width = _band(runs)
    clips = np.count_nonzero(np.abs(runs - middle) > half_width, axis=1)
    return Winsorised(np.clip(runs, middle - half_width, middle + half_width), clips)


def _row_counts(x: FloatArray) -> IntArray:
    """Return the process runs of each row."""
    # `einsum` is several times as fast as `sum` over rows of a handful.
    count: IntArray = np.einsum("ij->i", (~np.isnan(x)).astype(np.int64))
    return count


def _band(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return middle and half-width of the winsorising band of each row, as columns."""
    count = _row_counts(x)
    middle = row_median(x, count)[:, None]
    mad = MAD_TO_SD * np.sqrt(ratio(count, count - 1)) * row_median(np.abs(x - middle), count)
    enough = count >= WINSOR_LEAST_RUNS
    family = np.median(mad[enough]) if enough.any() else 0.0
    # No scale to judge an outlier by: few runs, or most of the row, and of most rows, are equal.
    known = enough & (np.maximum(mad, family) > 0)
    half_width = np.where(known, WINSOR_WIDTH_MADS * np.maximum(mad, family), np.inf)
    return middle, half_width[:, None]


def row_median(x: FloatArray, count: IntArray) -> FloatArray:
    """Return the median of each row, NaN where it is empty; NaN sorts last, so counts find it."""
    ordered = np.sort(x, axis=1)
    row = np.arange(len(x))
    median: FloatArray = (ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2
    return median
