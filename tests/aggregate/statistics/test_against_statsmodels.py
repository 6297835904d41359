"""Special cases in which statsmodels computes the same."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import ttost_ind  # type: ignore[import-untyped]
from tests.aggregate.statistics.comparing import compare

from hfbench_aggregate.statistics import pool_contributors
from hfbench_aggregate.statistics.discovery import false_discovery_rate, holm


def _nine_cells(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one cell too few for anything to be borrowed, and no outliers."""
    rng = np.random.default_rng(seed)
    variance = rng.uniform(1e-5, 2e-4, (9, 6))
    return rng.normal(0.03, 0.01, (9, 1)) + rng.uniform(-0.03, 0.03, (9, 6)), variance


@pytest.mark.parametrize("seed", range(3))
def test_random_effects_of_dersimonian_and_laird_with_modified_knapp_and_hartung(seed: int) -> None:
    theta, variance = _nine_cells(seed)
    found = pool_contributors(theta, variance)
    assert not found.screened.any()
    scales = []
    for cell in range(9):
        wanted = combine_effects(theta[cell], variance[cell], method_re="dl")
        # statsmodels lets tau^2 be negative; without heterogeneity its fixed effect is meant.
        kind = "re" if wanted.tau2 > 0 else "fe"
        mean, plain, scale = (
            getattr(wanted, name + kind) for name in ("mean_effect_", "sd_eff_w_", "scale_hksj_")
        )
        assert found.theta[cell] == pytest.approx(mean)
        assert found.tau_squared[cell] == pytest.approx(max(wanted.tau2, 0), abs=1e-15)
        assert found.se[cell] == pytest.approx(plain * np.sqrt(max(scale, 1)))
        assert found.p_heterogeneity[cell] == pytest.approx(wanted.test_homogeneity().pvalue)
        scales.append(scale)
    assert min(scales) < 1 < max(scales)


def test_the_interval_is_knapp_and_hartungs_where_all_machines_are_as_precise() -> None:
    theta, _ = _nine_cells(4)
    variance = np.full(theta.shape, 1e-5)
    found = pool_contributors(theta, variance)
    for cell in range(9):
        with pytest.warns(Warning, match="use_t"):
            wanted = combine_effects(theta[cell], variance[cell], method_re="dl", use_t=True)
            frame = wanted.summary_frame()
        low, high = frame.loc["random effect wls", ["ci_low", "ci_upp"]]
        assert wanted.scale_hksj_re >= 1 - 1e-9
        assert (found.low[cell], found.high[cell]) == pytest.approx((low, high))


def test_equivalence_is_ttost() -> None:
    a, b = np.random.default_rng(1).normal(0, 0.02, (2, 9, 6))
    found, margin = compare(a, b), np.log(1.03)
    for cell in range(9):
        wanted = ttost_ind(b[cell], a[cell], -margin, margin, usevar="unequal")[0]
        if not found.unstable_baseline[cell] and not found.unstable_candidate[cell]:
            assert found.p_equivalent[cell] == pytest.approx(wanted)


def test_adjusted_p_values() -> None:
    p = np.random.default_rng(2).uniform(0, 0.1, (5, 40))
    p[0, :3] = p[0, 3]
    for row, adjusted in zip(p, holm(p), strict=True):
        assert adjusted == pytest.approx(multipletests(row, method="holm")[1])
        q = false_discovery_rate(row, np.ones(40, dtype=np.bool_))
        assert q == pytest.approx(multipletests(row, method="fdr_bh")[1])
