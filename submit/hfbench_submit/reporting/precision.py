"""How precise process runs are: intervals, and the smallest change that they could show.

What a contributor sees while and after measuring. The published statistics, which also learn from
other cells, are the aggregator's; these need nothing but one sitting and the standard library.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median, stdev, variance

from hfbench_schema.power import ALPHA, detectable, t_quantile
from hfbench_schema.submission import ProcessRun, timed_iterations


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

    None if the spread is unknown.
    """
    if not first or not second or (error := _standard_error(first, second)) is None:
        return None
    degrees = len(first) + len(second) - 2
    return math.expm1(detectable(error, degrees))


def _standard_error(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the standard error of the difference of two means, of one common variance."""
    deviation = pooled_sd((first, second))
    if deviation is None:
        return None
    return deviation * math.sqrt(1 / len(first) + 1 / len(second))
