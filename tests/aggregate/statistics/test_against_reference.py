"""All procedures against `slow_reference`, over random ragged families."""

import numpy as np
import pytest
from tests.aggregate.statistics import slow_reference

from hfbench_aggregate.statistics import (
    centre,
    compare_quality,
    compare_versions,
    contributor_flags,
    pool_contributors,
    rank_entries,
)

FAMILIES = [(0, 1), (1, 7), (2, 9), (3, 10), (4, 25), (5, 60)]


def _ragged(rng: np.random.Generator, level: np.ndarray, width: int) -> np.ndarray:
    """Draw process runs with spikes, rows without spread, and gaps anywhere."""
    cells = level.size
    sd = rng.uniform(0.003, 0.03, (cells, 1))
    x = level[:, None] + sd * rng.standard_normal((cells, width))
    x += rng.exponential(0.2, x.shape) * (rng.random(x.shape) < 0.05)
    even = rng.random(cells) < 0.1
    x[even] = level[even, None]
    x[rng.random(x.shape) < rng.uniform(0, 0.8, (cells, 1))] = np.nan
    return x


def _assert_same(found: object, expected: list[slow_reference.Figures], names: list[str]) -> None:
    for name in names:
        wanted = np.array(slow_reference.per_cell(expected, name), dtype=np.float64)
        # The table behind the prior is exact to 1e-7, which far tails magnify.
        tail = name.startswith(("p_h", "q")) or name in ("p", "p_equivalent")
        rtol, atol = (1e-4, 1e-300) if tail else (1e-6, 1e-8)
        np.testing.assert_allclose(getattr(found, name), wanted, rtol, atol, err_msg=name)


@pytest.mark.parametrize(("seed", "cells"), FAMILIES)
def test_centres(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    x = _ragged(rng, rng.normal(-4, 2, cells), 7)
    _assert_same(centre(x), slow_reference.centre(x.tolist()), ["centre", "half_width", "df"])


@pytest.mark.parametrize(("seed", "cells"), FAMILIES)
def test_two_versions(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.normal(-4, 2, cells)
    a, b = _ragged(rng, level, 7), _ragged(rng, level + rng.choice([0.0, 0.08], cells), 5)
    expected = slow_reference.two_versions(a.tolist(), b.tolist(), 0.004, (2, 1))
    found = compare_versions(a, b, sitting_sd=0.004, sittings_baseline=2, sittings_candidate=1)
    names = ["theta", "se", "se_within", "df", "p", "q", "low", "high", "p_equivalent"]
    _assert_same(found, expected, [*names, "detectable", "fcr_low", "fcr_high"])
    assert found.verdict.tolist() == slow_reference.per_cell(expected, "verdict")


@pytest.mark.parametrize(("seed", "cells"), FAMILIES)
def test_contributors(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (cells, 9)
    variance = rng.uniform(1e-5, 4e-4, shape)
    theta = np.where(rng.random((cells, 1)) < 0.4, 0.05, 0.0) + np.zeros(shape)
    theta += rng.uniform(0.004, 0.03, (cells, 1)) * rng.standard_normal(shape)
    theta += rng.choice([0, 1, -1], shape, p=[0.8, 0.1, 0.1]) * rng.uniform(0.05, 0.3, shape)
    theta[rng.random(shape) < rng.uniform(0, 1, (cells, 1))] = np.nan
    variance[rng.random(shape) < 0.1] = np.nan
    quiet = np.arange(9) % 4 > 0
    expected = slow_reference.contributors(theta.tolist(), variance.tolist(), quiet.tolist())
    found = pool_contributors(theta, variance, quiet=quiet)
    names = ["theta", "se", "df", "p", "q", "low", "high", "p_equivalent", "detectable"]
    names += ["fcr_low", "fcr_high", "tau_squared", "prediction_low", "prediction_high"]
    _assert_same(found, expected, [*names, "p_heterogeneity", "q_heterogeneity", "contributors"])
    assert found.verdict.tolist() == slow_reference.per_cell(expected, "verdict")
    dropped = (found.screened | found.left_out).sum(axis=1)
    measured = (np.isfinite(theta) & np.isfinite(variance)).sum(axis=1)
    np.testing.assert_array_equal(measured - dropped, found.contributors)


@pytest.mark.parametrize(("seed", "cells"), FAMILIES)
def test_quality(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(80, 0.5, (cells, 5))
    b = rng.normal(80, 0.5, (cells, 6)) + rng.choice([0.0, 2.0], (cells, 1))
    a[rng.random(a.shape) < 0.3] = b[rng.random(b.shape) < 0.3] = np.nan
    expected = slow_reference.quality(a.tolist(), b.tolist(), 1043)
    found = compare_quality(a, b, 1043)
    _assert_same(found, expected, ["difference", "df", "p", "q", "low", "high", "p_equivalent"])
    assert found.verdict.tolist() == slow_reference.per_cell(expected, "verdict")


@pytest.mark.parametrize("seed", [1, 2])
def test_rank_intervals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([0.0, 0.02, 0.1], (8, 6, 1)) + rng.normal(0, 0.01, (8, 6, 5))
    x[rng.random(x.shape) < rng.uniform(0, 0.9, (8, 6, 1))] = np.nan
    found = rank_entries(x)
    for row, (low, high) in enumerate(slow_reference.rank_intervals(x.tolist())):
        assert (found.low[row].tolist(), found.high[row].tolist()) == (low, high)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_misfits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(-4, 2, (40, 1)) + rng.normal(0, 0.5, 6) + rng.normal(0, 0.1, (40, 6))
    y += rng.choice([0.0, np.log(2)], y.shape, p=[0.95, 0.05])
    y[rng.random(y.shape) < 0.25] = np.nan
    found, (rows, columns) = contributor_flags(y), slow_reference.polished(y.tolist())
    np.testing.assert_allclose(found.residual, rows, atol=1e-12)
    np.testing.assert_allclose(found.offset, np.array(columns) - np.median(columns), atol=1e-12)
    assert found.misfit.tolist() == slow_reference.misfits(y.tolist())
    assert found.misfit.any()
