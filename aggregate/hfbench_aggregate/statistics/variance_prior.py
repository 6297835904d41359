"""Empirical Bayes prior for the variances of a family of cells, after Smyth (2004).

With three process runs a cell knows next to nothing about its own noise, but the other cells
measured on the machine do: their variances scatter around a common value s0^2 as if that value
had been observed with d0 degrees of freedom. Adding those to a cell's own gives it a variance
that neither a lucky agreement of three runs nor one unlucky run can spoil.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma

from hfbench_aggregate.statistics.constants import LEAST_FAMILY_CELLS, PRIOR_DF_CAP, VARIANCE_FLOOR
from hfbench_aggregate.statistics.moments import FloatArray, Moments, ratio

# Span and fineness of the table behind the inverse trigamma: linear interpolation of its nearly
# straight log-log curve is then exact to 1e-7, and nothing outside the span outlives the cap.
_TABLE_SPAN: Final = (1e-6, 1e8)
_TABLE_POINTS: Final = 1 << 16


@dataclass(frozen=True)
class VariancePrior:
    """What a family says about the variance of any of its cells."""

    d0: float
    """Degrees of freedom the family is worth, in [0, PRIOR_DF_CAP]; 0 means no prior."""
    s0_squared: float
    """Variance of a typical cell, in log seconds squared; 0 and of no weight where d0 is 0."""

    def moderate(self, moments: Moments, share: float) -> tuple[FloatArray, FloatArray]:
        """Return each cell's moderated variance and its degrees of freedom.

        s~^2 = (d s0^2 + squares) / (d + df) with d = share * d0, on d + df degrees of freedom;
        NaN where that is 0.

        Args:
            moments: Moments of the cells, arrays of shape (cells,).
            share: Part of d0 to use: 1 for one arm alone, PRIOR_SHARE_OF_ARM for one of two.
        """
        prior_df = share * self.d0
        df = prior_df + moments.df
        return ratio(prior_df * self.s0_squared + moments.squares, df), df


NO_PRIOR: Final = VariancePrior(0.0, 0.0)


def variance_prior(s2: npt.ArrayLike, d: npt.ArrayLike) -> VariancePrior:
    """Estimate the prior of a family from its cells' variances by the method of moments.

    e = log s2 - psi(d/2) + log(d/2), v = var(e) - mean psi'(d/2), d0 = 2 psi'^-1(v) (infinite
    where v <= 0), log s0^2 = mean e + psi(d0/2) - log(d0/2); then d0 is capped at PRIOR_DF_CAP.
    Cells without a positive variance or degrees of freedom are left out; fewer than
    LEAST_FAMILY_CELLS others give no prior.

    Args:
        s2: Variance of each cell, shape (cells,); NaN where it has none.
        d: Its degrees of freedom, shape (cells,).

    Reference:
        Smyth 2004, "Linear models and empirical Bayes methods", section 6.2.
    """
    variance, df = np.asarray(s2, dtype=np.float64), np.asarray(d, dtype=np.float64)
    used = np.isfinite(variance) & np.isfinite(df) & (variance > 0) & (df > 0)
    if used.sum() < LEAST_FAMILY_CELLS:
        return NO_PRIOR
    variance = variance[used]
    variance = np.maximum(variance, VARIANCE_FLOOR * np.median(variance))
    half, cells = np.unique(df[used] / 2, return_inverse=True)  # few: digamma is not cheap
    e = np.log(variance) + (np.log(half) - digamma(half))[cells]
    excess = float(np.var(e, ddof=1) - np.mean(polygamma(1, half)[cells]))
    return _from_moments(float(np.mean(e)), excess)


def _from_moments(mean: float, excess: float) -> VariancePrior:
    """Turn mean and excess variance of the log variances into the capped prior."""
    if excess <= 0:  # no more scatter than sampling explains: all cells share one variance
        return VariancePrior(PRIOR_DF_CAP, float(np.exp(mean)))
    half = float(inverse_trigamma(excess))
    s0_squared = float(np.exp(mean + digamma(half) - np.log(half)))
    return VariancePrior(min(2 * half, PRIOR_DF_CAP), s0_squared)


def inverse_trigamma(y: npt.ArrayLike) -> FloatArray:
    """Return x with psi'(x) = y, to 1e-6 relative, for y in about [1e-8, 1e12].

    Interpolates log x linearly in log y over a table; beyond it the end of the table is given.
    """
    log_y, log_x = _trigamma_table()
    return np.exp(np.interp(np.log(y), log_y, log_x))


@cache
def _trigamma_table() -> tuple[FloatArray, FloatArray]:
    """Return (log psi'(x), log x) on a logarithmic grid, ordered by the former."""
    log_x = np.log(np.geomspace(*_TABLE_SPAN, _TABLE_POINTS))[::-1]
    return np.log(polygamma(1, np.exp(log_x))), log_x
