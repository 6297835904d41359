"""Interval of a ratio of two uncertain numbers, by Fieller's theorem."""

import math
from typing import NamedTuple

import numpy as np

from hfbench_aggregate.statistics.constants import ALPHA
from hfbench_aggregate.statistics.student import quantile


class Uncertain(NamedTuple):
    """An estimate, and the variance of its error."""

    value: float
    variance: float


def positive_ratio_interval(
    above: Uncertain, below: Uncertain, df: float
) -> tuple[float, float] | None:
    """Return the 95 % interval of above / below, as far as both are positive.

    All n >= 0 with (a - n b)^2 <= t^2 var(a - n b). Its upper end is infinite where `below`
    cannot be told from 0. None if no n >= 0 is among them, as where `below` is surely negative.

    Args:
        above: what is divided, the numerator.
        below: what it is divided by; its error is independent of the other's.
        df: degrees of freedom of both variances.

    Reference:
        Fieller 1954. The delta method and the bootstrap give an upper end where there is none.
    """
    g = float(quantile(1 - ALPHA / 2, np.asarray(df))) ** 2
    a = below.value**2 - g * below.variance
    b = above.value * below.value
    c = above.value**2 - g * above.variance
    root = math.sqrt(max(b * b - a * c, 0.0))
    if a > 0:
        low, high = (b - root) / a, (b + root) / a
        return (max(low, 0.0), high) if high >= 0 else None
    if c <= 0:
        return 0.0, math.inf
    if a == 0:
        return (c / (2 * b), math.inf) if b > 0 else None
    return (b - root) / a, math.inf  # a < 0 < c: one root on each side of 0, this one above it
