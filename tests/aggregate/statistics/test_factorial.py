"""Contrasts of arms against direct computations: Welch, planted effects, sittings, priors."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics.factorial import FamilyFit, effect_coefficients, fit_family

LEVELS = list(product((0, 1), repeat=3))


def fit(x: object, sittings: object = None) -> FamilyFit:
    runs = np.asarray(x, dtype=np.float64)
    numbers = np.zeros(runs.shape, dtype=np.int64) if sittings is None else np.asarray(sittings)
    return fit_family([(runs, numbers)])


def draw(arms: int, runs: int, seed: int = 0) -> np.ndarray:
    """Draw process runs whose arms differ in level and noise."""
    rng = np.random.default_rng(seed)
    return rng.normal(
        rng.normal(0, 1, (arms, 1)), rng.uniform(0.003, 0.03, (arms, 1)), (arms, runs)
    )


@pytest.mark.parametrize("seed", range(5))
def test_two_arms_without_a_prior_are_welchs_test(seed: int) -> None:
    x = draw(2, 3, seed)
    found = fit(x).contrast(0, [-1, 1])
    test = stats.ttest_ind(x[1], x[0], equal_var=False)
    interval = test.confidence_interval()
    assert found.theta == pytest.approx(x[1].mean() - x[0].mean(), abs=1e-12)
    assert found.theta / found.se == pytest.approx(test.statistic)
    assert found.df == pytest.approx(test.df)
    assert found.theta - found.half_width == pytest.approx(interval.low)
    assert found.theta + found.half_width == pytest.approx(interval.high)
    assert found.interleaved


def test_effects_are_what_was_planted() -> None:
    main, triple = [0.4, 0.1, 0.6], 0.03
    pairs: dict[tuple[int, ...], float] = {(0, 1): 0.05, (0, 2): -0.2, (1, 2): 0.0}
    mean = []
    for levels in LEVELS:
        signs = [2 * level - 1 for level in levels]
        value = sum(effect * sign / 2 for effect, sign in zip(main, signs, strict=True))
        value += sum(size * signs[a] * signs[b] / 4 for (a, b), size in pairs.items())
        mean.append(value + triple * signs[0] * signs[1] * signs[2] / 8)
    x = np.array(mean)[:, None] + np.array([-0.01, 0.0, 0.01])
    family = fit(x)
    wanted = pairs | {(0,): 0.4, (1,): 0.1, (2,): 0.6, (0, 1, 2): triple}
    for factors, size in wanted.items():
        found = family.contrast(0, effect_coefficients(LEVELS, factors))
        assert found.theta == pytest.approx(size, abs=1e-12), factors


def test_effects_by_their_definition() -> None:
    """With, less without; and by how much that differs between the other's levels."""
    mean = draw(8, 1)[:, 0]
    y = mean.reshape(2, 2, 2)
    one = np.mean([y[1, b, c] - y[0, b, c] for b in (0, 1) for c in (0, 1)])
    two = np.mean([(y[1, 1, c] - y[0, 1, c]) - (y[1, 0, c] - y[0, 0, c]) for c in (0, 1)])
    parts = [(y[1, 1, c] - y[0, 1, c]) - (y[1, 0, c] - y[0, 0, c]) for c in (0, 1)]
    assert effect_coefficients(LEVELS, [0]) @ mean == pytest.approx(one)
    assert effect_coefficients(LEVELS, [0, 1]) @ mean == pytest.approx(two)
    assert effect_coefficients(LEVELS, [0, 1, 2]) @ mean == pytest.approx(parts[1] - parts[0])


def test_the_error_of_an_effect_over_many_arms() -> None:
    x = draw(8, 3)
    coefficients = effect_coefficients(LEVELS, [0, 1])
    found = fit(x).contrast(0, coefficients)
    parts = coefficients**2 * x.var(axis=1, ddof=1) / 3
    assert found.theta == pytest.approx(coefficients @ x.mean(axis=1))
    assert found.se == pytest.approx(np.sqrt(parts.sum()))
    assert found.df == pytest.approx(parts.sum() ** 2 / np.sum(parts**2 / 2))


