"""Whatever is measured, every public function answers: no exception, no empty verdict, no p of 0.

Inputs are made of gaps, equal timings, timings that nearly agree, and anything between the age of
the universe and no time at all, from no cell to a family that has a prior.
"""

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draws
from hypothesis.extra.numpy import array_shapes, arrays

from hfbench_aggregate import statistics as st
from hfbench_schema.power import Design

NAN = float("nan")
ELEMENTS = draws.one_of(
    draws.sampled_from([NAN, NAN, -3.0, -3.0, -3.0 + 1e-9, -2.99, -2.9, 0.0]),
    draws.floats(-40, 40),
    draws.floats(-1e3, 1e3),
)
VERDICTS = {
    *st.Verdict,
    *st.QualityVerdict,
    *st.SeriesVerdict,
}
Array = npt.NDArray[np.float64]


def _arrays(dimensions: int, most: int = 12) -> draws.SearchStrategy[Array]:
    shapes = array_shapes(min_dims=dimensions, max_dims=dimensions, min_side=0, max_side=most)
    return arrays(np.float64, shapes, elements=ELEMENTS, fill=draws.sampled_from([NAN, -3.0]))


def _check(found: Any) -> None:
    """Hold every result to what its figures may be."""
    figures = {f.name: np.asarray(getattr(found, f.name)) for f in fields(found)}
    for name, values in figures.items():
        if name in ("p", "q", "p_equivalent", "p_heterogeneity", "q_heterogeneity", "p_point"):
            known = values[~np.isnan(values)]
            assert ((known > 0) & (known <= 1)).all(), name
        if name in ("se", "half_width", "sd", "tau_squared", "detectable"):
            assert (values[~np.isnan(values)] >= 0).all(), name
    if "verdict" in figures:
        assert set(figures["verdict"].tolist()) <= VERDICTS
    if "low" in figures and "theta" in figures:
        low, high = figures["low"], figures["high"]
        np.testing.assert_array_equal(np.isnan(low), np.isnan(high))
        known = ~np.isnan(low)
        assert (low[known] <= figures["theta"][known]).all()
        assert (figures["theta"][known] <= high[known]).all()


def _other(x: Array, seed: int) -> Array:
    """Return an arm of the same cells, of another width, shuffled."""
    rng = np.random.default_rng(seed)
    wide = np.hstack([x, x[:, : x.shape[1] // 2]])
    return np.asarray(rng.permuted(wide, axis=1))


@settings(max_examples=60, deadline=None)
@given(x=_arrays(2), seed=draws.integers(0, 99))
def test_arrays_of_process_runs(x: Array, seed: int) -> None:
    other = _other(x, seed)
    _check(st.centre(x))
    st.machine_grade(st.centre(x).sd)
    for sitting_sd in (0.0, 0.01):
        found = st.compare_versions(
            x, other, sitting_sd=sitting_sd, sittings_baseline=1, sittings_candidate=1
        )
        _check(found)
        few = np.minimum((~np.isnan(x)).sum(axis=1), (~np.isnan(other)).sum(axis=1)) < 3
        np.testing.assert_array_equal(found.verdict == st.Verdict.INSUFFICIENT, few)
        _check(st.suite_index(found.theta, found.se, found.df))
        st.sitting_shift(found.theta)
        st.one_sidedness(found.verdict)
    _check(st.compare_quality(x, other, 1043))
    _check(st.mean_scores(x, 1043))
    _check(st.change_points(x))
    st.aa_rate(st.split_half_p(x))


@settings(max_examples=60, deadline=None)
@given(theta=_arrays(2), seed=draws.integers(0, 99))
def test_effects_of_contributors(theta: Array, seed: int) -> None:
    rng = np.random.default_rng(seed)
    se = rng.choice([NAN, 0.0, 1e-9, 0.01, 10.0], theta.shape)
    quiet = rng.random(theta.shape[1]) < 0.6
    for variance in (se**2, st.pooling_variance(se, 1, 1)):
        found = st.pool_contributors(theta, variance, quiet=quiet)
        _check(found)
        few = found.contributors < 3
        np.testing.assert_array_equal(found.verdict == st.Verdict.INSUFFICIENT, few)
    st.contributor_flags(theta)


@settings(max_examples=40, deadline=None)
@given(x=_arrays(2), seed=draws.integers(0, 99))
def test_what_looks_wrong(x: Array, seed: int) -> None:
    started = np.random.default_rng(seed).choice([NAN, 0.0, 1.0, 500.0], x.shape)
    assert 0 < st.drift(x, started).p <= 1
    st.stuck_runs(x)
    st.smoothness(np.abs(x)[..., None].repeat(12, axis=-1))
    st.winsorise(x)


@settings(max_examples=40, deadline=None)
@given(x=_arrays(3, most=6))
def test_leaderboards(x: Array) -> None:
    for found in (st.rank_entries(x), st.rank_suite(x.reshape(len(x), x.shape[1] * x.shape[2]))):
        assert (found.low[found.ranked] >= 1).all()
        assert (found.low <= found.high).all()
        assert not found.low[~found.ranked].any()


@settings(max_examples=40, deadline=None)
@given(x=_arrays(2), other=_arrays(2), seed=draws.integers(0, 99))
def test_sittings(x: Array, other: Array, seed: int) -> None:
    rng, cells = np.random.default_rng(seed), min(len(x), len(other))
    a, b = x[:cells], other[:cells]
    numbers = [rng.integers(0, 3, arm.shape) for arm in (a, b)]
    term = st.sitting_sd(a, b, *numbers)
    assert np.isfinite(term.sd).all()
    level = st.level_sittings(a, b, *numbers)
    _check(
        st.compare_versions(
            level.baseline,
            level.candidate,
            sitting_sd=term.sd,
            sittings_baseline=term.sittings_baseline,
            sittings_candidate=term.sittings_candidate,
            spent_df=level.spent_df,
        )
    )


@settings(max_examples=40, deadline=None)
@given(sd=arrays(np.float64, 6, elements=draws.floats(0, 1e3) | draws.just(NAN)))
def test_plans(sd: Array) -> None:
    few, many = st.least_effects([Design(3, 1), Design(10, 1)], sd, 0.001, 0.0)
    known = ~np.isnan(sd)
    assert (few[known] > many[known]).all()
    assert (many[known] > 0).all()
    assert np.isnan(few[~known]).all()


@pytest.mark.parametrize("counts", [(3, 1000), (1000, 3), (1, 1000), (0, 1000)])
def test_wildly_unequal_counts(counts: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.normal(0, 0.01, (30, 1000)) for _ in "ab")
    a[:, counts[0] :], b[:, counts[1] :] = np.nan, np.nan
    found = st.compare_versions(a, b, sitting_sd=0, sittings_baseline=1, sittings_candidate=1)
    _check(found)
    assert (found.verdict == "insufficient").all() == (min(counts) < 3)
