"""Rank intervals against plain tests of one pair after another, and for awkward entries."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics import centre
from hfbench_aggregate.statistics.ranks import Ranks, rank_entries, rank_suite


def _plain_intervals(
    means: list[float], p_of: Callable[[int, int], float]
) -> tuple[list[int], list[int]]:
    """Adjust the tests of all pairs after Holm, one by one, and count who beats whom."""
    pairs = sorted(combinations(range(len(means)), 2), key=lambda pair: p_of(*pair))
    low, high = [1] * len(means), [len(means)] * len(means)
    for step, pair in enumerate(pairs):
        if p_of(*pair) * (len(pairs) - step) > 0.05:
            break
        faster, slower = sorted(pair, key=lambda entry: means[entry])
        low[slower] += 1
        high[faster] -= 1
    return low, high


def _intervals(found: Ranks, row: int) -> tuple[list[int], list[int]]:
    return found.low[row].tolist(), found.high[row].tolist()


def _runs() -> np.ndarray:
    rng = np.random.default_rng(6)
    level = rng.choice([0.0, 0.01, 0.02, 0.04, 0.08], (7, 6, 1))
    x = level + rng.normal(0, 1, (7, 6, 5)) * rng.uniform(0.003, 0.01, (7, 6, 1))
    x[:, 1::2, 4:] = np.nan
    return x


def test_entries_agree_with_a_plain_computation() -> None:
    x = _runs()
    found = rank_entries(x)
    arms = centre(x.reshape(-1, 5))
    mean, sd, df, runs = (
        each.reshape(7, 6) for each in (arms.centre, arms.moderated_sd, arms.df, arms.process_runs)
    )
    for c in range(7):

        def p_of(i: int, j: int, c: int = c) -> float:
            parts = [(sd[c, e] ** 2 / runs[c, e], df[c, e]) for e in (i, j)]
            variance = sum(part for part, _ in parts)
            pair_df = variance**2 / sum(part**2 / d for part, d in parts)
            return float(2 * stats.t.sf(abs(mean[c, i] - mean[c, j]) / np.sqrt(variance), pair_df))

        assert _intervals(found, c) == _plain_intervals(mean[c].tolist(), p_of)
        assert found.tied_for_first[c].tolist() == (found.low[c] == 1).tolist()
    assert (found.low > 1).any()
    assert (found.tied_for_first.sum(axis=1) > 1).any()


def test_a_suite_agrees_with_a_plain_computation_on_the_common_cells() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(-3, 1, (20, 1)) + rng.normal(0, 0.03, (20, 5)) + [0, 0.01, 0.05, 0.06, 0.2]
    x[3, 2] = x[11, 0] = np.nan
    common = np.delete(x, [3, 11], axis=0)
    expected = _plain_intervals(
        common.mean(axis=0).tolist(),
        lambda i, j: float(stats.ttest_rel(common[:, i], common[:, j]).pvalue),
    )
    assert _intervals(rank_suite(x), 0) == expected
    assert expected[0] != [1] * 5
    with_absent = rank_suite(np.column_stack([x, np.full(20, np.nan)]))
    assert _intervals(with_absent, 0) == (expected[0] + [0], expected[1] + [0])


def test_a_clear_order_gives_single_places_and_one_first() -> None:
    level = np.array([0.3, 0.1, 0.4, 0.2])
    x = np.random.default_rng(1).normal(level[:, None], 0.001, (1, 4, 5))
    found = rank_entries(x)
    assert _intervals(found, 0) == ([3, 1, 4, 2], [3, 1, 4, 2])
    assert found.tied_for_first.tolist() == [[False, True, False, False]]


def test_entries_of_unknown_error_beat_none_and_absent_ones_take_no_place() -> None:
    level = np.array([0, 0.5, -9, 9, 0])
    x = np.random.default_rng(3).normal(level[:, None], 0.001, (1, 5, 4))
    x[0, 2, 1:] = np.nan  # one process run
    x[0, 3] = 9.0  # no spread
    x[0, 4] = np.nan  # never ran
    found = rank_entries(x)
    assert _intervals(found, 0) == ([1, 2, 1, 1, 0], [3, 4, 4, 4, 0])
    assert found.ranked.tolist() == [[True] * 4 + [False]]
    assert found.tied_for_first.tolist() == [[True, False, True, True, False]]


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 1, 4), (2, 3, 4)])
def test_nothing_to_tell_apart_ties_all(shape: tuple[int, int, int]) -> None:
    found = rank_entries(np.zeros(shape))
    assert found.low.shape == shape[:2]
    assert (found.tied_for_first == (shape[2] > 0)).all()
    assert (found.high == (shape[1] if shape[2] else 0)).all()


def test_a_suite_of_equal_entries_is_tied_and_one_of_few_cells_not_ranked() -> None:
    equal = np.tile(np.arange(8.0)[:, None], 3)
    assert _intervals(rank_suite(equal), 0) == ([1] * 3, [3] * 3)
    assert _intervals(rank_suite(equal + np.arange(3.0)), 0) == ([1] * 3, [3] * 3)
    few = rank_suite(np.random.default_rng(0).normal(size=(5, 3)))
    assert not few.ranked.any()
    assert not few.tied_for_first.any()
    assert rank_suite(np.empty((9, 0))).low.shape == (1, 0)


@pytest.mark.parametrize("rank", [rank_entries, rank_suite])
def test_what_is_no_array_of_times_is_refused(rank: Callable[[object], Ranks]) -> None:
    with pytest.raises(ValueError, match="expected"):
        rank([1.0, 2.0])
    dimensions = 3 if rank is rank_entries else 2
    with pytest.raises(ValueError, match="finite or NaN"):
        rank(np.full((2,) * dimensions, -np.inf))
