"""What a release audits of itself."""

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics import aa_rate, one_sidedness, overlap, split_half_p


def test_split_halves_of_honest_data_differ_once_in_twenty() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(-4, 1, (4000, 1)) + rng.normal(0, 0.02, (4000, 10))
    x[rng.random(x.shape) < 0.1] = np.nan
    found = aa_rate(split_half_p(x))
    assert 0.035 <= found.share <= 0.065


def test_drift_hits_both_halves_alike() -> None:
    x = np.random.default_rng(2).normal(0, 0.002, (1000, 8)) + 0.03 * np.arange(8)
    assert aa_rate(split_half_p(x)).share < 0.05


def test_halves_too_small_for_a_verdict_do_not_count() -> None:
    x = np.random.default_rng(3).normal(0, 0.01, (2, 6))
    x[1, 2] = np.nan
    assert np.isnan(split_half_p(x)).tolist() == [False, True]


def test_a_rate_that_is_too_high_shows() -> None:
    p = np.full(200, 0.5)
    p[:30], p[-100:] = 0.05, np.nan
    found = aa_rate(p)
    assert (found.count, found.tests, found.share) == (30, 100, 0.3)
    interval = stats.binomtest(30, 100).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.low > 0.05
    assert found.p < 1e-6


def test_calls_that_all_go_one_way() -> None:
    found = one_sidedness(["slower"] * 9 + ["faster"] + ["equivalent"] * 50)
    assert (found.count, found.tests) == (9, 10)
    assert found.p == pytest.approx(2 * 11 / 1024)


def test_findings_in_common() -> None:
    found = overlap({("a", "slower"), ("b", "slower")}, [("b", "slower"), ("b", "faster")])
    assert (found.both, found.either) == (1, 3)
    assert found.jaccard == pytest.approx(1 / 3)


def test_nothing_to_audit() -> None:
    none = aa_rate([])
    assert (none.tests, none.low, none.high, none.p) == (0, 0.0, 1.0, 1.0)
    assert np.isnan(none.share)
    assert one_sidedness([]).tests == 0
    assert np.isnan(overlap([], []).jaccard)
    assert split_half_p(np.empty((0, 4))).shape == (0,)
