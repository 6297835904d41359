"""Two versions of a library on one machine: what changed, by how much, how sure we are.

The test is Welch's on process runs, with variances moderated over the family (all cells of one
pair of versions on one machine) and a term for the sitting. Calls hold the false discovery
rate of the family.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .constants import ALPHA, EQUIVALENCE_MARGIN, LEAST_PROCESS_RUNS, POWER, PRIOR_SHARE_OF_ARM
from .moments import BoolArray, FloatArray, IntArray, Moments, moments, ratio, winsorise
from .student import quantile, two_sided_p, upper_tail
from .variance_prior import variance_prior
from .verdict import decide, is_called


@dataclass(frozen=True, eq=False, kw_only=True)
class VersionComparison:
    """The comparison of each cell; arrays of shape (cells,), effects as natural logarithms.

    A figure that cannot be computed is NaN; a verdict is always given.
    """

    theta: FloatArray
    """Log ratio of candidate to baseline: above 0 the candidate is slower."""
    se: FloatArray
    """Standard error of theta, the sitting term included."""
    se_within: FloatArray
    """Standard error of theta without the sitting term, for pooling over contributors."""
    df: FloatArray
    """Welch-Satterthwaite degrees of freedom."""
    p: FloatArray
    """Two-sided p value of theta = 0; never 0."""
    q: FloatArray
    """p adjusted after Benjamini & Hochberg over the tested cells; NaN where not tested."""
    low: FloatArray
    """Lower end of the 95 % interval of theta."""
    high: FloatArray
    """Upper end of the 95 % interval of theta."""
    p_equivalent: FloatArray
    """p value of |ratio - 1| beyond the equivalence margin (two one-sided tests)."""
    fcr_low: FloatArray
    """Lower end of the interval adjusted for selection; NaN unless called."""
    fcr_high: FloatArray
    """Upper end of the interval adjusted for selection; NaN unless called."""
    detectable: FloatArray
    """Smallest |theta| that one test at 5 % finds with 80 % power."""
    process_runs_baseline: IntArray
    """Process runs of the baseline."""
    process_runs_candidate: IntArray
    """Process runs of the candidate."""
    unstable_baseline: IntArray
    """Winsorised process runs of the baseline."""
    unstable_candidate: IntArray
    """Winsorised process runs of the candidate."""
    no_spread: BoolArray
    """All process runs of each arm took the same time: too smooth to be tested."""
    verdict: npt.NDArray[np.str_]
    """One of `Verdict`."""


@dataclass(frozen=True, eq=False)
class _Effect:
    """Theta with its error."""

    theta: FloatArray
    se: FloatArray
    se_within: FloatArray
    df: FloatArray

    def interval(self, level: float, cells: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return the interval of coverage `level` in some cells, NaN in the others."""
        reach = np.full(self.theta.shape, np.nan)
        reach[cells] = quantile((1 + level) / 2, self.df[cells]) * self.se[cells]
        return self.theta - reach, self.theta + reach


