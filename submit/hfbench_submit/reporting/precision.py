"""How precise process runs are: intervals, and the smallest change that they could show.

What a contributor sees while and after measuring. The published statistics, which also learn from
other cells, are the aggregator's; these need nothing but one sitting and the standard library.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import NormalDist, fmean, median, stdev, variance

from hfbench_schema.submission import ProcessRun, timed_iterations

ALPHA = 0.05
POWER = 0.8
_NORMAL = NormalDist()
_EXPANSION: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (4, ((1, 3), (1, 1))),
    (96, ((5, 5), (16, 3), (3, 1))),
    (384, ((3, 7), (19, 5), (17, 3), (-15, 1))),
    (92160, ((79, 9), (776, 7), (1482, 5), (-1920, 3), (-945, 1))),
)
"""By power of 1 / degrees: the divisor, then coefficients and powers of the normal quantile."""


def t_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t, within 0.5 % for probabilities from 0.01 to 0.99.

    Closed forms for 1 and 2 degrees of freedom; from 3 on the expansion of Fisher and Cornish
    (M. Abramowitz, I. Stegun: Handbook of Mathematical Functions, 26.7.5).
    """
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    normal = _NORMAL.inv_cdf(probability)
    corrections = (
        sum(factor * math.pow(normal, power) for factor, power in polynomial) / divisor
        for divisor, polynomial in _EXPANSION
    )
    return normal + sum(c / math.pow(degrees, order) for order, c in enumerate(corrections, 1))


def log_medians(runs: Iterable[ProcessRun]) -> dict[tuple[str, int], list[float]]:
    """Return, for each cell and environment, the log of each process run's median latency in ns."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for run in runs:
        if timed := timed_iterations(run):
            found[run["cell"], run["environment"]].append(math.log(median(timed)))
    return dict(found)


def half_width(logs: Sequence[float]) -> float | None:
    """Return half the width of the 95 % interval, relative to its centre: 0.01 for 1 %.

    None for fewer than two process runs, whose spread is unknown.
    """
    if len(logs) < 2:
        return None
    quantile = t_quantile(1 - ALPHA / 2, len(logs) - 1)
    return math.expm1(quantile * stdev(logs) / math.sqrt(len(logs)))


def pooled_sd(groups: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation within groups, None if no group has two values."""
    usable = [group for group in groups if len(group) > 1]
    if not usable:
        return None
    squares = sum(variance(group) * (len(group) - 1) for group in usable)
    return math.sqrt(squares / sum(len(group) - 1 for group in usable))


def ratio_interval(
    first: Sequence[float], second: Sequence[float]
) -> tuple[float, float, float] | None:
    """Return the ratio second / first with its 95 % interval, None if the spread is unknown."""
    if not first or not second or (error := _standard_error(first, second)) is None:
        return None
    difference = fmean(second) - fmean(first)
    reach = t_quantile(1 - ALPHA / 2, len(first) + len(second) - 2) * error
    return math.exp(difference), math.exp(difference - reach), math.exp(difference + reach)


def detectable_change(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the smallest relative change that such data shows with 80 % power, two-sided at 5 %.

    Uses that the power of a t test is close to that of a shifted t distribution. None if the
    spread is unknown.
    """
    if not first or not second or (error := _standard_error(first, second)) is None:
        return None
    degrees = len(first) + len(second) - 2
    return math.expm1((t_quantile(1 - ALPHA / 2, degrees) + t_quantile(POWER, degrees)) * error)


def _standard_error(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the standard error of the difference of two means, of one common variance."""
    deviation = pooled_sd((first, second))
    if deviation is None:
        return None
    return deviation * math.sqrt(1 / len(first) + 1 / len(second))
