"""Errors of a family of tests: the share of false discoveries, and the chance of any."""

import numpy as np

from hfbench_aggregate.statistics.constants import ALPHA
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray


def false_discovery_rate(p: FloatArray, tested: BoolArray) -> FloatArray:
    """Return the q of the tests that count, NaN elsewhere; shape (tests,), as of `p`.

    Args:
        p: p value of each test.
        tested: which of them form the family.

    Reference:
        Benjamini & Hochberg 1995.
    """
    # Here, because it takes half a second that `--help` should not wait for.
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q


def fcr_level(called: BoolArray, tested: BoolArray) -> float:
    """Return the coverage 1 - ALPHA R / m that R intervals selected from m tests need.

    Reference:
        Benjamini & Yekutieli 2005.
    """
    return float(1 - ALPHA * called.sum() / max(tested.sum(), 1))


def holm(p: FloatArray) -> FloatArray:
    """Return p adjusted for the other tests of its row, NaN where p is; shape (rows, tests).

    Reference:
        Holm 1979.
    """
    order = np.argsort(p, axis=1)  # NaN sorts last
    left = (~np.isnan(p)).sum(axis=1, keepdims=True) - np.arange(p.shape[1])
    stepped = np.maximum.accumulate(left * np.take_along_axis(p, order, axis=1), axis=1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), axis=1)
    return adjusted
