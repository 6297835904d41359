"""One number for a suite: the geometric mean of its ratios, with two intervals that differ.

Which cells a suite has is a choice. Whether its mean moved is one question, and measurement alone
answers it; whether cells like these move is another, and then cells are what one has few of. An
interval for the first, read as an answer to the second, is wrong four times in five.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import ALPHA, LEAST_SUITE_CELLS
from hfbench_aggregate.statistics.moments import FloatArray, as_runs, moments
from hfbench_aggregate.statistics.student import quantile


@dataclass(frozen=True, kw_only=True)
class SuiteIndex:
    """Geometric mean ratio of a suite, as logarithms; NaN for what cannot be computed."""

    theta: float
    """Mean log ratio over the matched cells: above 0 the candidate is slower."""
    cells: int
    """Matched cells: those judged on both sides."""
    unmatched: int
    """Cells left out, as one side or its error is not known."""
    suite_low: float
    """Lower end of the 95 % interval "on this suite": measurement error only."""
    suite_high: float
    """Upper end of that interval."""
    general_low: float
    """Lower end of the 95 % interval "for cells like these", over which cells vary."""
    general_high: float
    """Upper end of that interval; NaN below LEAST_SUITE_CELLS, and where cells do not vary."""


def suite_index(theta: npt.ArrayLike, se: npt.ArrayLike, df: npt.ArrayLike) -> SuiteIndex:
    """Average the log ratios of the matched cells of a suite, each cell with the same weight.

    On this suite: mean +- t sqrt(sum se^2) / n with Satterthwaite's df, (sum se^2)^2 /
    sum(se^4 / df), errors of cells taken for independent. For cells like these: mean +-
    t_{.975, n-1} sd / sqrt(n), with sd that of theta over cells.

    Args:
        theta: Log ratio of each cell, shape (cells,), NaN where one side is missing.
        se: Standard errors. Only cells that have one are matched.
        df: Degrees of freedom of each error.

    Raises:
        ValueError: Shapes do not match, or a value is infinite.

    Reference:
        Fleming & Wallace 1986 (geometric mean); Satterthwaite 1946.
    """
    columns = [np.asarray(each, dtype=np.float64) for each in (theta, se, df)]
    if columns[0].ndim != 1 or len({each.shape for each in columns}) > 1:
        shapes = ", ".join(str(each.shape) for each in columns)
        raise ValueError(f"expected three arrays (cells,), got shapes {shapes}")
    rows = as_runs(np.stack(columns))
    matched = np.isfinite(rows).all(axis=0) & (rows[1] > 0) & (rows[2] > 0)
    effect, error, freedom = rows[:, matched]
    cells = effect.size
    mean = float(effect.mean()) if cells else np.nan
    suite, general = _measurement_reach(error, freedom), _reach_over_cells(effect)
    return SuiteIndex(
        theta=mean,
        cells=cells,
        unmatched=matched.size - cells,
        suite_low=mean - suite,
        suite_high=mean + suite,
        general_low=mean - general,
        general_high=mean + general,
    )


def _measurement_reach(se: FloatArray, df: FloatArray) -> float:
    if not se.size:
        return np.nan
    squares = se**2
    total = squares.sum()
    freedom = total**2 / np.sum(squares**2 / df)
    return float(quantile(1 - ALPHA / 2, freedom) * np.sqrt(total) / se.size)


def _reach_over_cells(theta: FloatArray) -> float:
    if theta.size < LEAST_SUITE_CELLS:
        return np.nan
    over = moments(theta[None])
    squares = np.where(over.squares > 0, over.variance, np.nan) / theta.size
    return float((quantile(1 - ALPHA / 2, over.df) * np.sqrt(squares))[0])
