"""Whether a release keeps its own promises: what its A/A comparisons and its findings show.

No data with known truth are needed. Versions compared with themselves must differ in one test of
twenty; calls that nearly all go one way, or that the release before did not make, ask for a look.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import ALPHA
from hfbench_aggregate.statistics.moments import FloatArray, as_runs
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.statistics.versions import compare_versions


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of some tests, with its exact 95 % interval."""

    count: int
    """Tests that have the property."""
    tests: int
    """Tests looked at."""
    share: float
    """count / tests; NaN without tests."""
    low: float
    """Lower end of the interval of Clopper and Pearson; 0 without tests."""
    high: float
    """Upper end of that interval; 1 without tests."""
    p: float
    """Two-sided binomial p value of the share that is expected; 1 without tests."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What two releases found in common."""

    both: int
    """Findings of both."""
    either: int
    """Findings of at least one."""
    jaccard: float
    """both / either; NaN where neither found anything."""


def split_half_p(x: npt.ArrayLike) -> FloatArray:
    """Compare each cell with itself: process runs 0, 3, 4, 7, ... with 1, 2, 5, 6, ...

    The order is that of interleaved blocks, so that drift hits both halves alike.

    Args:
        x: Log seconds of one environment on one machine, in the order of measuring; shape
            (cells, process runs), NaN for padding.

    Returns:
        p value of each cell, shape (cells,), NaN where a half is not sufficient for a verdict.

    Raises:
        ValueError: x is not such an array.
    """
    runs = as_runs(x)
    # Measured process runs first, in their order, so that gaps do not unbalance the halves.
    order = np.argsort(np.isnan(runs), axis=1, kind="stable")
    packed = np.take_along_axis(runs, order, axis=1)
    first = np.isin(np.arange(runs.shape[1]) % 4, (0, 3))
    found = compare_versions(
        packed[:, first], packed[:, ~first], sitting_sd=0, sittings_baseline=1, sittings_candidate=1
    )
    return np.where(found.verdict == Verdict.INSUFFICIENT, np.nan, found.p)


def aa_rate(p: npt.ArrayLike) -> Share:
    """Return the share of p <= ALPHA among A/A comparisons, which should be ALPHA.

    Args:
        p: p values of canaries and split halves, of any shape; NaN where not tested.
    """
    values = np.asarray(p, dtype=np.float64)
    values = values[~np.isnan(values)]
    return _share(int((values <= ALPHA).sum()), values.size, ALPHA)


def one_sidedness(verdicts: npt.ArrayLike) -> Share:
    """Return the share of `slower` among the called cells, against a half.

    A version may well be slower everywhere; then so it is, and the figure says how surely.

    Args:
        verdicts: Values of `Verdict`, of any shape.
    """
    found = np.asarray(verdicts)
    slower, faster = (int((found == each).sum()) for each in (Verdict.SLOWER, Verdict.FASTER))
    return _share(slower, slower + faster, 0.5)


def overlap(now: Collection[Hashable], before: Collection[Hashable]) -> Overlap:
    """Return how far the findings of two releases agree.

    Args:
        now: What this release calls: keys of cell and direction, say.
        before: What the last one called.

    Reference:
        Jaccard 1912.
    """
    both, either = len(set(now) & set(before)), len(set(now) | set(before))
    return Overlap(both=both, either=either, jaccard=both / either if either else np.nan)


def _share(count: int, tests: int, expected: float) -> Share:
    # Here, because it takes half a second that `--help` should not wait for.
    from scipy.stats import binomtest

    if not tests:
        return Share(count=0, tests=0, share=np.nan, low=0.0, high=1.0, p=1.0)
    found = binomtest(count, tests, expected)
    interval = found.proportion_ci(1 - ALPHA, method="exact")
    return Share(
        count=count,
        tests=tests,
        share=count / tests,
        low=float(interval.low),
        high=float(interval.high),
        p=float(found.pvalue),
    )
