"""Leaderboards: between which places an entry ranks, all entries of a cell held right at once.

No entry gets a bare rank. Two entries a tenth of a percent apart would swap with the next
process run, and a rank does not say so. An interval of ranks does: it leaves out only the places
that tests of all pairs rule out, at a familywise error of ALPHA.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.centre import centre
from hfbench_aggregate.statistics.constants import ALPHA, LEAST_SUITE_CELLS
from hfbench_aggregate.statistics.discovery import holm
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray, moments, ratio
from hfbench_aggregate.statistics.student import two_sided_p


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranks:
    """The rank interval of each entry; arrays of shape (cells, entries), a suite as one row."""

    mean: FloatArray
    """Mean log seconds, by which to sort; NaN where not ranked."""
    low: IntArray
    """Best place the entry may have: 1 + how many beat it; 0 where not ranked."""
    high: IntArray
    """Worst place it may have: ranked entries less how many it beats; 0 where not ranked."""
    ranked: BoolArray
    """The entry takes part."""
    tied_for_first: BoolArray
    """The entry may be the fastest: its interval holds 1."""


def rank_entries(x: npt.ArrayLike) -> Ranks:
    """Rank the entries of each cell on one machine.

    All pairs of a cell by t = (mean_i - mean_j) / sqrt(se_i^2 + se_j^2) with the moderated
    variances of `centre` and Satterthwaite's df, adjusted after Holm: i beats j where its mean
    is less and the adjusted p <= ALPHA. An entry whose error is not known (one process run, or
    no spread) beats none and is beaten by none.

    Args:
        x: Log seconds, shape (cells, entries, process runs), NaN for padding and for entries
            that have not run a cell. All arms form the family of the variances. Memory goes
            with cells * entries^2.

    Raises:
        ValueError: x has not three dimensions, or holds an infinity.

    Reference:
        Al Mohamad, Goeman & van Zwet 2022 (rank intervals from tests of all pairs); Holm 1979.
    """
    runs = np.asarray(x, dtype=np.float64)
    if runs.ndim != 3:
        raise ValueError(f"expected (cells, entries, process runs), got {runs.ndim} dimensions")
    arms = centre(runs.reshape(runs.shape[0] * runs.shape[1], runs.shape[2]))
    part = ratio(arms.moderated_sd**2, arms.process_runs)
    mean, part, df = (each.reshape(runs.shape[:2]) for each in (arms.centre, part, arms.df))
    i, j = np.triu_indices(runs.shape[1], 1)
    spent = part**2 / df
    variance = part[:, i] + part[:, j]
    pair_df = ratio(variance**2, spent[:, i] + spent[:, j])
    theta = mean[:, i] - mean[:, j]
    return _rank(mean, theta, two_sided_p(ratio(theta, np.sqrt(variance)), pair_df))


def rank_suite(x: npt.ArrayLike) -> Ranks:
    """Rank the entries over a suite, as a claim about cells like these.

    Paired t tests over the cells that all entries ran, Holm, and intervals as in
    `rank_entries`. An entry that ran none of the cells is left out and does not narrow them.
    Below LEAST_SUITE_CELLS common cells no entry is ranked.

    Args:
        x: Mean log seconds on one machine, shape (cells, entries), NaN where an entry has not
            run a cell.

    Returns:
        Ranks of shape (1, entries).

    Raises:
        ValueError: x has not two dimensions, or holds an infinity.
    """
    times = np.asarray(x, dtype=np.float64)
    if times.ndim != 2:
        raise ValueError(f"expected an array (cells, entries), got {times.ndim} dimensions")
    if np.isinf(times).any():
        raise ValueError("log seconds must be finite or NaN, got an infinity")
    taking_part = ~np.isnan(times).all(axis=0)
    common = times[~np.isnan(times[:, taking_part]).any(axis=1)]
    if len(common) < LEAST_SUITE_CELLS:
        common = common[:0]
    mean = moments(common.T).mean
    i, j = np.triu_indices(times.shape[1], 1)
    # Not `scipy.stats.ttest_rel`: it gives pairs that differ by a constant a p of 0.
    pairs = moments((common[:, i] - common[:, j]).T)
    t = ratio(pairs.mean, np.sqrt(ratio(pairs.variance, pairs.count)))
    return _rank(mean[None], pairs.mean[None], two_sided_p(t, pairs.df)[None])


def _rank(mean: FloatArray, theta: FloatArray, p: FloatArray) -> Ranks:
    """Turn tests of all pairs i < j, shape (cells, pairs), into rank intervals."""
    cells, entries = mean.shape
    ranked = ~np.isnan(mean)
    differ = holm(p) <= ALPHA
    beats = np.zeros((cells, entries, entries), dtype=np.bool_)
    i, j = np.triu_indices(entries, 1)
    beats[:, i, j] = differ & (theta < 0)
    beats[:, j, i] = differ & (theta > 0)
    low = np.where(ranked, 1 + beats.sum(axis=1), 0)
    high = np.where(ranked, ranked.sum(axis=1, keepdims=True) - beats.sum(axis=2), 0)
    return Ranks(mean=mean, low=low, high=high, ranked=ranked, tied_for_first=low == 1)
