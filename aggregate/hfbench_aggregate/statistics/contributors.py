"""Two versions on many machines: what changed for everybody, by a random-effects meta-analysis.

Each contributor's machine has an effect of its own, theta_ik, known to within a variance v_ik.
The pooled effect is that on the mean machine, and its error allows for machines to differ. How
far they do, tau^2, is learnt from the whole family, since a handful of contributors says hardly
anything of it; and so is how far the variances v_ik are off, by the factor of Knapp and Hartung.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    DISPUTED_P,
    EQUIVALENCE_MARGIN,
    LEAST_CONTRIBUTORS,
    LEAST_FAMILY_CELLS,
    LEAST_INTERVAL_RUNS,
    LEAST_QUIET_CONTRIBUTORS,
    LEAST_SCREEN_CONTRIBUTORS,
    MAD_TO_SD,
    POOLING_SITTING_SD,
    SCREEN_LEAST_DISTANCE,
    SCREEN_WIDTH,
)
from hfbench_aggregate.statistics.discovery import false_discovery_rate, fcr_level
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray, ratio, row_median
from hfbench_aggregate.statistics.student import chi_squared_quantile, chi_squared_tail, quantile
from hfbench_aggregate.statistics.variance_prior import variance_prior
from hfbench_aggregate.statistics.verdict import Decision, decide, is_called
from hfbench_aggregate.statistics.welch import Effect, sitting_variance


@dataclass(frozen=True, eq=False, kw_only=True)
class PooledComparison(Decision):
    """The pooled comparison of each cell; arrays of shape (cells,) but where said.

    theta is the log ratio on the mean machine; its error needs two contributors.
    """

    tau_squared: FloatArray
    """Variance of the effect between machines; NaN below two contributors."""
    prediction_low: FloatArray
    """Lower end of the 95 % interval of the effect on one more machine; NaN below three."""
    prediction_high: FloatArray
    """Upper end of that interval."""
    p_heterogeneity: FloatArray
    """p value of one effect on all machines (Cochran's Q); never 0, NaN below two contributors."""
    q_heterogeneity: FloatArray
    """The same, adjusted after Benjamini & Hochberg over the cells that have one."""
    contributors: IntArray
    """Contributors behind theta."""
    screened: BoolArray
    """Dropped as outliers, shape (cells, contributors)."""
    left_out: BoolArray
    """Noisy machines left out, as quiet ones were enough, shape (cells, contributors)."""


@dataclass(frozen=True, eq=False)
class _Pool:
    """Weighted effects of a family; weights are 0 where a contributor does not count."""

    theta: FloatArray
    """Effects, 0 where they do not count; shape (cells, contributors)."""
    weight: FloatArray
    """Inverse variances, shape (cells, contributors)."""
    count: IntArray
    """Contributors that count, shape (cells,)."""

    @property
    def total(self) -> FloatArray:
        """Return the sum of the weights, shape (cells,)."""
        total: FloatArray = self.weight.sum(axis=1)
        return total

    @property
    def mean(self) -> FloatArray:
        """Return the weighted mean; NaN without contributors."""
        return ratio(np.einsum("ij,ij->i", self.weight, self.theta), self.total)

    @property
    def squares(self) -> FloatArray:
        """Return Cochran's Q, sum w (theta - mean)^2; NaN without contributors."""
        distance = self.theta - self.mean[:, None]
        squares: FloatArray = np.einsum("ij,ij,ij->i", self.weight, distance, distance)
        return squares

    @property
    def effective(self) -> FloatArray:
        """Return Kish's effective number of contributors, (sum w)^2 / sum w^2."""
        return ratio(self.total**2, np.einsum("ij,ij->i", self.weight, self.weight))


def pooling_variance(
    se_within: npt.ArrayLike, sittings_baseline: npt.ArrayLike, sittings_candidate: npt.ArrayLike
) -> FloatArray:
    """Return the variance by which a contributor's effect is weighted.

    v = se_within^2 + POOLING_SITTING_SD^2 (1 / R_A + 1 / R_B), whether or not the versions were
    interleaved, so that no number of process runs makes one machine outweigh all others.

    Args:
        se_within: `VersionComparison.se_within`, of any shape; NaN where a contributor did not
            measure a cell, or has one process run in an arm: its error is then a guess.
        sittings_baseline: Sittings R_A; a number or of the same shape.
        sittings_candidate: Sittings R_B.

    Returns:
        Of the shape of se_within, NaN where that is.

    Raises:
        ValueError: A cell with an error has no sitting.
    """
    se = np.asarray(se_within, dtype=np.float64)
    sitting = sitting_variance(
        POOLING_SITTING_SD, sittings_baseline, sittings_candidate, np.isfinite(se)
    )
    return se**2 + sitting


def pool_contributors(
    theta: npt.ArrayLike, variance: npt.ArrayLike, *, quiet: npt.ArrayLike | None = None
) -> PooledComparison:
    """Pool the effects of contributors in every cell of a family.

    Noisy machines are left out where LEAST_QUIET_CONTRIBUTORS quiet ones measured the cell; then
    outliers are screened. With w = 1 / (v + tau^2), W = sum w and k contributors,

        theta = sum w theta_k / W,
        q = sum w (theta_k - theta)^2 / (k - 1),  (d0, s0^2) the family's prior on q, each up
            to the quantile of chi-squared that DISPUTED_P exceed,
        g = max(1, (d0 s0^2 + (k - 1) q) / (d0 + k - 1)),  se^2 = g / W,
        k' = W^2 / sum w^2,  df = max(1, min(d0, k) + k' - 1),

    so that one precise machine among many is not taken for many. Verdicts as `decide` orders
    them, from LEAST_CONTRIBUTORS on. The prediction interval is theta +- t_{.975, k-2}
    sqrt(tau^2 + 2 POOLING_SITTING_SD^2 + se^2).

    Args:
        theta: Log ratio of candidate to baseline, shape (cells, contributors), NaN where a
            contributor did not measure a cell.
        variance: Variance of each, as of `pooling_variance`. An effect whose variance is NaN or
            0 has no known error and does not count.
        quiet: Whether the machine of each contributor has grade A or B, shape (contributors,);
            None for all.

    Raises:
        ValueError: Shapes do not match, a value is infinite, or a variance is negative.

    Reference:
        DerSimonian & Laird 1986; Knapp & Hartung 2003; Roever, Knapp & Friede 2015 (g >= 1);
        Kish 1965; Higgins, Thompson & Spiegelhalter 2009 (prediction).
    """
    y, v = _as_effects(theta, variance)
    measured = np.isfinite(y) & (v > 0)
    left_out = measured & _replaceable(measured, quiet)
    screened = _outliers(y, v, measured & ~left_out)
    used = measured & ~left_out & ~screened
    plain = _pool(y, v, used, np.zeros(len(y)))
    tau_squared = _tau_squared(y, v, used)
    effect = _effect(_pool(y, v, used, tau_squared))
    p, p_equivalent = effect.p(), effect.p_equivalent(float(np.log1p(EQUIVALENCE_MARGIN)))
    sufficient = plain.count >= LEAST_CONTRIBUTORS
    tested = sufficient & np.isfinite(p)
    q = false_discovery_rate(p, tested)
    called = is_called(effect.theta, q)
    low, high = effect.interval()
    fcr_low, fcr_high = effect.selected_interval(fcr_level(called, tested), called)
    prediction_low, prediction_high = _prediction(effect, tau_squared, plain.count)
    p_heterogeneity = _homogeneity(plain)
    return PooledComparison(
        theta=effect.theta,
        se=effect.se,
        df=effect.df,
        p=p,
        q=q,
        low=low,
        high=high,
        p_equivalent=p_equivalent,
        fcr_low=fcr_low,
        fcr_high=fcr_high,
        detectable=effect.detectable(),
        tau_squared=tau_squared,
        prediction_low=prediction_low,
        prediction_high=prediction_high,
        p_heterogeneity=p_heterogeneity,
        q_heterogeneity=false_discovery_rate(p_heterogeneity, np.isfinite(p_heterogeneity)),
        contributors=plain.count,
        screened=screened,
        left_out=left_out,
        verdict=decide(effect.theta, q, p_equivalent, sufficient),
    )


def _as_effects(theta: npt.ArrayLike, variance: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as float64 arrays (cells, contributors); raise ValueError where they are none."""
    y, v = np.asarray(theta, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    if y.ndim != 2 or y.shape != v.shape:
        raise ValueError(
            f"expected two arrays (cells, contributors), got shapes {y.shape} and {v.shape}"
        )
    if np.isinf(y).any() or np.isinf(v).any():
        raise ValueError("effects and variances must be finite or NaN, got an infinity")
    if (v < 0).any():
        raise ValueError("a variance must not be negative")
    return y, v


def _replaceable(measured: BoolArray, quiet: npt.ArrayLike | None) -> BoolArray:
    """Return the noisy machines of the cells that enough quiet ones measured."""
    if quiet is None:
        return np.zeros_like(measured)
    calm = np.asarray(quiet, dtype=np.bool_)
    if calm.shape != measured.shape[1:]:
        raise ValueError(f"quiet has shape {calm.shape} for {measured.shape[1]} contributors")
    enough = (measured & calm).sum(axis=1) >= LEAST_QUIET_CONTRIBUTORS
    noisy: BoolArray = enough[:, None] & ~calm
    return noisy


def _outliers(y: FloatArray, v: FloatArray, measured: BoolArray) -> BoolArray:
    """Return the effects too far from the median of their cell, where it has enough of them.

    |theta_k - median| > max(SCREEN_LEAST_DISTANCE, SCREEN_WIDTH max(MAD of the cell, median MAD
    of the family, sqrt(v_k))): neither agreement by luck among a few nor a machine known to be
    noisy makes an outlier.
    """
    outlier = np.zeros_like(measured)
    rows = np.flatnonzero(measured.sum(axis=1) >= LEAST_SCREEN_CONTRIBUTORS)
    if rows.size:
        block = np.where(measured[rows], y[rows], np.nan)
        count = measured[rows].sum(axis=1)
        distance = np.abs(block - row_median(block, count)[:, None])
        mad = MAD_TO_SD * row_median(distance, count)
        scale = np.maximum(np.maximum(mad, np.median(mad))[:, None], np.sqrt(v[rows]))
        outlier[rows] = distance > np.maximum(SCREEN_WIDTH * scale, SCREEN_LEAST_DISTANCE)
    return outlier


def _pool(y: FloatArray, v: FloatArray, used: BoolArray, tau_squared: FloatArray) -> _Pool:
    """Weight the effects that are used by 1 / (v + tau^2); an unknown tau^2 counts as none."""
    weight = np.zeros(y.shape)
    np.divide(1.0, v + np.nan_to_num(tau_squared)[:, None], out=weight, where=used)
    return _Pool(np.where(used, y, 0.0), weight, used.sum(axis=1, dtype=np.int64))


def _tau_squared(y: FloatArray, v: FloatArray, used: BoolArray) -> FloatArray:
    """Return the variance between machines, shape (cells,), NaN below two contributors."""
    plain = _pool(y, v, used, np.zeros(len(y)))
    replicated = plain.count >= LEAST_INTERVAL_RUNS
    if replicated.sum() < LEAST_FAMILY_CELLS:
        return np.where(replicated, _own_tau_squared(plain), np.nan)
    rows = np.flatnonzero(replicated)
    return np.where(replicated, _common_tau_squared(y[rows], v[rows], used[rows]), np.nan)


def _own_tau_squared(plain: _Pool) -> FloatArray:
    """Return max(0, (Q - (k - 1)) / (W - sum w^2 / W)) with w = 1 / v: DerSimonian & Laird 1986."""
    above = plain.squares - (plain.count - 1)
    return np.maximum(ratio(above, plain.total - ratio(plain.total, plain.effective)), 0.0)


def _common_tau_squared(y: FloatArray, v: FloatArray, used: BoolArray) -> float:
    """Return the tau^2 at which half the cells have a Q above the median of chi-squared.

    Paule and Mandel's equation with a median in place of a mean, so that cells with wrong effects
    in them, too many or too few for the screen, do not pass for heterogeneity of all others.

    Reference:
        Paule & Mandel 1982.
    """
    # Here, because it takes a third of a second that `--help` should not wait for.
    from scipy.optimize import brentq

    middle = chi_squared_quantile(0.5, used.sum(axis=1) - 1.0)

    def excess(tau_squared: float) -> float:
        pool = _pool(y, v, used, np.full(len(y), tau_squared))
        return float(np.median(pool.squares / middle)) - 1

    if excess(0.0) <= 0:
        return 0.0
    # With all weights 1 / tau^2, Q is largest, and known; at twice that tau^2 it is below half.
    most = 2 * float(np.median(_pool(y, np.ones_like(v), used, np.zeros(len(y))).squares / middle))
    return float(brentq(excess, 0.0, most, rtol=1e-6))


def _effect(pool: _Pool) -> Effect:
    """Return the pooled effect with the moderated, modified error of Knapp and Hartung."""
    freedom = np.maximum(pool.count - 1, 0).astype(np.float64)
    squares = np.where(freedom > 0, pool.squares, np.nan)
    # What lies beyond the cap is a wrong effect that escaped the screen, not noise of a family.
    cap = chi_squared_quantile(1 - DISPUTED_P, np.maximum(freedom, 1.0))
    prior = variance_prior(ratio(np.minimum(squares, cap), freedom), freedom)
    factor = ratio(prior.d0 * prior.s0_squared + squares, prior.d0 + freedom)
    se = np.sqrt(ratio(np.maximum(factor, 1.0), pool.total))
    df = np.maximum(np.minimum(prior.d0, pool.count) + pool.effective - 1, 1.0)
    return Effect(theta=pool.mean, se=se, se_within=se, df=np.where(np.isnan(se), np.nan, df))


def _homogeneity(plain: _Pool) -> FloatArray:
    """Return the p value of Cochran's Q, NaN below two contributors."""
    freedom = np.where(plain.count >= LEAST_INTERVAL_RUNS, plain.count - 1.0, np.nan)
    return chi_squared_tail(plain.squares, freedom)


def _prediction(
    effect: Effect, tau_squared: FloatArray, count: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the 95 % interval of the effect on one more machine, in a sitting each."""
    freedom = np.where(count >= LEAST_CONTRIBUTORS, count - 2.0, np.nan)
    # What `pooling_variance` has set aside for sittings is missing in tau^2.
    apart = tau_squared + 2 * POOLING_SITTING_SD**2
    reach = quantile(1 - ALPHA / 2, freedom) * np.sqrt(apart + effect.se**2)
    return effect.theta - reach, effect.theta + reach
