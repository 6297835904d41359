"""The interval of a ratio covers the truth as often as it says, and knows when it has no end."""

import math

import numpy as np

from hfbench_aggregate.statistics.fieller import Uncertain, positive_ratio_interval


def test_it_covers_the_truth_in_95_of_100() -> None:
    random, runs, covered = np.random.default_rng(1936), 5, 0
    for _ in range(2000):
        cost, saved = random.normal(7000, 300, runs), random.normal(7, 2.5, runs)
        ends = positive_ratio_interval(
            Uncertain(cost.mean(), cost.var(ddof=1) / runs),
            Uncertain(saved.mean(), saved.var(ddof=1) / runs),
            runs - 1,
        )
        covered += ends is not None and ends[0] <= 1000 <= ends[1]
    assert 0.94 < covered / 2000 < 0.985


def test_it_has_no_upper_end_where_the_saving_may_be_none() -> None:
    ends = positive_ratio_interval(Uncertain(100.0, 1.0), Uncertain(1.0, 1.0), 4)
    assert ends is not None
    assert 0 < ends[0] < 100
    assert ends[1] == math.inf
    assert positive_ratio_interval(Uncertain(100.0, 1.0), Uncertain(-9.0, 1.0), 4) is None
    assert positive_ratio_interval(Uncertain(0.1, 1.0), Uncertain(0.1, 1.0), 4) == (
        0.0,
        math.inf,
    )
