"""Power: against what comparisons report, simulation, and plans that cannot be."""

import numpy as np
import pytest
from scipy import stats
from tests.aggregate.statistics.comparing import compare

from hfbench_aggregate.statistics import detectable_effect, process_runs_needed


def test_it_is_what_a_comparison_of_such_arms_reports() -> None:
    arm = np.random.default_rng(1).normal(0, 0.01, (9, 4))
    arm *= 0.01 / arm.std(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(compare(arm, arm).detectable, detectable_effect(0.01, 4))


@pytest.mark.parametrize("sitting_sd", [0.0, 0.004])
def test_the_effect_is_found_four_times_in_five(sitting_sd: float) -> None:
    """With sittings, Welch's df of the process runs alone are a little too many."""
    effect = float(detectable_effect(0.02, 8, sitting_sd=sitting_sd))
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 0.02, (2, 4000, 8)) + rng.normal(0, sitting_sd, (2, 4000, 1))
    t = (b.mean(1) - a.mean(1) + effect) / np.sqrt(
        (a.var(1, ddof=1) + b.var(1, ddof=1)) / 8 + 2 * sitting_sd**2
    )
    assert np.mean(t > stats.t.ppf(0.975, 14)) == pytest.approx(0.80, abs=0.03)


def test_the_process_runs_needed_are_the_least_that_do() -> None:
    sd = np.geomspace(0.001, 0.2, 300)
    sitting_sd = np.where(np.arange(300) % 3 == 0, 0.002, 0.0)
    runs = process_runs_needed(sd, 0.03, sitting_sd=sitting_sd, sittings=2)
    assert (detectable_effect(sd, runs, sitting_sd=sitting_sd, sittings=2) <= 0.03).all()
    more = runs > 3
    fewer = detectable_effect(sd, runs - 1, sitting_sd=sitting_sd, sittings=2)
    assert (fewer[more] > 0.03).all()
    assert more.any()
    assert not more.all()


def test_no_number_helps_against_sittings_that_differ() -> None:
    found = process_runs_needed([0.01, 0.01, np.nan, 0.0], 0.02, sitting_sd=[0.006, 0.004, 0, 0])
    assert found[0] == np.inf  # 2.8 sqrt(2) .006 is more than 2 %
    assert 3 < found[1] < 20
    assert np.isnan(found[2])
    assert found[3] == 3
    assert process_runs_needed(0.01, 0.02, sitting_sd=0.006, sittings=4) < 20


def test_one_process_run_shows_nothing() -> None:
    assert np.isnan(detectable_effect(0.01, [0, 1])).all()
    assert np.isfinite(detectable_effect(0.01, 2))


def test_plans_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        process_runs_needed(0.01, 0.0)
    with pytest.raises(ValueError, match="negative"):
        detectable_effect(-0.01, 5)
    with pytest.raises(ValueError, match="sitting"):
        detectable_effect(0.01, 5, sittings=0)
