"""Two versions of a library on one machine: what changed, by how much, how sure we are.

The test is Welch's on process runs, with variances moderated over the family (all cells of one
pair of versions on one machine) and a term for the sitting. Calls hold the false discovery
rate of the family.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    EQUIVALENCE_MARGIN,
    LEAST_PROCESS_RUNS,
)
from hfbench_aggregate.statistics.discovery import false_discovery_rate, fcr_level
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray, moments, winsorise
from hfbench_aggregate.statistics.verdict import Decision, decide, is_called
from hfbench_aggregate.statistics.welch import moderated_welch, sitting_variance, without_spread


@dataclass(frozen=True, eq=False, kw_only=True)
class VersionComparison(Decision):
    """The comparison of each cell; arrays of shape (cells,)."""

    se_within: FloatArray
    """Standard error of theta without the sitting term, for pooling over contributors."""
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


def compare_versions(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    *,
    sitting_sd: npt.ArrayLike,
    sittings_baseline: npt.ArrayLike,
    sittings_candidate: npt.ArrayLike,
    spent_df: npt.ArrayLike = 0.0,
) -> VersionComparison:
    """Compare two versions in every cell of a family.

    theta = mean x_B - mean x_A; SE^2 = sum_g s~_g^2 / P_g + sitting_sd^2 (1/R_A + 1/R_B), s~_g^2
    on d0/2 + P_g - 1 - spent_df / 2 degrees of freedom, t with Welch's. Verdicts as `decide`
    orders them, from LEAST_PROCESS_RUNS an arm. Where neither arm shows any spread the noise is
    unknown, not zero: such a cell keeps theta, has no error or interval, is not tested, and is
    `inconclusive`.

    Args:
        baseline: Log seconds of version A, shape (cells, process runs), NaN for padding.
        candidate: The same cells under version B; its width may differ.
        sitting_sd: sd between sittings, 0 if interleaved; a number or shape (cells,).
        sittings_baseline: Sittings R_A behind each cell of A; a number or shape (cells,).
        sittings_candidate: The same for B.
        spent_df: Degrees of freedom that `level_sittings` took from each cell, half from each
            arm; a number or shape (cells,).

    Raises:
        ValueError: Shapes do not match, the sd is negative or not finite, or a cell with
            process runs has no sitting.

    Reference:
        Welch 1947; Smyth 2004; Schuirmann 1987 (equivalence); Benjamini & Hochberg 1995 (q);
        Benjamini & Yekutieli 2005 (intervals of called cells).
    """
    clipped_a, clipped_b = winsorise(baseline), winsorise(candidate)
    spent = np.asarray(spent_df, dtype=np.float64) / 2
    a, b = moments(clipped_a.x, spent), moments(clipped_b.x, spent)
    if a.count.shape != b.count.shape:
        raise ValueError(f"{a.count.size} cells in the baseline, {b.count.size} in the candidate")
    fewest = np.minimum(a.count, b.count)
    extra = sitting_variance(sitting_sd, sittings_baseline, sittings_candidate, fewest > 0)
    effect = moderated_welch(a, b, extra)
    p, p_equivalent = effect.p(), effect.p_equivalent(float(np.log1p(EQUIVALENCE_MARGIN)))
    sufficient = fewest >= LEAST_PROCESS_RUNS
    tested = sufficient & np.isfinite(p)
    q = false_discovery_rate(p, tested)
    called = is_called(effect.theta, q)
    low, high = effect.interval()
    fcr_low, fcr_high = effect.selected_interval(fcr_level(called, tested), called)
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
        detectable=effect.detectable(),
        process_runs_baseline=a.count,
        process_runs_candidate=b.count,
        unstable_baseline=clipped_a.clips,
        unstable_candidate=clipped_b.clips,
        no_spread=without_spread(a, b),
        verdict=decide(effect.theta, q, p_equivalent, sufficient),
    )
