"""After how many repetitions a cost is paid back by what each of them saves."""

from collections.abc import Sequence
from statistics import median, variance
from typing import NamedTuple

from hfbench_aggregate.statistics.constants import LEAST_PROCESS_RUNS, MEDIAN_VARIANCE
from hfbench_aggregate.statistics.fieller import Uncertain, positive_ratio_interval


class Payoff(NamedTuple):
    """Repetitions until a cost is paid back; None for never, or if no interval can be had.

    The upper end of the `interval` is infinite where it may be never.
    """

    repetitions: float | None
    interval: tuple[float, float] | None


def payoff(
    cost: Sequence[float],
    before: Sequence[float],
    after: Sequence[float],
    cost_before: Sequence[float] = (0.0,),
) -> Payoff:
    """Return (cost - cost before) / (before - after), from medians over process runs.

    The interval is Fieller's, at the least degrees of freedom of them all; a saving that cannot
    be told from none gives one without an upper end. What costs nothing more pays at once.

    Args:
        cost: what there is to pay for, once; one figure a process run, in the unit of the others.
        before: one repetition without it.
        after: one repetition with it.
        cost_before: what had to be paid without it already; one 0 where that is nothing.
    """
    extra = max(median(cost) - median(cost_before), 0.0)
    saved = median(before) - median(after)
    repetitions = extra / saved if saved > 0 else None
    measured = [values for values in (cost, before, after, cost_before) if any(values)]
    least = min(map(len, measured))
    if least < LEAST_PROCESS_RUNS:
        return Payoff(repetitions, None)
    above = Uncertain(extra, _error(cost) + _error(cost_before))
    below = Uncertain(saved, _error(before) + _error(after))
    return Payoff(repetitions, positive_ratio_interval(above, below, least - 1))


def _error(values: Sequence[float]) -> float:
    """Return the variance of the error of their median; 0 where all are 0."""
    return MEDIAN_VARIANCE * variance(values) / len(values) if any(values) else 0.0
