"""The empirical Bayes prior: special function, recovery of known priors, degenerate families."""

import numpy as np
import pytest
from scipy.special import polygamma

from hfbench_aggregate.statistics import VariancePrior, inverse_trigamma, variance_prior
from hfbench_aggregate.statistics.variance_prior import NO_PRIOR


def _family(d0: float, s0_squared: float, d: np.ndarray) -> np.ndarray:
    """Draw variances with d degrees of freedom whose truths follow the prior."""
    rng = np.random.default_rng(7)
    truth = s0_squared * d0 / rng.chisquare(d0, d.size) if np.isfinite(d0) else s0_squared
    return np.asarray(truth * rng.chisquare(d) / d)


def test_inverse_trigamma_inverts() -> None:
    x = np.geomspace(1e-5, 1e7, 20_011)
    np.testing.assert_allclose(inverse_trigamma(polygamma(1, x)), x, rtol=1e-6)


@pytest.mark.parametrize("d0", [2.0, 4.0, 8.0])
def test_a_known_prior_is_recovered(d0: float) -> None:
    d = np.tile([2.0, 4.0, 9.0], 20_000)
    found = variance_prior(_family(d0, 3e-4, d), d)
    assert found.d0 == pytest.approx(d0, rel=0.05)
    assert found.s0_squared == pytest.approx(3e-4, rel=0.03)


@pytest.mark.parametrize("d0", [30.0, np.inf])
def test_nearly_equal_variances_give_the_cap(d0: float) -> None:
    d = np.full(20_000, 4.0)
    found = variance_prior(_family(d0, 1e-4, d), d)
    assert found.d0 == 10
    assert found.s0_squared == pytest.approx(1e-4, rel=0.1)


def test_scatter_below_sampling_gives_the_cap_at_the_common_variance() -> None:
    found = variance_prior(np.full(10, 1e-4), np.full(10, 1e6))
    assert found.d0 == 10
    assert found.s0_squared == pytest.approx(1e-4, rel=1e-5)


@pytest.mark.parametrize(
    ("s2", "d"),
    [
        (np.empty(0), np.empty(0)),
        (np.zeros(50), np.full(50, 4.0)),
        (np.ones(50), np.zeros(50)),
        (np.ones(50), np.full(50, -1.0)),
        (np.full(50, np.nan), np.full(50, 4.0)),
        (np.linspace(1, 2, 9), np.full(9, 4.0)),
    ],
    ids=["no cells", "no spread", "no df", "negative df", "unknown", "nine cells"],
)
def test_a_family_that_says_nothing_gives_no_prior(s2: np.ndarray, d: np.ndarray) -> None:
    assert variance_prior(s2, d) == NO_PRIOR == VariancePrior(0.0, 0.0)


def test_cells_without_variance_do_not_count() -> None:
    d = np.full(40, 4.0)
    s2 = _family(4.0, 1e-4, d)
    padded = variance_prior(np.append(s2, [0.0, np.nan, 1.0]), np.append(d, [4.0, 4.0, 0.0]))
    assert padded == variance_prior(s2, d)