def compare_versions(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    *,
    sitting_sd: npt.ArrayLike,
    sittings_baseline: npt.ArrayLike,
    sittings_candidate: npt.ArrayLike,
) -> VersionComparison:
    """Compare two versions in every cell of a family.

    theta = mean x_B - mean x_A; SE^2 = sum_g s~_g^2 / P_g + sitting_sd^2 (1/R_A + 1/R_B), s~_g^2
    on d0/2 + P_g - 1 degrees of freedom, t with Welch's. Verdicts as `decide` orders them, from
    LEAST_PROCESS_RUNS an arm. Where neither arm shows any spread the noise is unknown, not zero:
    such a cell keeps theta, has no error or interval, is not tested, and is `inconclusive`.

    Args:
        baseline: Log seconds of version A, shape (cells, process runs), NaN for padding.
        candidate: The same cells under version B; its width may differ.
        sitting_sd: sd between sittings, 0 if interleaved; a number or shape (cells,).
        sittings_baseline: Sittings R_A behind each cell of A; a number or shape (cells,).
        sittings_candidate: The same for B.

    Raises:
        ValueError: Shapes do not match, the sd is negative or not finite, or a cell with
            process runs has no sitting.

    Reference:
        Welch 1947; Smyth 2004; Schuirmann 1987 (equivalence); Benjamini & Hochberg 1995 (q);
        Benjamini & Yekutieli 2005 (intervals of called cells).
    """
    clipped = winsorise(baseline), winsorise(candidate)
    a, b = (moments(arm.x) for arm in clipped)
    if len(a.count) != len(b.count):
        raise ValueError(f"{len(a.count)} cells in the baseline, {len(b.count)} in the candidate")
    no_spread = _no_spread(a, b)
    extra = _sitting_variance(sitting_sd, (a, sittings_baseline), (b, sittings_candidate))
    effect = _effect(a, b, extra, ~no_spread)
    p = two_sided_p(effect.theta / effect.se, effect.df)
    sufficient = np.minimum(a.count, b.count) >= LEAST_PROCESS_RUNS
    tested = sufficient & np.isfinite(p)
    q = _adjusted(p, tested)
    p_equivalent = _p_equivalent(effect)
    called = is_called(effect.theta, q)
    level = 1 - ALPHA * called.sum() / max(tested.sum(), 1)
    low, high = effect.interval(1 - ALPHA, np.isfinite(effect.se))
    fcr_low, fcr_high = effect.interval(level, called)
    return VersionComparison(
        theta=effect.theta,
        se=effect.se,
        se_within=effect.se_within,
        df=effect.df,
        p=p,
        q=q,
        low=low,
        high=high,
        p_equivalent=p_equivalent,
        fcr_low=fcr_low,
        fcr_high=fcr_high,
        detectable=(high - low) / 2 + quantile(POWER, effect.df) * effect.se,
        process_runs_baseline=a.count,
        process_runs_candidate=b.count,
        unstable_baseline=clipped[0].clips,
        unstable_candidate=clipped[1].clips,
        no_spread=no_spread,
        verdict=decide(effect.theta, q, p_equivalent, sufficient),
    )


def _no_spread(a: Moments, b: Moments) -> BoolArray:
    """Return the cells that both versions ran, some of them repeatedly, with equal times only."""
    both = np.minimum(a.count, b.count) > 0
    return both & (a.df + b.df > 0) & (a.squares + b.squares == 0)


def _sitting_variance(
    sd: npt.ArrayLike, *arms: tuple[Moments, npt.ArrayLike]
) -> FloatArray:
    """Return sd^2 (1/R_A + 1/R_B), NaN where a version has neither process runs nor sittings."""
    sd = np.asarray(sd, dtype=np.float64)
    if not (np.isfinite(sd) & (sd >= 0)).all():
        raise ValueError("the sitting sd must be finite and not negative")
    inverse = np.zeros(arms[0][0].count.shape)
    for moments_of_arm, sittings in arms:
        counts = np.broadcast_to(np.asarray(sittings, dtype=np.float64), inverse.shape)
        if not (counts[moments_of_arm.count > 0] >= 1).all():
            raise ValueError("a cell with process runs needs a sitting")
        inverse = inverse + ratio(np.ones(inverse.shape), counts)
    return sd**2 * inverse


def _effect(a: Moments, b: Moments, sitting_variance: FloatArray, known: BoolArray) -> _Effect:
    """Return theta with its moderated Welch error; without an error where not `known`."""
    prior = _pooled_prior(a, b)
    arms = [(prior.moderate(arm, PRIOR_SHARE_OF_ARM), arm.count) for arm in (a, b)]
    parts = [(ratio(variance, count), df) for (variance, df), count in arms]
    within = np.where(known, parts[0][0] + parts[1][0], np.nan)
    spent = sum(ratio(part**2, df) for part, df in parts)
    return _Effect(
        theta=b.mean - a.mean,
        se=np.sqrt(within + sitting_variance),
        se_within=np.sqrt(within),
        df=ratio(within**2, np.asarray(spent)),
    )
