"""Power without numpy: quantiles, least effects and numbers of process runs as scipy has them."""

import math

import numpy as np
import pytest
from scipy.stats import nct, t

from hfbench_aggregate.statistics.welch import Effect
from hfbench_schema.power import (
    ALPHA,
    LEAST_PROCESS_RUNS,
    Design,
    detectable,
    detectable_factor,
    parse_change,
    process_runs_needed,
    t_quantile,
)

DEGREES = [1, 1.5, 2, 2.7, 3, 4, 5.5, 8, 18, 40.2, 100, 1000, 9999.5]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [0.01, 0.025, 0.2, 0.51, 0.8, 0.975, 0.99])
def test_quantiles_are_those_of_students_t(probability: float, degrees: float) -> None:
    exact = float(t.ppf(probability, degrees))
    assert t_quantile(probability, degrees) == pytest.approx(exact, rel=1e-9)


def test_what_is_planned_is_what_a_comparison_says_was_detectable() -> None:
    degrees, errors = np.array(DEGREES), np.geomspace(1e-4, 1, len(DEGREES))
    said = Effect(np.zeros(len(DEGREES)), errors, errors, degrees).detectable()
    planned = [detectable(float(error), df) for error, df in zip(errors, DEGREES, strict=True)]
    assert planned == pytest.approx(list(said), rel=1e-9)


@pytest.mark.parametrize(("degrees", "least"), [(4, 0.79), (6, 0.795), (10, 0.799), (200, 0.8)])
def test_the_power_is_the_promised_one(degrees: int, least: float) -> None:
    shift, critical = detectable_factor(degrees), float(t.ppf(1 - ALPHA / 2, degrees))
    found = float(nct.sf(critical, degrees, shift) + nct.cdf(-critical, degrees, shift))
    assert least <= found < 0.802


@pytest.mark.parametrize("process_sd", [0.002, 0.01, 0.02, 0.07])
def test_one_process_run_less_than_needed_is_too_few(process_sd: float) -> None:
    effect = math.log1p(0.03)
    needed = process_runs_needed(process_sd, effect)
    reached = [
        detectable(process_sd * math.sqrt(2 / runs), 2 * (runs - 1)) <= effect
        for runs in (needed - 1, needed)
    ]
    assert reached == [needed == LEAST_PROCESS_RUNS, True]
    assert process_runs_needed(process_sd, effect, most=5) == min(needed, 5)


def test_separate_sittings_have_the_variance_that_a_comparison_will_see() -> None:
    rng = np.random.default_rng(5)
    design = Design(process_runs=12, sittings=3)
    shifts = rng.normal(0, 0.02, (2, 20_000, 3))
    x = np.repeat(shifts, 4, axis=2) + rng.normal(0, 0.01, (2, 20_000, 12))
    seen = x.var(axis=2, ddof=1).mean() * design.of_process + 2 / 3 * 0.02**2
    planned = design.of_process * 0.01**2 + design.of_sitting * 0.02**2
    assert planned == pytest.approx(seen, rel=0.01)
    assert Design(12).of_sitting == 0
    assert Design(12, 1).of_sitting == 2


def test_a_change_is_read_or_refused_with_what_one_looks_like() -> None:
    assert [parse_change(text) for text in ("3%", "2.5 %", "50%")] == [30_000, 25_000, 500_000]
    for text in ("3", "0.03", "-3%", "3%%", "nan%", "٣%"):
        with pytest.raises(ValueError, match="write it as in 3% or"):
            parse_change(text)
    for text in ("0.9%", "51%", "0%"):
        with pytest.raises(ValueError, match="below 1%, and one above 50%"):
            parse_change(text)
