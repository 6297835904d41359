"""Quality against scipy, published figures, and the order of verdicts."""

import numpy as np
import pytest
from scipy import stats

from hfbench_aggregate.statistics.quality import QualityComparison, compare_quality, mean_scores

MANY = 1_000_000  # examples: rounding to whole ones is then nothing


def compare(baseline: object, arm: object, examples: object = MANY) -> QualityComparison:
    return compare_quality(np.asarray(baseline), np.asarray(arm), np.asarray(examples))


def around(mean: float, sd: float, seeds: int = 4) -> np.ndarray:
    """Return scores of exactly this mean and sd."""
    z = np.linspace(-1, 1, seeds)
    return np.asarray(mean + sd * z / z.std(ddof=1))


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 4), (4, 7), (10, 3)])
def test_it_is_welchs_test(n: int, m: int) -> None:
    rng = np.random.default_rng([n, m])
    a, b = rng.normal(80, 0.7, n), rng.normal(81, 1.4, m)
    found = compare([a], [b])
    test = stats.ttest_ind_from_stats(
        b.mean(), b.std(ddof=1), m, a.mean(), a.std(ddof=1), n, equal_var=False
    )
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
    assert found.p[0] == pytest.approx(test.pvalue)
    assert found.difference[0] == pytest.approx(b.mean() - a.mean())
    assert (found.low[0], found.high[0]) == pytest.approx((interval.low, interval.high))
    below = stats.ttest_ind(b + 1, a, equal_var=False, alternative="greater").pvalue
    above = stats.ttest_ind(b - 1, a, equal_var=False, alternative="less").pvalue
    assert found.p_equivalent[0] == pytest.approx(max(below, above))
    se, df = abs(b.mean() - a.mean()) / abs(test.statistic), found.df[0]
    reach = stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)
    assert found.detectable[0] == pytest.approx(reach * se)


def test_the_figures_of_the_transformers_readme_are_no_evidence() -> None:
    """MRPC, fp32 against AMP, three runs each, on a Titan V."""
    found = compare([[84.38, 82.81, 83.33]], [[82.81, 85.68, 84.11]])
    assert found.difference[0] == pytest.approx(0.69, abs=0.01)
    assert (found.low[0], found.high[0]) == pytest.approx((-2.26, 3.65), abs=0.01)
    assert found.p[0] == pytest.approx(0.52, abs=0.005)
    assert found.verdict.tolist() == ["inconclusive"]


@pytest.mark.parametrize(
    ("sd", "p", "reach"), [(0.3, 0.11, 0.5), (0.5, 0.30, 0.9), (0.7, 0.45, 1.2)]
)
def test_four_seeds_do_not_tell_820_from_824(sd: float, p: float, reach: float) -> None:
    found = compare([around(82.0, sd)], [around(82.4, sd)])
    assert found.p[0] == pytest.approx(p, abs=0.005)
    assert found.high[0] - found.difference[0] == pytest.approx(reach, abs=0.05)
    assert found.verdict[0] not in ("better", "worse")


def test_the_order_of_verdicts() -> None:
    nan = np.nan
    base = [*around(80, 0.2)]
    arms = {
        "better": around(82, 0.2),
        "worse": around(78, 0.2),
        "equivalent": around(80.1, 0.2),
        "inconclusive": around(80.9, 1.0),
        "insufficient": np.array([90.0, 90.1, nan, nan]),
    }
    found = compare([base] * 5, [*arms.values()])
    assert found.verdict.tolist() == [*arms]
    assert np.isnan(found.q).tolist() == [False] * 4 + [True]
    assert found.low[4] > 0  # figures are shown all the same
    # A difference that is certain is one, however small.
    assert compare([around(80, 0.02)], [around(80.3, 0.02)]).verdict.tolist() == ["better"]


def test_q_is_benjamini_and_hochbergs_over_what_has_seeds_enough() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(80, 1, (6, 4)), rng.normal(81, 1, (6, 4))
    b[2, 2:] = np.nan
    found = compare(a, b)
    tested = np.array([True, True, False, True, True, True])
    wanted = stats.false_discovery_control(found.p[tested])
    assert found.q[tested] == pytest.approx(wanted)
    assert np.isnan(found.q[2])
    assert found.seeds_arm.tolist() == [4, 4, 2, 4, 4, 4]


def test_seeds_that_all_agree_are_not_certainty() -> None:
    """The floor is the variance of rounding to one of 512 examples, 100 / 512 points."""
    step = 100 / 512
    same = [90 * step] * 4
    found = compare([same, same, same], [same, [91 * step] * 4, [80 * step] * 4], [512] * 3)
    se = step * np.sqrt(2 / 12 / 4)
    assert found.high[0] == pytest.approx(stats.t.ppf(0.975, 6) * se)
    assert found.p[1] == pytest.approx(2 * stats.t.sf(step / se, 6))
    assert found.verdict.tolist() == ["equivalent", "better", "worse"]
    assert np.isfinite(found.p).all()
    mean = mean_scores([same, [*around(90, 0.7)], [90.0, *[np.nan] * 3]], 512)
    assert mean.floored.tolist() == [True, False, False]
    assert mean.half_width[0] == pytest.approx(stats.t.ppf(0.975, 3) * step / np.sqrt(12 * 4))
    assert np.isnan(mean.half_width[2])


def test_few_examples_make_coarse_scores() -> None:
    """With 16 examples a step is 6 points: equal scores show no equality within one."""
    same = [75.0] * 4
    assert compare([same], [same], [16]).verdict.tolist() == ["inconclusive"]


def test_the_interval_of_a_mean_is_students() -> None:
    scores = np.array([80.1, 80.9, 79.6, 80.2])
    found = mean_scores([scores], MANY)
    interval = stats.t.interval(0.95, 3, scores.mean(), stats.sem(scores))
    assert found.mean[0] - found.half_width[0] == pytest.approx(interval[0])
    assert found.seeds.tolist() == [4]


def test_nothing_in_nothing_out() -> None:
    none = np.empty((0, 0))
    assert compare_quality(none, none, np.empty(0)).verdict.shape == (0,)
    with pytest.raises(ValueError, match="2 tests of the baseline, 1 of the arm"):
        compare(np.zeros((2, 3)), np.zeros((1, 3)))
