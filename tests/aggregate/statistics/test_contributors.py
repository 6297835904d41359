"""Pooling: who counts, what one precise machine is worth, and awkward input."""

import numpy as np
import pytest

from hfbench_aggregate.statistics import PooledComparison, pool_contributors, pooling_variance

NAN = np.nan
STEADY = [0.050, 0.052, 0.048, 0.051, 0.049, 0.050, 0.051, 0.049]


def _pool(
    theta: list[list[float]], variance: float = 1e-4, quiet: list[bool] | None = None
) -> PooledComparison:
    effects = np.array(theta, dtype=np.float64)
    return pool_contributors(effects, np.full(effects.shape, variance), quiet=quiet)


def test_a_change_that_all_see_is_called_and_one_that_few_see_is_not() -> None:
    few = [*STEADY[:2], *[NAN] * 6]
    found = _pool([STEADY, [-x for x in STEADY], [x - 0.05 for x in STEADY], few], 1e-5)
    assert found.verdict.tolist() == ["slower", "faster", "equivalent", "insufficient"]
    assert found.contributors.tolist() == [8, 8, 8, 2]
    assert np.isfinite(found.low).all()
    assert np.isnan(found.q).tolist() == [False, False, False, True]


def test_an_outlier_is_screened_and_named() -> None:
    found = _pool([[*STEADY[:5], 0.35, -0.25, NAN]])
    assert found.screened.tolist() == [[False] * 5 + [True, True, False]]
    assert found.contributors.tolist() == [5]
    assert found.theta[0] == pytest.approx(0.05)


def test_a_machine_known_to_be_noisy_is_no_outlier() -> None:
    theta, variance = np.array([[*STEADY[:5], 0.25]]), np.full((1, 6), 1e-5)
    variance[0, 5] = 0.05**2
    assert not pool_contributors(theta, variance).screened.any()
    variance[0, 5] = 0.03**2
    assert pool_contributors(theta, variance).screened[0, 5]


def test_noisy_machines_leave_where_five_quiet_ones_remain() -> None:
    quiet = [True] * 5 + [False] * 3
    found = _pool([STEADY, [NAN, *STEADY[1:]]], quiet=quiet)
    assert found.left_out.tolist() == [[False] * 5 + [True] * 3, [False] * 8]
    assert found.contributors.tolist() == [5, 7]


def test_one_precise_machine_among_many_is_not_many() -> None:
    """The weight is nearly all on one; so are the degrees of freedom."""
    variance = np.full((1, 8), 0.1)
    variance[0, 0] = 1e-6
    found = pool_contributors([STEADY], variance)
    assert found.se[0] == pytest.approx(1e-3, rel=1e-3)
    assert found.df[0] == pytest.approx(1.0, abs=1e-3)
    assert found.high[0] - found.theta[0] == pytest.approx(12.7e-3, rel=1e-2)


def test_machines_that_disagree_are_said_to_and_widen_the_interval() -> None:
    apart = [x + d for x, d in zip(STEADY, [0.06, -0.06] * 4, strict=True)]
    found = _pool([STEADY, apart], 1e-5)
    assert (found.q_heterogeneity <= 0.05).tolist() == [False, True]
    assert found.se[1] > 5 * found.se[0]
    assert found.prediction_high[1] - found.prediction_low[1] > 4 * 0.06
    assert (found.prediction_low < found.low).all()


def test_a_family_with_wrong_effects_learns_the_tau_of_the_others() -> None:
    rng = np.random.default_rng(1)
    theta = rng.normal(0, 0.01, (200, 4)) + rng.normal(0, 0.005, (200, 4))
    clean = pool_contributors(theta, np.full(theta.shape, 0.005**2))
    # Two wrong effects of four, on one side: nobody can tell which pair is right.
    theta[:10, :2] += 0.3
    spoilt = pool_contributors(theta, np.full(theta.shape, 0.005**2))
    assert np.sqrt(clean.tau_squared[0]) == pytest.approx(0.01, rel=0.15)
    assert spoilt.tau_squared[50] <= 1.3 * clean.tau_squared[50]
    assert not spoilt.screened[:10].any()
    assert (spoilt.verdict[:10] == "inconclusive").all()


def test_an_effect_without_a_known_error_does_not_count() -> None:
    theta = np.array([STEADY[:4]] * 3)
    variance = np.full((3, 4), 1e-4)
    variance[0, 0], variance[1, :], variance[2, 1:] = NAN, 0.0, NAN
    found = pool_contributors(theta, variance)
    assert found.contributors.tolist() == [3, 0, 1]
    assert found.verdict[1:].tolist() == ["insufficient", "insufficient"]
    assert np.isnan(found.theta).tolist() == [False, True, False]
    assert np.isnan(found.se).tolist() == [False, True, True]


def test_equal_effects_are_no_certainty() -> None:
    found = _pool([[0.05] * 5, [0.0] * 5], 1e-4)
    assert found.se == pytest.approx(np.sqrt(1e-4 / 5))
    assert (found.p > 0).all()
    assert (_pool([[5.0] * 300]).p > 0).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (4, 0), (3, 1)])
def test_nothing_to_pool(shape: tuple[int, int]) -> None:
    found = pool_contributors(np.zeros(shape), np.ones(shape))
    assert found.verdict.tolist() == ["insufficient"] * shape[0]
    assert found.screened.shape == shape


def test_what_is_no_family_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        pool_contributors([[1.0, 2.0]], [[1.0]])
    with pytest.raises(ValueError, match="infinity"):
        pool_contributors([[np.inf]], [[1.0]])
    with pytest.raises(ValueError, match="negative"):
        pool_contributors([[1.0]], [[-1.0]])
    with pytest.raises(ValueError, match="quiet"):
        pool_contributors([[1.0, 2.0]], [[1.0, 1.0]], quiet=[True])


def test_the_variance_of_an_effect_never_vanishes() -> None:
    found = pooling_variance([0.01, 0.0, NAN], [1, 2, 0], 1)
    np.testing.assert_allclose(found, [0.01**2 + 0.005**2 * 2, 0.005**2 * 1.5, NAN])
    with pytest.raises(ValueError, match="needs a sitting"):
        pooling_variance([0.01], 0, 1)


def test_contributors_that_claim_to_know_their_effects_exactly() -> None:
    """Q is then many orders of magnitude above chi-squared, and tau^2 all of the variance."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        theta = rng.normal(0, 0.02, (12, 6))
        found = pool_contributors(theta, 10 ** rng.uniform(-60, -30, theta.shape))
        assert 0.01 < np.sqrt(found.tau_squared[0]) < 0.04
        assert (found.p > 0).all()
        assert np.isfinite(found.low).all()
