"""Quality of training: is one arm better than another, by scores over seeds?

One seed is one training and one score, in points (hundredths). The test is Welch's on the raw
scores. Nothing is borrowed from other arms: how far seeds scatter depends on task and arm. Arms
share their seeds, yet are not paired by them: where that would have helped shows only afterwards,
and to choose the test then is to choose the result.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    LEAST_INTERVAL_RUNS,
    LEAST_SEEDS,
    QUALITY_MARGIN,
    ROUNDING_VARIANCE,
)
from hfbench_aggregate.statistics.discovery import false_discovery_rate
from hfbench_aggregate.statistics.moments import (
    BoolArray,
    FloatArray,
    IntArray,
    Moments,
    moments,
    ratio,
)
from hfbench_aggregate.statistics.student import quantile
from hfbench_aggregate.statistics.verdict import first_verdict
from hfbench_aggregate.statistics.welch import Effect

_POINTS = 100.0


class QualityVerdict(StrEnum):
    """The five verdicts on an arm against the baseline; a higher score is better."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanScores:
    """Mean score of each arm with its 95 % interval over seeds, in points; shape (arms,)."""

    mean: FloatArray
    """NaN without seeds."""
    half_width: FloatArray
    """Of Student's interval; NaN below two seeds."""
    seeds: IntArray
    """How many there are."""
    floored: BoolArray
    """The seeds agree more closely than whole examples can tell, and the floor counts."""


@dataclass(frozen=True, eq=False, kw_only=True)
class QualityComparison:
    """The comparison of each pair of arms; arrays of shape (tests,), differences in points.

    A figure that cannot be computed is NaN; a verdict is always given.
    """

    difference: FloatArray
    """Mean score of the arm less that of the baseline: above 0 the arm is better."""
    low: FloatArray
    """Lower end of the 95 % interval of the difference."""
    high: FloatArray
    """Upper end of the 95 % interval of the difference."""
    df: FloatArray
    """Welch-Satterthwaite degrees of freedom."""
    p: FloatArray
    """Two-sided p value of no difference; never 0."""
    q: FloatArray
    """p adjusted over the tests that have seeds enough; NaN where not tested."""
    p_equivalent: FloatArray
    """p value of a difference beyond the margin (two one-sided tests)."""
    detectable: FloatArray
    """Smallest difference that one test at 5 % finds with 80 % power."""
    seeds_baseline: IntArray
    """Seeds of the baseline."""
    seeds_arm: IntArray
    """Seeds of the arm."""
    verdict: npt.NDArray[np.str_]
    """One of `QualityVerdict`."""


def mean_scores(points: npt.ArrayLike, examples: npt.ArrayLike) -> MeanScores:
    """Return the mean score of each arm, with Student's interval.

    Args:
        points: score of each seed in points, shape (arms, seeds), NaN for padding.
        examples: how many examples a score counts, shape (arms,) or a number.

    Raises:
        ValueError: points is not such an array.
    """
    arms = moments(points)
    variance = _floored(arms, examples)
    replicated = arms.count >= LEAST_INTERVAL_RUNS
    reach = quantile(1 - ALPHA / 2, np.where(replicated, arms.df, np.nan))
    return MeanScores(
        mean=arms.mean,
        half_width=reach * np.sqrt(ratio(variance, arms.count)),
        seeds=arms.count,
        floored=replicated & (variance > arms.variance),
    )


def compare_quality(
    baseline: npt.ArrayLike, arm: npt.ArrayLike, examples: npt.ArrayLike
) -> QualityComparison:
    """Compare the scores of two arms, in every test of a family.

    d = mean arm - mean baseline, SE^2 = sum s^2 / n with s^2 = max(s^2, ROUNDING_VARIANCE
    (100 / examples)^2), t with Welch's degrees of freedom; q over the tests with LEAST_SEEDS in
    both arms. The verdict is the first that applies: `insufficient` below these, `better` or
    `worse` at q <= ALPHA, `equivalent` where two one-sided tests show |d| < QUALITY_MARGIN, one
    test at a time, else `inconclusive`.

    A score is a count of right answers, or made of such counts. The floor keeps seeds that agree
    to the example, as they may at the ceiling of an easy task, from passing for certainty.

    Args:
        baseline: score of each seed in points, shape (tests, seeds), NaN for padding.
        arm: the same for the other arm; its width may differ.
        examples: how many examples a score counts, shape (tests,) or a number.

    Raises:
        ValueError: shapes do not match.

    Reference:
        Welch 1947; Schuirmann 1987 (equivalence); Benjamini & Hochberg 1995 (q); Sheppard 1898
        (variance of rounding).
    """
    a, b = moments(baseline), moments(arm)
    if a.count.shape != b.count.shape:
        raise ValueError(f"{a.count.size} tests of the baseline, {b.count.size} of the arm")
    effect = _welch(a, b, examples)
    p, p_equivalent = effect.p(), effect.p_equivalent(QUALITY_MARGIN)
    sufficient = np.minimum(a.count, b.count) >= LEAST_SEEDS
    q = false_discovery_rate(p, sufficient & np.isfinite(p))
    low, high = effect.interval()
    return QualityComparison(
        difference=effect.theta,
        low=low,
        high=high,
        df=effect.df,
        p=p,
        q=q,
        p_equivalent=p_equivalent,
        detectable=effect.detectable(),
        seeds_baseline=a.count,
        seeds_arm=b.count,
        verdict=_decide(effect.theta, q, p_equivalent, sufficient),
    )


def _welch(a: Moments, b: Moments, examples: npt.ArrayLike) -> Effect:
    part_a, part_b = (ratio(_floored(arm, examples), arm.count) for arm in (a, b))
    within = part_a + part_b
    se = np.sqrt(within)
    df = ratio(within**2, ratio(part_a**2, a.df) + ratio(part_b**2, b.df))
    return Effect(theta=b.mean - a.mean, se=se, se_within=se, df=df)


def _floored(arms: Moments, examples: npt.ArrayLike) -> FloatArray:
    """Return the variance of each arm, at least that of rounding to whole examples."""
    step = _POINTS / np.asarray(examples, dtype=np.float64)
    return np.maximum(arms.variance, ROUNDING_VARIANCE * step**2)


def _decide(
    difference: FloatArray, q: FloatArray, p_equivalent: FloatArray, sufficient: BoolArray
) -> npt.NDArray[np.str_]:
    """Return the first verdict that applies; NaN applies to nothing."""
    called = q <= ALPHA
    rules = [
        (~sufficient, QualityVerdict.INSUFFICIENT),
        (called & (difference > 0), QualityVerdict.BETTER),
        (called, QualityVerdict.WORSE),
        (p_equivalent <= ALPHA, QualityVerdict.EQUIVALENT),
    ]
    return first_verdict(rules, QualityVerdict.INCONCLUSIVE)
