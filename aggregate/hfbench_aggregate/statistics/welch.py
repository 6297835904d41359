"""Moderated Welch test: the log ratio of two arms, its standard error and degrees of freedom."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import ALPHA, POWER, PRIOR_SHARE_OF_ARM
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, Moments, ratio
from hfbench_aggregate.statistics.student import quantile, two_sided_p, upper_tail
from hfbench_aggregate.statistics.variance_prior import VariancePrior, variance_prior


@dataclass(frozen=True, eq=False)
class Effect:
    """What the second arm has more than the first, with its error; arrays of shape (cells,)."""

    theta: FloatArray
    """Difference of the means: of log seconds, or of points."""
    se: FloatArray
    """Standard error, the sitting term included."""
    se_within: FloatArray
    """Standard error without the sitting term."""
    df: FloatArray
    """Welch-Satterthwaite degrees of freedom of se_within."""

    def p(self) -> FloatArray:
        """Return the two-sided p value of theta = 0."""
        return two_sided_p(self.theta / self.se, self.df)

    def p_equivalent(self, margin: float) -> FloatArray:
        """Return the p value of a theta beyond the equivalence margin, in units of theta.

        The larger p of the two one-sided tests of theta <= -margin and theta >= margin:
        Schuirmann 1987. The nearer limit decides.
        """
        room = margin - np.abs(self.theta)
        return upper_tail(room / self.se, self.df)

    def detectable(self) -> FloatArray:
        """Return the least |theta| that one test at level ALPHA finds with power POWER."""
        return (self._t + quantile(POWER, self.df)) * self.se

    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the interval of coverage 1 - ALPHA."""
        reach = self._t * self.se
        return self.theta - reach, self.theta + reach

    def selected_interval(self, level: float, cells: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the interval of coverage `level` in `cells`, NaN in the others."""
        reach = np.full(self.theta.shape, np.nan)
        reach[cells] = quantile((1 + level) / 2, self.df[cells]) * self.se[cells]
        return self.theta - reach, self.theta + reach

    @cached_property
    def _t(self) -> FloatArray:
        return quantile(1 - ALPHA / 2, self.df)


def without_spread(a: Moments, b: Moments) -> BoolArray:
    """Return the cells that both versions ran, one repeatedly, with equal times in each arm."""
    both: BoolArray = np.minimum(a.count, b.count) > 0
    equal: BoolArray = (a.df + b.df > 0) & (a.squares + b.squares == 0)
    return both & equal


def moderated_welch(a: Moments, b: Moments, sitting_variance: FloatArray) -> Effect:
    """Compare two arms in every cell of a family.

    theta = mean_b - mean_a; per arm s~^2 = (h s0^2 + (P - 1) s^2) / (h + P - 1) with h = d0 / 2
    and (d0, s0^2) the family's prior on the pooled variances; se_within^2 = sum s~^2 / P;
    df = se_within^4 / sum((s~^2 / P)^2 / (h + P - 1)); se^2 = se_within^2 + sitting_variance.
    Where neither arm has any spread the noise is unknown rather than zero, so all but theta is
    NaN there.

    Reference:
        Welch 1947; Smyth 2004.
    """
    prior = _pooled_prior(a, b)
    part_a, weight_a = _mean_variance(a, prior)
    part_b, weight_b = _mean_variance(b, prior)
    within = np.where(without_spread(a, b), np.nan, part_a + part_b)
    return Effect(
        theta=b.mean - a.mean,
        se=np.sqrt(within + sitting_variance),
        se_within=np.sqrt(within),
        df=ratio(within**2, weight_a + weight_b),
    )


def sitting_variance(
    sd: npt.ArrayLike, sittings_a: npt.ArrayLike, sittings_b: npt.ArrayLike, present: BoolArray
) -> FloatArray:
    """Return sd^2 (1 / R_a + 1 / R_b) in the cells `present` in both arms, NaN in the others.

    Raises:
        ValueError: The sd is negative or not finite, or a cell that is present has no sitting.
    """
    sd = np.broadcast_to(np.asarray(sd, dtype=np.float64), present.shape)
    counts = [np.broadcast_to(np.asarray(r), present.shape) for r in (sittings_a, sittings_b)]
    if not (np.isfinite(sd) & (sd >= 0)).all():
        raise ValueError("the sitting sd must be finite and not negative")
    if (np.minimum(*counts)[present] < 1).any():
        raise ValueError("a cell with process runs in both arms needs a sitting in each")
    out = np.full(present.shape, np.nan)
    r_a, r_b = (count[present] for count in counts)
    out[present] = sd[present] ** 2 * (1 / r_a + 1 / r_b)
    return out


def _pooled_prior(a: Moments, b: Moments) -> VariancePrior:
    """Return the prior from the pooled variances of the cells that both versions ran."""
    both = np.minimum(a.count, b.count) > 0
    df = np.where(both, a.df + b.df, 0.0)
    return variance_prior(ratio(a.squares + b.squares, df), df)


def _mean_variance(arm: Moments, prior: VariancePrior) -> tuple[FloatArray, FloatArray]:
    """Return the variance v of an arm's mean, and v^2 / df for the Welch-Satterthwaite sum."""
    variance, df = prior.moderate(arm, PRIOR_SHARE_OF_ARM)
    part: FloatArray = ratio(variance, arm.count)
    return part, ratio(part**2, df)
