"""Student's t and its kin by `scipy.special`: its import takes a third of that of `scipy.stats`."""

from typing import Final

import numpy as np
from scipy.special import chdtrc, chdtri, ndtr, ndtri, stdtr, stdtrit

from hfbench_aggregate.statistics.moments import FloatArray

# A p value too small for a float is reported as the smallest one, never as the certainty of 0.
_LEAST_P: Final = float(np.finfo(np.float64).tiny)


def two_sided_p(t: FloatArray, df: FloatArray) -> FloatArray:
    """Return P(|T| >= |t|) for T of Student's t with df degrees of freedom, never 0."""
    tail: FloatArray = stdtr(df, -np.abs(t))
    return np.maximum(2 * tail, _LEAST_P)


def upper_tail(t: FloatArray, df: FloatArray) -> FloatArray:
    """Return P(T >= t) for T of Student's t with df degrees of freedom, never 0."""
    tail: FloatArray = stdtr(df, -t)
    return np.maximum(tail, _LEAST_P)


def quantile(level: float, df: FloatArray) -> FloatArray:
    """Return the t with P(T <= t) = level for each df; NaN where df is not positive."""
    return np.asarray(stdtrit(df, level)).astype(np.float64, copy=False)


def as_rare_as(sd: float, df: FloatArray) -> FloatArray:
    """Return the t that is exceeded as rarely as so many sd of a normal."""
    return -quantile(float(ndtr(-sd)), df)


def chi_squared_tail(squares: FloatArray, df: FloatArray) -> FloatArray:
    """Return P(X >= squares) for X of chi-squared with df degrees of freedom, never 0."""
    tail: FloatArray = chdtrc(df, squares)
    return np.maximum(tail, _LEAST_P)


def chi_squared_quantile(level: float, df: FloatArray) -> FloatArray:
    """Return the x with P(X <= x) = level for X of chi-squared with df degrees of freedom."""
    return np.asarray(chdtri(df, 1 - level)).astype(np.float64, copy=False)


def normal_quantile(level: float) -> float:
    """Return the z with P(Z <= z) = level for a standard normal Z."""
    return float(ndtri(level))
