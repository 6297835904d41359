"""The kernel: the middle pair of each process run, as sorting in Python finds it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hfbench_aggregate.engine.kernel import BLOCK, middle_pairs


@given(st.lists(st.lists(st.integers(1, 2**53 - 1), max_size=40), max_size=60), st.integers(0, 5))
def test_middle_pairs_are_those_of_sorted_lists(lists: list[list[int]], warmup: int) -> None:
    """Runs of any lengths, between others that do not count: warm-ups, and failures."""
    timed = [values[warmup:] for values in lists]
    starts = np.cumsum([0, *map(len, lists)])[:-1] + warmup
    samples = np.array([value for values in lists for value in values], np.int64)
    found = middle_pairs(samples, starts, np.array([len(values) for values in timed], np.int64))
    wanted = [sorted(values) or [0] for values in timed]
    assert found.low.tolist() == [values[(len(values) - 1) // 2] for values in wanted]
    assert found.high.tolist() == [values[len(values) // 2] for values in wanted]


def test_more_process_runs_than_are_sorted_at_a_time() -> None:
    samples = np.random.default_rng(2019).integers(10**6, 10**9, (2 * BLOCK + 7, 20))
    starts = np.arange(len(samples)) * 20 + 3
    found = middle_pairs(samples.ravel(), starts, np.full(len(samples), 17))
    np.testing.assert_array_equal(found.low, np.median(samples[:, 3:], axis=1))
    np.testing.assert_array_equal(found.high, found.low)
