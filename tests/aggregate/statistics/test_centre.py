"""Centre and interval of a cell, against one plain cell and for awkward rows."""

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics import centre, machine_grade, variance_prior, winsorise


def test_agrees_with_a_plain_computation() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(-4, 1, (40, 1)) + rng.normal(0, 0.01, (40, 6))
    x[::3, 4:] = np.nan
    x[5, 2] += 0.4
    found = centre(x)
    rows = [row[~np.isnan(row)] for row in winsorise(x).x]
    prior = variance_prior([np.var(r, ddof=1) for r in rows], [r.size - 1 for r in rows])
    for i, row in enumerate(rows):
        df = prior.d0 + row.size - 1
        squares = np.sum((row - row.mean()) ** 2)
        moderated = np.sqrt((prior.d0 * prior.s0_squared + squares) / df)
        half_width = stats.t.ppf(0.975, df) * moderated / np.sqrt(row.size)
        assert found.centre[i] == pytest.approx(row.mean(), abs=1e-10)
        assert found.half_width[i] == pytest.approx(half_width, rel=1e-10)
        assert found.moderated_sd[i] == pytest.approx(moderated, rel=1e-10)
    assert found.unstable[5] == 1


def test_few_runs_and_no_spread_get_a_centre_but_no_interval() -> None:
    x = np.array([[np.nan] * 4, [1.0] + [np.nan] * 3, [1.0, 1.1, np.nan, np.nan], [2.0] * 4])
    found = centre(x)
    np.testing.assert_allclose(found.centre, [np.nan, 1.0, 1.05, 2.0])
    assert np.isfinite(found.half_width).tolist() == [False, False, True, False]
    assert np.isfinite(found.df).tolist() == [False, False, True, False]
    assert found.process_runs.tolist() == [0, 1, 2, 4]
    assert found.noisy.tolist() == [False, False, True, False]


def test_a_large_family_does_not_make_one_run_an_interval() -> None:
    x = np.random.default_rng(5).normal(0, 0.01, (30, 5))
    x[0, 1:] = np.nan
    assert np.isnan(centre(x).half_width[0])
    assert np.isfinite(centre(x).half_width[1:]).all()


def test_no_cells() -> None:
    assert centre(np.empty((0, 5))).centre.shape == (0,)


def test_machine_grades() -> None:
    assert [machine_grade([sd, np.nan, 0.0]) for sd in (0.005, 0.01, 0.02, 0.1, 0.2)] == list(
        "AABCD"
    )
    assert machine_grade([np.nan, 0.0]) is None