def test_ten_arms_lend_each_other_their_noise() -> None:
    x = draw(12, 3)
    family = fit(x)
    d0, s0_squared = family.prior.d0, family.prior.s0_squared
    assert d0 > 0
    found = family.contrast(0, [-1, 1, *[0] * 10])
    df = d0 / 2 + 2
    variance = (d0 / 2 * s0_squared + 2 * x[:2].var(axis=1, ddof=1)) / df
    assert found.se == pytest.approx(np.sqrt(variance.sum() / 3))
    four = family.contrast(0, [-0.5, 0.5, -0.5, 0.5, *[0] * 8])
    variance = (d0 / 4 * s0_squared + 2 * x[:4].var(axis=1, ddof=1)) / (d0 / 4 + 2)
    assert four.se == pytest.approx(np.sqrt(variance.sum() / 12))
    assert fit(x[:9]).prior.d0 == 0


SITTINGS = {
    "balanced": [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]],
    "ragged": [[0, 0, 0, 1], [0, 1, 1, 1], [0, 0, 1, 1]],
    "chained": [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]],
}


@pytest.mark.parametrize("name", SITTINGS)
def test_shifts_of_common_sittings_are_taken_out(name: str) -> None:
    sittings = np.array(SITTINGS[name])
    levels = np.array([0.0, 0.3, -0.2])[:, None]
    noise = np.tile([-1e-3, 1e-3, -1e-3, 1e-3], (3, 1)) * np.array([[1], [2], [3]])
    clean, shifted = (
        fit(levels + noise + np.array(shift)[sittings], sittings)
        for shift in ([0.0, 0.0], [0.0, 5.0])
    )
    found, same = (family.contrast(0, [-1, 1, 0]) for family in (shifted, clean))
    assert found.interleaved
    assert found.theta == pytest.approx(same.theta, abs=1e-9)
    assert found.theta == pytest.approx(0.3, abs=0.005)
    assert (found.se, found.df) == pytest.approx((same.se, same.df))


def test_each_further_sitting_costs_a_degree_of_freedom() -> None:
    x, sittings = draw(4, 6), np.tile([0, 0, 0, 1, 1, 1], (4, 1))
    assert fit(x, sittings).fits[0].moments.df == pytest.approx([5 - 1 / 4] * 4)
    assert fit(x).fits[0].moments.df == pytest.approx([5] * 4)


def test_arms_of_sittings_of_their_own_get_a_term_for_them() -> None:
    x = 5 * draw(2, 3)
    family = fit(x, [[0, 0, 0], [1, 1, 1]])
    found, together = family.contrast(0, [-1, 1]), fit(x).contrast(0, [-1, 1])
    assert not found.interleaved
    assert found.theta == pytest.approx(together.theta)
    assert family.sitting_sd == pytest.approx(np.median(x.std(axis=1, ddof=1)))
    assert found.se**2 == pytest.approx(together.se**2 + 2 * family.sitting_sd**2)


def test_an_outlier_is_pulled_in() -> None:
    x = np.array([[0.0, 0.01, 0.02, 0.03, 0.9], [0.0, 0.01, 0.02, 0.03, 0.04]])
    family = fit(x)
    assert [each.tolist() for each in family.unstable] == [[1, 0]]
    assert abs(family.contrast(0, [-1, 1]).theta) < 0.02


def test_what_cannot_be_told_is_nan() -> None:
    nan = np.nan
    x = [[1.0, nan, nan], [2.0, 2.1, nan], [3.0, 3.0, 3.0], [4.0, 4.0, nan], [nan, nan, nan]]
    family = fit(x)
    alone = family.contrast(0, [-1, 1, 0, 0, 0])
    assert alone.theta == pytest.approx(1.05)
    assert np.isnan([alone.se, alone.half_width]).all()
    equal = family.contrast(0, [0, 0, -1, 1, 0])
    assert equal.theta == pytest.approx(1.0)
    assert np.isnan(equal.se)
    assert np.isnan(family.contrast(0, [-1, 0, 0, 0, 1]).theta)


def test_groups_share_a_family_and_nothing_else() -> None:
    a, b = draw(6, 3, 1), draw(6, 5, 2)
    zeros = [np.zeros(x.shape, dtype=np.int64) for x in (a, b)]
    family = fit_family([(a, zeros[0]), (b, zeros[1] + 1)])
    assert family.prior.d0 > 0
    for number, x in enumerate((a, b)):
        found = family.contrast(number, [-1, 0, 1, 0, 0, 0])
        assert found.theta == pytest.approx(x[2].mean() - x[0].mean(), abs=0.02)
    assert fit_family([]).fits == []
