"""Flags: what each is raised for, what it is not, and the number behind it."""

import numpy as np
import pytest

from hfbench_aggregate.statistics import (
    contributor_flags,
    drift,
    sitting_shift,
    smoothness,
    stuck_runs,
)

CELLS = 60


def _community(contributors: int = 8, seed: int = 1) -> np.ndarray:
    """Draw log centres: cells and machines differ, and each machine likes some cells more."""
    rng = np.random.default_rng(seed)
    machines = rng.normal(0, 0.2, contributors)
    own = rng.normal(0, 0.05, (CELLS, contributors))
    return np.asarray(rng.normal(-4, 2, (CELLS, 1)) + machines + own)


def test_honest_contributors_are_not_flagged() -> None:
    families = [contributor_flags(_community(6, seed)) for seed in range(200)]
    assert np.mean([found.misfit for found in families]) < 0.005
    assert np.mean([found.always_off for found in families]) < 0.005
    assert not any((found.wrong_unit.any() or found.held.any()) for found in families)


@pytest.mark.parametrize("factor", [1000, 1 / 1000])
def test_a_wrong_unit_is_seen_in_one_cell_and_in_all(factor: float) -> None:
    y = _community()
    y[7, 2] += np.log(factor)
    y[:, 5] += np.log(factor)
    found = contributor_flags(y)
    assert found.wrong_unit[7, 2]
    assert found.wrong_unit[:, 5].all()
    assert found.wrong_unit.sum() == CELLS + 1
    assert found.residual[7, 2] == pytest.approx(np.log(factor), abs=0.3)
    assert found.offset[5] == pytest.approx(np.log(factor), abs=0.6)
    assert found.misfit[7, 2]
    assert not found.misfit[:, 5].any()  # it fits, once the unit is taken out


@pytest.mark.parametrize("ratio", [1.3, 0.7])
def test_a_contributor_who_is_always_30_percent_off(ratio: float) -> None:
    """In effects of a version, machines agree far better than in times."""
    theta = np.random.default_rng(3).normal(0, 0.02, (CELLS, 6))
    theta[:, 4] += np.log(ratio)
    found = contributor_flags(theta)
    assert found.always_off.tolist() == [False] * 4 + [True, False]
    assert found.offset[4] == pytest.approx(np.log(ratio), abs=0.02)
    assert found.offset_scale < 0.02


def test_a_submission_with_many_misfits_is_held() -> None:
    y = _community()
    y[:15, 1] += np.log(2)
    y[:5, 3] += np.log(2)
    found = contributor_flags(y)
    assert found.misfit[:15, 1].all()
    assert found.misfit[:5, 3].all()
    assert found.misfit_share[[1, 3]] == pytest.approx([15 / CELLS, 5 / CELLS], abs=0.02)
    assert found.held.tolist() == [False, True, *[False] * 6]


def test_three_contributors_are_too_few_to_say_who_is_wrong() -> None:
    y = _community(contributors=3)
    y[4, 0] += 3
    found = contributor_flags(y)
    assert np.isnan(found.residual).all()
    assert not found.misfit.any()
    assert np.isnan(found.misfit_share).all()


def test_stuck_process_runs() -> None:
    x = np.array([[0.0, 0.01, 0.02, np.log(3.5)], [0.0, 0.1, np.log(0.3), np.nan]])
    found = stuck_runs(np.vstack([x, [0.0, np.log(9), np.nan, np.nan]]))
    assert found.stuck.sum(axis=1).tolist() == [1, 1, 0]
    assert found.distance[0, 3] == pytest.approx(np.log(3.5) - 0.015)


def test_iterations_that_are_too_smooth_to_be_measured() -> None:
    rng = np.random.default_rng(4)
    honest = np.round(rng.normal(1e7, 1e5, (3, 30)))
    equal, two = np.full((3, 30), 1e7), np.tile([1e7, 1.1e7], (3, 15))
    few = np.full((3, 30), np.nan)
    few[:, :9] = 1e7  # fewer iterations than say anything
    found = smoothness(np.stack([honest, equal, two, few]))
    assert found.too_smooth.tolist() == [False, True, True, False]
    assert found.spread[0] == pytest.approx(1.35e-2, rel=0.5)
    assert found.distinct[:3] == pytest.approx([1, 1 / 30, 2 / 30], abs=0.01)
    assert np.isnan(found.spread[3])


def test_a_machine_that_drifts() -> None:
    rng = np.random.default_rng(5)
    started = rng.uniform(0, 600, (CELLS, 6))
    still = rng.normal(-4, 0.005, started.shape)
    still[3, 2:] = np.nan
    found = drift(still, started)
    assert not found.drifting
    assert np.isnan(found.change[3])
    for slower in (0.04, -0.04):
        found = drift(still + slower * started / 600, started)
        assert found.drifting
        assert found.median == pytest.approx(slower, abs=0.005)
        assert 0 < found.p < 1e-6
    assert not drift(still[:3] + 0.04 * started[:3] / 600, started[:3]).drifting  # p is 1 / 4


def test_a_sitting_that_shifts_everything() -> None:
    theta = np.random.default_rng(6).normal(0, 0.005, CELLS)
    theta[:10] = 0.3
    assert not sitting_shift(theta).shifted
    found = sitting_shift([*(theta + 0.02), np.nan])
    assert found.shifted
    assert found.median == pytest.approx(0.02, abs=0.005)
    assert found.cells == CELLS
    assert not sitting_shift([0.5] * 9).shifted  # too few to be most cells


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0), (1, 1), (2, 4)])
def test_nothing_to_flag(shape: tuple[int, int]) -> None:
    x = np.full(shape, np.nan)
    assert not contributor_flags(x).misfit.any()
    assert not stuck_runs(x).stuck.any()
    assert not smoothness(x[..., None]).too_smooth.any()
    assert not drift(x, x).drifting
    assert not contributor_flags(np.zeros(shape)).always_off.any()


def test_what_has_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        contributor_flags([1.0])
    with pytest.raises(ValueError, match="dimensions"):
        smoothness([[1.0]])
    with pytest.raises(ValueError, match="shape"):
        drift([[1.0]], [[1.0, 2.0]])
