"""What a plan promises is what a comparison of such data says it could have detected."""

import math

import numpy as np
import pytest

from hfbench_aggregate.statistics import SittingSource, compare_versions, level_sittings
from hfbench_aggregate.statistics.planning import first_within, least_effects, process_noise
from hfbench_aggregate.statistics.sitting import replicate_sitting_sd
from hfbench_schema.power import Design

CELLS = 3000


def simulated(sd: float, sitting_sd: float, runs: int, sittings: int, seed: int) -> np.ndarray:
    """Draw process runs of one version, shape (cells, runs), the sittings one after another."""
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, sitting_sd, (CELLS, sittings))
    return np.repeat(shifts, runs // sittings, axis=1) + rng.normal(0, sd, (CELLS, runs))


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_an_interleaved_plan_is_what_the_comparison_sees(runs: int) -> None:
    a, b = (simulated(0.02, 0.0, runs, 1, seed) for seed in (1, 2))
    found = compare_versions(a, b, sitting_sd=0, sittings_baseline=1, sittings_candidate=1)
    noise = process_noise(np.concatenate([a, b]), np.tile(np.arange(CELLS), 2), CELLS)
    (planned,) = least_effects([Design(runs)], noise.sd, 0.0, noise.prior_df)
    assert np.median(noise.sd) == pytest.approx(0.02, rel=0.03)
    assert np.median(planned / found.detectable) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("sittings", "runs"), [(1, 10), (2, 8), (4, 12)])
def test_a_plan_of_separate_sittings_is_what_the_comparison_sees(sittings: int, runs: int) -> None:
    a, b = (simulated(0.02, 0.01, runs, sittings, seed) for seed in (3, 4))
    found = compare_versions(
        a, b, sitting_sd=0.01, sittings_baseline=sittings, sittings_candidate=sittings
    )
    (planned,) = least_effects([Design(runs, sittings)], np.full(CELLS, 0.02), 0.01, 10.0)
    assert np.median(found.detectable) == pytest.approx(planned[0], rel=0.03)


def test_a_plan_of_few_cells_finds_the_change_as_often_as_it_promises() -> None:
    noise, effect = np.full(1, 0.02), math.log1p(0.03)
    designs = [Design(runs) for runs in range(3, 30)]
    place = int(first_within(least_effects(designs, noise, 0.0, 0.0), effect)[0])
    runs = designs[place].process_runs
    a, b = (simulated(0.02, 0.0, runs, 1, seed) for seed in (5, 6))
    level = level_sittings(a, b + effect, np.zeros(a.shape, int), np.zeros(a.shape, int))
    seen = [
        compare_versions(
            level.baseline[i : i + 9], level.candidate[i : i + 9],
            sitting_sd=0, sittings_baseline=1, sittings_candidate=1,
        ).p
        < 0.05
        for i in range(0, CELLS, 9)
    ]  # fmt: skip
    assert 0.78 < np.concatenate(seen).mean() < 0.86


def test_what_differs_between_sittings_and_versions_is_no_spread_of_process_runs() -> None:
    x = simulated(0.01, 0.5, 12, 3, seed=7).reshape(CELLS * 3, 4)
    noise = process_noise(x, np.repeat(np.arange(CELLS), 3), CELLS)
    assert np.median(noise.sd) == pytest.approx(0.01, rel=0.05)
    assert set(noise.df) == {9.0}


def test_what_is_unknown_is_not_made_up() -> None:
    x = np.array([[1.0, np.nan], [2.0, 2.0], [3.0, 3.1]])
    few = process_noise(x, [0, 1, 2], 4)
    assert np.isnan(few.sd).tolist() == [True, True, False, True]
    effects = least_effects([Design(5)], few.sd, 0.0, few.prior_df)
    assert first_within(effects, 1.0).tolist() == [-1, -1, 0, -1]
    many = process_noise(simulated(0.01, 0.0, 4, 1, seed=8), np.arange(CELLS), CELLS + 1)
    assert many.prior_df == 10
    assert np.isnan(many.sd[-1])
    empty = process_noise(np.empty((0, 0)), [], 2)
    assert np.isnan(empty.sd).all()


def test_sittings_are_learnt_from_any_number_of_versions() -> None:
    numbers = np.repeat([0, 1, 2], 4)
    sittings = np.tile(numbers, (CELLS, 1))
    arms = [(simulated(0.01, 0.02, 12, 3, seed), sittings) for seed in range(3)]
    sd, source = replicate_sitting_sd(arms)
    assert source is SittingSource.ESTIMATED
    assert sd == pytest.approx(0.02, rel=0.05)
    # In one sitting each, the median sd of four process runs is what there is to assume.
    sd, source = replicate_sitting_sd([(x[:, :4], s[:, :4]) for x, s in arms])
    assert source is SittingSource.DEFAULT
    assert sd == pytest.approx(0.0089, rel=0.02)
