"""Rank intervals of leaderboards with known truth.

Entries are equal in pairs, pairs 2 % apart, with five process runs each and an sd between them
of .3 to 3 %, log-uniform, skewed to the slow side, one run in fifty a spike. An interval is
right where it holds every place that the true times allow, ties in any order. Run with `-s` to
see the figures (2 s in all).
"""

import numpy as np
import pytest
from tests.calibration.generator import TYPICAL, process_sd, scatter

from hfbench_aggregate.statistics.ranks import Ranks, rank_entries, rank_suite

STUDIES = 300


def _all_right(found: Ranks, level: np.ndarray) -> np.ndarray:
    """Return for each row whether all its intervals hold all places of their entry."""
    best = 1 + (level[None, :] < level[:, None]).sum(axis=1)
    worst = (level[None, :] <= level[:, None]).sum(axis=1)
    right: np.ndarray = ((found.low <= best) & (found.high >= worst)).all(axis=1)
    return right


def _report(kind: str, entries: int, right: float, width: float) -> None:
    print(  # noqa: T201 (for `pytest -s`)
        f"{kind}, {entries} entries: all intervals right {right:.1%}, {width:.1f} places wide"
    )


@pytest.mark.parametrize(("entries", "widest"), [(4, 4), (10, 8), (30, 15), (100, 25)])
def test_all_rank_intervals_of_a_cell_are_right(entries: int, widest: float) -> None:
    level = 0.02 * (np.arange(entries) // 2)
    right, width = [], []
    for seed in range(STUDIES):
        rng = np.random.default_rng([entries, seed])
        sd = process_sd(rng, TYPICAL, entries)[:, None]
        found = rank_entries(level[:, None] + sd * scatter(rng, TYPICAL, (1, entries, 5)))
        right.append(_all_right(found, level))
        width.append(np.mean(found.high - found.low + 1))
    _report("one cell", entries, float(np.mean(right)), float(np.mean(width)))
    assert np.mean(right) >= 0.88
    assert np.mean(width) <= widest


@pytest.mark.parametrize("cells", [8, 20, 50])
def test_all_rank_intervals_of_a_suite_are_right(cells: int) -> None:
    """Each entry is 5 % better or worse at a cell than it is in general."""
    level = 0.05 * (np.arange(6) // 2)
    rng = np.random.default_rng(cells)
    suites = [
        rank_suite(rng.normal(-3, 1, (cells, 1)) + level + rng.normal(0, 0.05, (cells, 6)))
        for _ in range(STUDIES)
    ]
    right = float(np.mean([_all_right(found, level) for found in suites]))
    _report(f"{cells} cells", 6, right, float(np.mean([f.high - f.low + 1 for f in suites])))
    assert right >= 0.88
