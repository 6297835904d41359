"""The index of a suite: its mean, its two intervals, and what is left out."""

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics import suite_index

NAN = np.nan


def test_both_intervals_agree_with_scipy() -> None:
    theta = np.random.default_rng(1).normal(0.02, 0.05, 20)
    found = suite_index(theta, np.full(20, 0.01), np.full(20, 8.0))
    interval = stats.t.interval(0.95, 19, theta.mean(), stats.sem(theta))
    assert found.theta == pytest.approx(theta.mean())
    assert np.exp(found.theta) == pytest.approx(stats.gmean(np.exp(theta)))
    assert (found.general_low, found.general_high) == pytest.approx(interval)
    reach = stats.t.ppf(0.975, 20 * 8) * 0.01 / np.sqrt(20)  # of equal errors, dfs add up
    assert found.suite_high - found.theta == pytest.approx(reach)
    assert found.theta - found.suite_low == pytest.approx(reach)
    assert (found.cells, found.unmatched) == (20, 0)


def test_only_cells_judged_on_both_sides_count() -> None:
    """The slowest cell has no error, and another was not run by one side."""
    theta = [0.1, 0.2, 5.0, NAN, 0.3]
    found = suite_index(theta, [0.01, 0.01, NAN, 0.01, 0.01], [4, 4, NAN, 4, 4])
    assert found.theta == pytest.approx(0.2)
    assert (found.cells, found.unmatched) == (3, 2)
    assert found.suite_low < 0.2 < found.suite_high
    assert np.isnan([found.general_low, found.general_high]).all()  # three cells are no sample


def test_an_unequal_error_has_the_degrees_of_freedom_of_the_largest() -> None:
    found = suite_index([0.0] * 4, [0.1, 1e-6, 1e-6, 1e-6], [3, 50, 50, 50])
    assert found.suite_high == pytest.approx(stats.t.ppf(0.975, 3) * 0.1 / 4, rel=1e-6)


def test_the_interval_for_cells_like_these_holds_where_the_other_does_not() -> None:
    """Effects differ by 5 % from cell to cell, and are measured to 1 %; in general they are 0."""
    rng = np.random.default_rng(2)
    hits = np.zeros(2)
    for _ in range(2000):
        theta = rng.normal(0, 0.05, 10) + rng.normal(0, 0.01, 10)
        found = suite_index(theta, np.full(10, 0.01), np.full(10, 20.0))
        hits += [found.suite_low <= 0 <= found.suite_high]
        hits[1] += found.general_low <= 0 <= found.general_high
        hits[1] -= found.suite_low <= 0 <= found.suite_high
    assert hits[0] / 2000 < 0.4
    assert 0.935 <= hits[1] / 2000 <= 0.965


def test_nothing_and_no_spread() -> None:
    found = suite_index([], [], [])
    assert (found.cells, found.unmatched) == (0, 0)
    assert np.isnan([found.theta, found.suite_low, found.general_high]).all()
    assert np.isnan(suite_index([0.1] * 8, [0.01] * 8, [4.0] * 8).general_low)


def test_what_does_not_match_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        suite_index([0.1], [0.1, 0.2], [4])
    with pytest.raises(ValueError, match="infinity"):
        suite_index([np.inf], [0.1], [4])
