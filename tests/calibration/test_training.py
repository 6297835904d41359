"""Studies with known truth: quality over seeds, and the factors of a training.

Scores scatter over seeds by .7 points and count whole examples of 1,043. Times are skewed to the
slow side, one process run in fifty is a spike, and arms differ tenfold in their noise. Run with
`-s` to see the figures.
"""

from itertools import product

import numpy as np
import pytest

from hfbench_aggregate.statistics.factorial import FamilyFit, effect_coefficients, fit_family
from hfbench_aggregate.statistics.quality import QualityComparison, compare_quality

TASKS = 4000
EXAMPLES = 1043
STUDIES = 300
LEVELS = list(product((0, 1), repeat=3))


def _scores(
    seeds: int, difference: float, sd: float = 0.7, examples: int = EXAMPLES
) -> QualityComparison:
    rng, step = np.random.default_rng([seeds, examples]), 100 / examples
    mean = rng.uniform(70, 90, (TASKS, 1))
    a, b = (
        np.round((mean + d + sd * rng.standard_normal((TASKS, seeds))) / step) * step
        for d in (0, difference)
    )
    return compare_quality(a, b, np.full(TASKS, examples))


def _report(figures: str) -> None:
    print(figures)  # noqa: T201 (for `pytest -s`)


@pytest.mark.parametrize("seeds", [3, 4, 5, 10])
def test_equal_arms_are_called_different_no_more_often_than_said(seeds: int) -> None:
    found = _scores(seeds, 0)
    rate = np.mean(found.p <= 0.05)
    called = np.mean(np.isin(found.verdict, ["better", "worse"]))
    _report(f"quality A/A, {seeds} seeds: p <= .05 {rate:.2%}, called {called:.3%}")
    assert 0.025 <= rate <= 0.06
    assert called <= 0.001


@pytest.mark.parametrize(("seeds", "least"), [(3, 0.17), (4, 0.30), (5, 0.45), (10, 0.80)])
def test_a_point_is_seen_as_often_as_said_and_seldom_called_equal(seeds: int, least: float) -> None:
    found = _scores(seeds, 1)
    power = np.mean(found.p <= 0.05)
    covered = np.mean((found.low <= 1) & (found.high >= 1))
    equal = np.mean(found.verdict == "equivalent")
    _report(
        f"quality, {seeds} seeds, 1 point apart: power {power:.1%}, coverage {covered:.2%}, "
        f"called equivalent {equal:.2%}"
    )
    assert power >= least
    assert 0.94 <= covered <= 0.975
    assert equal <= 0.055


def test_four_seeds_detect_what_they_say() -> None:
    """2.4 seed-sd at four seeds, 80 % power."""
    said = np.median(_scores(4, 0).detectable)
    power = np.mean(_scores(4, float(said)).p <= 0.05)
    _report(f"quality, 4 seeds: detectable {said:.2f} points, found {power:.1%}")
    assert 0.72 <= power <= 0.86


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.5, 1.0])
def test_seeds_that_hardly_scatter_are_no_false_certainty(spread: float) -> None:
    """A latent spread of a part of one example, at four seeds."""
    rate = np.mean(_scores(4, 0, spread * 100 / 512, 512).p <= 0.05)
    _report(f"quality A/A, spread {spread} examples: p <= .05 {rate:.2%}")
    assert rate <= 0.06


def _family(groups: int, runs: int, sittings: int, seed: int) -> FamilyFit:
    """Fit arms that are all alike; sittings shift all arms of a group by 3 %."""
    rng, found = np.random.default_rng([groups, runs, sittings, seed]), []
    for _ in range(groups):
        sd = np.exp(rng.uniform(np.log(0.003), np.log(0.03), (8, 1)))
        numbers = np.tile(np.repeat(np.arange(sittings), runs), (8, 1))
        skewed = 0.95 * rng.standard_normal(numbers.shape)
        skewed += 0.22 * (rng.gamma(2, size=numbers.shape) - 2)
        spike = (rng.random(numbers.shape) < 0.02) * rng.exponential(3, numbers.shape)
        shift = rng.normal(0, 0.03 if sittings > 1 else 0, sittings)[numbers]
        found.append((sd * (skewed + spike) + shift, numbers))
    return fit_family(found)


@pytest.mark.parametrize(
    ("groups", "runs", "sittings"), [(1, 3, 1), (1, 4, 1), (4, 4, 1), (1, 4, 2)]
)
def test_intervals_of_effects_and_speed_ups_cover(groups: int, runs: int, sittings: int) -> None:
    """One group of eight arms has no prior; four have one."""
    wanted = {
        "main effect": effect_coefficients(LEVELS, [0]),
        "interaction": effect_coefficients(LEVELS, [0, 1]),
        "of three": effect_coefficients(LEVELS, [0, 1, 2]),
        "speed-up": np.array([-1, 0, 0, 0, 0, 0, 0, 1]),
    }
    hits: dict[str, list[bool]] = {name: [] for name in wanted}
    for seed in range(STUDIES):
        family = _family(groups, runs, sittings, seed)
        for (name, coefficients), group in product(wanted.items(), range(groups)):
            found = family.contrast(group, coefficients)
            hits[name].append(abs(found.theta) <= found.half_width)
    covered = {name: float(np.mean(held)) for name, held in hits.items()}
    _report(
        f"{groups} groups, {runs} process runs in {sittings} sittings: coverage "
        + ", ".join(f"{name} {share:.1%}" for name, share in covered.items())
    )
    assert all(0.915 <= share <= 0.985 for share in covered.values()), covered
