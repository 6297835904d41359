"""Change points against one plain series at a time, and for awkward series."""

from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from hfbench_aggregate.statistics import winsorise
from hfbench_aggregate.statistics.change_points import change_points
from hfbench_aggregate.statistics.constants import NULL_SEED, NULL_SERIES


def _plain_statistic(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take every mean over its block of the matrix of distances; x is (..., versions)."""
    length = x.shape[-1]
    far = np.abs(x[..., :, None] - x[..., None, :])
    found = []
    for k in range(2, length - 1):
        across = far[..., :k, k:].mean(axis=(-2, -1))
        left, right = far[..., :k, :k], far[..., k:, k:]
        energy = 2 * across - left.mean(axis=(-2, -1)) - right.mean(axis=(-2, -1))
        found.append(k * (length - k) / length * energy)
    scale = far.sum(axis=(-2, -1)) / (length * (length - 1))
    each = np.array(found) / scale
    return each.max(axis=0), 2 + each.argmax(axis=0)


@cache
def _plain_null(length: int) -> np.ndarray:
    rng = np.random.default_rng([NULL_SEED, length])
    return _plain_statistic(rng.standard_normal((NULL_SERIES, length)))[0]


def _plain_p(x: np.ndarray) -> tuple[float, int]:
    statistic, split = _plain_statistic(x)
    as_large = np.sum(_plain_null(x.size) >= statistic)
    return float((1 + as_large) / (1 + NULL_SERIES)), int(split)


def _plain_points(x: np.ndarray) -> list[int]:
    """Return the change points of a series that is known to have changed."""
    split = _plain_p(x)[1]
    parts = [(0, x[:split]), (split, x[split:])]
    further = [(at, part) for at, part in parts if part.size >= 6 and _plain_p(part)[0] <= 0.05]
    return sorted([split, *(at + point for at, part in further for point in _plain_points(part))])


def _series() -> np.ndarray:
    x = np.random.default_rng(2).normal(-4, 0.005, (12, 14))
    x[0, 5:] += 0.05
    x[1, 4:] -= 0.03
    x[2, 4:] += 0.04
    x[2, 9:] += 0.08
    x[3, 7:] += 0.02
    x[0, [2, 6]] = x[2, 11] = x[5, 3] = np.nan
    return x


def test_agrees_with_a_plain_computation() -> None:
    x = _series()
    found = change_points(x)
    columns = [np.flatnonzero(~np.isnan(row)) for row in x]
    rows = [row[held] for row, held in zip(x, columns, strict=True)]
    p = np.array([_plain_p(row)[0] for row in rows])
    q = stats.false_discovery_control(p)
    np.testing.assert_array_equal(found.p, p)
    np.testing.assert_array_equal(found.q, q)
    assert found.versions.tolist() == [row.size for row in rows]
    points = [(i, k) for i in np.flatnonzero(q <= 0.05) for k in _plain_points(rows[i])]
    assert list(zip(found.cell, found.version, strict=True)) == [
        (i, columns[i][k]) for i, k in points
    ]
    assert found.previous.tolist() == [columns[i][k - 1] for i, k in points]
    assert {(0, 5), (1, 4), (2, 4), (2, 9)} <= {(i, columns[i][k]) for i, k in points}


def test_ratio_and_interval_are_those_of_the_neighbouring_segments() -> None:
    x = _series()[:4]
    x = x[:, ~np.isnan(x).any(axis=0)]
    found = change_points(x)
    assert 3 <= found.cell.size < 10  # fewer than ten share no prior
    before, after = np.full((2, found.cell.size, x.shape[1]), np.nan)
    for n, (cell, point) in enumerate(zip(found.cell, found.version, strict=True)):
        edges = [0, *found.version[found.cell == cell], x.shape[1]]
        start, end = next((a, c) for (a, b), (_, c) in pairwise(pairwise(edges)) if b == point)
        before[n, start:point], after[n, point:end] = x[cell, start:point], x[cell, point:end]
    a, b = winsorise(before).x, winsorise(after).x
    for n in range(found.cell.size):
        arms = [row[n][~np.isnan(row[n])] for row in (b, a)]
        plain = stats.ttest_ind(*arms, equal_var=False).confidence_interval(0.95)
        assert found.theta[n] == pytest.approx(arms[0].mean() - arms[1].mean(), abs=1e-12)
        assert (found.low[n], found.high[n]) == pytest.approx((plain.low, plain.high), rel=1e-9)


def test_awkward_series_are_never_called_and_never_certain() -> None:
    rng = np.random.default_rng(4)
    x = np.full((6, 9), np.nan)
    x[1, 4] = -3.0
    x[2, :7] = rng.normal(-3, 0.01, 7)
    x[3] = -3.0
    x[4] = -3 + 1e-12 * rng.standard_normal(9)
    x[5] = rng.normal(-3, 0.01, 9)
    found = change_points(x)
    assert found.verdict.tolist() == ["too_short"] * 3 + ["no_spread"] * 2 + ["none_found"]
    assert np.isnan(found.p[:5]).all()
    assert np.isnan(found.q[:5]).all()
    assert found.versions.tolist() == [0, 1, 7, 9, 9, 9]
    assert found.cell.size == 0


def test_a_step_without_noise_has_no_interval_and_no_p_of_0() -> None:
    found = change_points([[0.0] * 6 + [1.0] * 6])
    assert found.verdict.tolist() == ["changed"]
    assert (found.version.tolist(), found.previous.tolist()) == ([6], [5])
    assert found.theta.tolist() == [1.0]
    assert np.isnan(found.low).all()
    assert 0 < found.p[0] < 0.001
    assert 0 < found.p_point[0] < 0.001


@pytest.mark.parametrize("shape", [(0, 12), (3, 0), (3, 1)])
def test_no_cells_and_no_versions(shape: tuple[int, int]) -> None:
    found = change_points(np.zeros(shape))
    assert found.verdict.tolist() == ["too_short"] * shape[0]


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, np.inf]]])
def test_what_is_no_family_of_series_is_refused(x: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match=r"expected an array \(cells, versions\)|finite or NaN"):
        change_points(x)


def test_a_cell_does_not_depend_on_where_it_stands() -> None:
    x = _series()
    found, mirrored = change_points(x), change_points(x[::-1])
    np.testing.assert_array_equal(found.p, mirrored.p[::-1])
    assert found.verdict.tolist() == mirrored.verdict[::-1].tolist()
