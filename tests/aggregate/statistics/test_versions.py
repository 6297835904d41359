"""Two versions: agreement with plain and scipy computations, verdicts, and awkward input."""

import numpy as np
import pytest
from scipy import stats
from tests.aggregate.statistics.comparing import compare

from hfbench_aggregate.statistics import (
    Verdict,
    variance_prior,
    winsorise,
)

MARGIN = np.log(1.03)


def _ragged(cells: int, seed: int, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Draw cells of different speed, noise and number of process runs, some of them changed."""
    rng = np.random.default_rng(seed)
    level, sd = rng.normal(-4, 2, (cells, 1)), rng.uniform(0.003, 0.03, (cells, 1))
    a, b = (level + sd * rng.standard_normal((cells, p)) for p in (7, 5))
    b += np.where(rng.random((cells, 1)) < 0.3, rng.choice([-0.05, 0.05], (cells, 1)), 0.0)
    for arm in (a, b):
        runs = rng.integers(least, arm.shape[1] + 1, (cells, 1))
        arm[np.arange(arm.shape[1]) >= runs] = np.nan
    a[0, 3:5] = level[0] + 0.5
    return a, b


def _rows(x: np.ndarray) -> list[np.ndarray]:
    return [row[~np.isnan(row)] for row in x]


def test_agrees_with_a_plain_computation_of_each_cell() -> None:
    a, b = _ragged(60, seed=1)
    found = compare(a, b, sitting_sd=0.004)
    pairs = list(zip(_rows(winsorise(a).x), _rows(winsorise(b).x), strict=True))
    squares = [(np.sum((u - u.mean()) ** 2), np.sum((v - v.mean()) ** 2)) for u, v in pairs]
    pooled_df = [u.size + v.size - 2 for u, v in pairs]
    prior = variance_prior([sum(s) / d for s, d in zip(squares, pooled_df, strict=True)], pooled_df)
    assert 0 < prior.d0 < 10
    for i, (u, v) in enumerate(pairs):
        half = prior.d0 / 2
        nu = [half + u.size - 1, half + v.size - 1]
        part = [
            (half * prior.s0_squared + s) / n / arm.size
            for s, n, arm in zip(squares[i], nu, (u, v), strict=True)
        ]
        df = sum(part) ** 2 / sum(w**2 / n for w, n in zip(part, nu, strict=True))
        se = np.sqrt(sum(part) + 0.004**2 * (1 / 2 + 1 / 1))
        t = stats.t(df)
        theta = v.mean() - u.mean()
        expected = {
            "theta": theta,
            "se": se,
            "se_within": np.sqrt(sum(part)),
            "df": df,
            "p": 2 * t.sf(abs(theta) / se),
            "low": theta - t.ppf(0.975) * se,
            "high": theta + t.ppf(0.975) * se,
            "p_equivalent": max(t.sf((theta + MARGIN) / se), t.cdf((theta - MARGIN) / se)),
            "detectable": (t.ppf(0.975) + t.ppf(0.8)) * se,
        }
        for name, value in expected.items():
            assert getattr(found, name)[i] == pytest.approx(value, rel=1e-10, abs=1e-14), name


def test_agrees_with_scipy_where_nothing_is_borrowed() -> None:
    a, b = _ragged(9, seed=2)  # one cell too few for a prior
    found = compare(a, b)
    for i, (u, v) in enumerate(zip(_rows(winsorise(a).x), _rows(winsorise(b).x), strict=True)):
        welch = stats.ttest_ind(v, u, equal_var=False)
        interval = welch.confidence_interval()
        tost = max(
            stats.ttest_ind(v + MARGIN, u, equal_var=False, alternative="greater").pvalue,
            stats.ttest_ind(v - MARGIN, u, equal_var=False, alternative="less").pvalue,
        )
        assert found.p[i] == pytest.approx(welch.pvalue, rel=1e-8)
        assert found.df[i] == pytest.approx(welch.df, rel=1e-10)
        assert (found.low[i], found.high[i]) == pytest.approx(tuple(interval), rel=1e-8)
        assert found.p_equivalent[i] == pytest.approx(tost, rel=1e-8)


def test_q_and_selected_intervals_are_over_the_tested_cells() -> None:
    a, b = _ragged(200, seed=3)
    found = compare(a, b)
    tested = (found.process_runs_baseline >= 3) & (found.process_runs_candidate >= 3)
    assert 20 < tested.sum() < 200
    assert np.isnan(found.q[~tested]).all()
    assert np.isfinite(found.p).all()
    np.testing.assert_allclose(found.q[tested], stats.false_discovery_control(found.p[tested]))
    called = np.isin(found.verdict, [Verdict.FASTER, Verdict.SLOWER])
    level = 1 - 0.05 * called.sum() / tested.sum()
    reach = stats.t.ppf((1 + level) / 2, found.df[called]) * found.se[called]
    np.testing.assert_allclose(found.fcr_high[called], found.theta[called] + reach, rtol=1e-8)
    np.testing.assert_allclose(found.fcr_low[called], found.theta[called] - reach, rtol=1e-8)
    assert np.isnan(found.fcr_low[~called]).all()
    assert (found.fcr_low[called] < found.low[called]).all()


def test_verdicts_in_their_order() -> None:
    spread = np.array([-0.0008, -0.0003, 0.0, 0.0003, 0.0008])
    effects = [0.05, -0.05, 0.005, 0.0, 0.05, 0.0]
    a = np.vstack([spread] * 4 + [200 * spread] * 2)
    b = a + np.array(effects)[:, None]
    few = np.vstack([spread, spread])
    few[:, 2:] = np.nan
    found = compare(np.vstack([a, few, few]), np.vstack([b, few + 1.0, few]))
    assert found.verdict.tolist() == [
        "slower",
        "faster",
        "equivalent",  # certain, but below the least effect
        "equivalent",
        "inconclusive",
        "inconclusive",
        "insufficient",
        "insufficient",
        "insufficient",
        "insufficient",
    ]
    assert found.q[2] < 0.05
    assert all(Verdict(v) for v in found.verdict)


def test_the_order_of_runs_and_cells_and_the_padding_do_not_matter() -> None:
    a, b = _ragged(50, seed=8)
    rng = np.random.default_rng(9)
    cells = rng.permutation(50)
    plain = compare(a, b)
    wide = np.hstack([np.full((50, 2), np.nan), a])[:, rng.permutation(9)]
    shuffled = compare(wide[cells], b[cells])
    np.testing.assert_array_equal(shuffled.verdict, plain.verdict[cells])
    np.testing.assert_allclose(shuffled.q, plain.q[cells], rtol=1e-9)
    back = compare(b, a)
    np.testing.assert_array_equal(back.verdict == "faster", plain.verdict == "slower")
