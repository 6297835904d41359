"""Comparisons of awkward input: no spread, few runs, nothing at all, and what is refused."""

import numpy as np
import pytest
from tests.aggregate.statistics.comparing import compare

from hfbench_aggregate.statistics import Verdict, compare_versions


@pytest.mark.parametrize("cells", [1, 40])
@pytest.mark.parametrize("effect", [0.0, 1e-9, 0.3])
def test_timings_without_spread_give_no_certainty(cells: int, effect: float) -> None:
    a = np.random.default_rng(4).normal(0, 0.01, (cells, 5))
    a[0] = np.log(0.1)
    found = compare(a, a + effect)
    assert found.no_spread.tolist() == [True] + [False] * (cells - 1)
    assert found.verdict[0] == Verdict.INCONCLUSIVE
    assert found.theta[0] == pytest.approx(effect, abs=1e-12)
    assert np.isnan([found.p[0], found.q[0], found.low[0], found.p_equivalent[0]]).all()
    assert (found.p[1:] > 0).all()
    assert compare(a[:1, :2], a[:1, :2]).verdict.tolist() == [Verdict.INSUFFICIENT]


def test_a_huge_effect_has_a_positive_p() -> None:
    a = np.random.default_rng(5).normal(0, 0.001, (2, 300))
    found = compare(a, a + 5)
    assert (found.p > 0).all()
    assert (found.verdict == "slower").all()


@pytest.mark.parametrize("cells", [1, 30])
def test_every_pair_of_run_counts_gets_a_verdict(cells: int) -> None:
    rng = np.random.default_rng(6)
    for runs_a, runs_b in [(0, 0), (0, 5), (1, 0), (1, 1), (1, 5), (2, 2), (2, 3), (3, 3), (3, 50)]:
        a, b = rng.normal(0, 0.01, (2, cells, 50))
        a[0, runs_a:], b[0, runs_b:] = np.nan, np.nan
        found = compare(a, b)
        enough = min(runs_a, runs_b) >= 3
        assert (found.verdict[0] == "insufficient") is not enough
        assert np.isfinite(found.theta[0]) == (min(runs_a, runs_b) > 0)
        assert np.isfinite(found.q[0]) == enough
        shown = min(runs_a, runs_b) >= (2 if cells == 1 else 1)
        assert (np.isfinite(found.low[0]) and found.p[0] > 0) == shown
        assert (found.process_runs_baseline[0], found.process_runs_candidate[0]) == (runs_a, runs_b)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (4, 0)])
def test_nothing_tocompare(shape: tuple[int, int]) -> None:
    found = compare(np.empty(shape), np.empty(shape))
    assert found.verdict.tolist() == ["insufficient"] * shape[0]


def test_a_cell_without_runs_in_an_arm_needs_no_sitting() -> None:
    found = compare_versions(
        [[1.0, 1.1, 1.2], [1.0, 1.1, 1.2]],
        [[1.0, 1.1, 1.2], [np.nan] * 3],
        sitting_sd=[0.01, 0.01],
        sittings_baseline=[1, 1],
        sittings_candidate=[1, 0],
    )
    assert np.isfinite(found.se).tolist() == [True, False]


@pytest.mark.parametrize("sd", [-0.1, np.nan, np.inf])
def test_a_sitting_sd_that_is_none_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="sitting sd"):
        compare([[1.0, 2.0]], [[1.0, 2.0]], sitting_sd=sd)


def test_arms_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="cells"):
        compare([[1.0, 2.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="needs a sitting"):
        compare_versions(
            [[1.0]], [[1.0]], sitting_sd=0.0, sittings_baseline=0, sittings_candidate=1
        )
