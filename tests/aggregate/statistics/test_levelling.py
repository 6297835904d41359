"""Sittings brought to one level: what is taken out, what stays, and what it costs."""

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics import compare_versions, level_sittings
from hfbench_aggregate.statistics.levelling import Levelled

EFFECT = 0.05


def _planted(
    a: list[int], b: list[int], shifts: list[float], cells: int = 3, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make both versions, slower by EFFECT in b, from the sitting of each process run."""
    rng = np.random.default_rng(7)
    sides = [np.tile(sittings, (cells, 1)) for sittings in (a, b)]
    x = [np.array(shifts)[s] + rng.normal(0, noise, s.shape) for s in sides]
    return x[0], x[1] + EFFECT, sides[0], sides[1]


def _same(found: Levelled, a: np.ndarray, b: np.ndarray) -> bool:
    kept = zip((a, b), (found.baseline, found.candidate), strict=True)
    return not found.spent_df.any() and all(np.array_equal(x, y, equal_nan=True) for x, y in kept)


def test_one_sitting_stays_as_it_is() -> None:
    a, b, in_a, in_b = _planted([4, 4, 4], [4, 4], [0.0] * 5, noise=0.01)
    a[1, 2], in_a[1, 2] = np.nan, -1
    assert _same(level_sittings(a, b, in_a, in_b), a, b)


def test_cells_that_are_not_interleaved_stay_as_they_are() -> None:
    """One side only, no sitting in common, and a sitting too many on one side."""
    a, b, in_a, in_b = _planted([0, 0, 1, 1], [0, 0, 1, 2], [0.0, 0.1, 0.2])
    in_b[1] = 2
    b[2], in_b[2] = np.nan, -1
    assert _same(level_sittings(a, b, in_a, in_b), a, b)


def test_only_the_interleaved_cells_of_several_sittings_change() -> None:
    a, b, in_a, in_b = _planted([0, 0, 1, 1], [0, 0, 1, 1], [0.0, 0.1])
    in_a[0], in_b[0] = 0, 0
    in_b[2] = 1
    found = level_sittings(a, b, in_a, in_b)
    assert found.spent_df.tolist() == [0, 1, 0]
    assert np.array_equal(found.baseline[[0, 2]], a[[0, 2]])
    assert np.ptp(found.baseline[1]) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]),
        ([2, 2, 5, 0, 5, 5], [5, 0, 0, 2, 2]),
        ([0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_planted_shifts_are_removed_exactly_without_noise(a: list[int], b: list[int]) -> None:
    shifts = [0.0, 0.3, -0.1, np.nan, np.nan, 0.07]
    found = level_sittings(*_planted(a, b, shifts))
    level = np.mean([shifts[sitting] for sitting in set(a)])
    assert found.baseline == pytest.approx(np.full((3, len(a)), level), abs=1e-12)
    assert found.candidate == pytest.approx(np.full((3, len(b)), level + EFFECT), abs=1e-12)
    assert found.spent_df.tolist() == [len(set(a)) - 1] * 3


def test_padding_stays_padding() -> None:
    a, b, in_a, in_b = _planted([0, 0, 1, 1], [1, 0, 0, 1, 1], [0.0, 0.1])
    a[0, 1], in_a[0, 1] = np.nan, -1
    b[2, 0], in_b[2, 0] = np.nan, -1
    found = level_sittings(a, b, in_a, in_b)
    assert np.array_equal(np.isnan(found.baseline), np.isnan(a))
    assert np.array_equal(np.isnan(found.candidate), np.isnan(b))
    assert np.nanmax(found.candidate) == pytest.approx(np.nanmin(found.candidate), abs=1e-12)


def test_one_run_a_version_and_sitting_gives_the_paired_t_test() -> None:
    a, b, in_a, in_b = _planted([0, 1, 2], [0, 1, 2], [0.0, 0.3, 0.1], cells=4, noise=0.01)
    found = level_sittings(a, b, in_a, in_b)
    p = compare_versions(
        found.baseline,
        found.candidate,
        sitting_sd=0,
        sittings_baseline=3,
        sittings_candidate=3,
        spent_df=found.spent_df,
    ).p
    assert p == pytest.approx(stats.ttest_rel(a, b, axis=1).pvalue, rel=1e-9)


def test_a_spike_does_not_move_the_level_of_its_sitting() -> None:
    a, b, in_a, in_b = _planted([0] * 5 + [1] * 5, [0] * 5 + [1] * 5, [0.0, 0.1], 40, noise=0.01)
    clean = level_sittings(a, b, in_a, in_b)
    a[:, 0] += 0.5
    spiked = level_sittings(a, b, in_a, in_b)
    moved = np.abs(spiked.candidate - clean.candidate)
    assert np.median(moved) < 0.005 < 0.5 / 10 / 2


@pytest.mark.parametrize(
    ("a", "b"),
    [([0] * 5 + [1], [0] + [1] * 5), ([0] * 5 + [1] * 4, [0] * 5 + [1] * 5), ([0, 1] * 3, [0, 1])],
)
def test_the_error_is_right_where_a_sitting_ran_one_version_more_often(
    a: list[int], b: list[int]
) -> None:
    x_a, x_b, in_a, in_b = _planted(a, b, [0.0, 0.1], cells=40_000, noise=0.01)
    found = level_sittings(x_a, x_b, in_a, in_b)
    theta = found.candidate.mean(axis=1) - found.baseline.mean(axis=1)
    said = sum(
        ((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1).mean()
        / (x.shape[1] - 1.5)
        / x.shape[1]
        for x in (found.baseline, found.candidate)
    )
    assert said == pytest.approx(theta.var(), rel=0.05)


def test_no_cells_and_no_runs() -> None:
    none, padding = np.empty((0, 3)), np.empty((0, 3), dtype=int)
    assert level_sittings(none, none, padding, padding).spent_df.shape == (0,)
    nan, minus = np.full((2, 3), np.nan), np.full((2, 3), -1)
    assert level_sittings(nan, nan, minus, minus).spent_df.tolist() == [0, 0]
