"""When warm-up ends: once as many calls as will be timed ran at the level of those that are."""

import math
from collections.abc import Sequence
from statistics import median

LEAST_WARMUP = 3
"""Calls that are always warm-up: allocators and thread pools fill, kernels are chosen."""
TOLERANCE = 0.01
"""Halves whose medians differ by less than 1 % agree."""
MOST_FACTOR = 5
"""After this many times the timed iterations, measure on without a steady state."""
_MAD_TO_SD = 1.4826
_MEDIAN_EFFICIENCY = math.sqrt(math.pi / 2)
"""The standard error of a median over that of a mean, for normal noise."""


def is_steady(window_ns: Sequence[int]) -> bool:
    """Tell whether the halves of a window of calls have the same level.

    They do if their log medians differ by less than `TOLERANCE`, or by less than one standard
    error of that difference, the spread being taken from the calls themselves. One and not two:
    to wait a few calls in vain costs little, to time the end of a warm-up biases the result.
    """
    logs = [math.log(ns) for ns in window_ns]
    half = len(logs) // 2
    first, second = logs[:half], logs[half:]
    levels = median(first), median(second)
    residuals = [abs(x - levels[0]) for x in first] + [abs(x - levels[1]) for x in second]
    error = _MAD_TO_SD * median(residuals) * _MEDIAN_EFFICIENCY * math.sqrt(4 / len(logs))
    return abs(levels[0] - levels[1]) <= max(TOLERANCE, error)


def most_iterations(timed: int) -> int:
    """Return after how many calls the search for a steady state ends."""
    return LEAST_WARMUP + MOST_FACTOR * timed
