"""Studies with known truth: error rates, power and coverage of centres and comparisons.

Noise profiles are those of `generator`, at the level of process runs. Arms are interleaved but
for the study of sittings. Run with `-s` to see the figures.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.calibration.generator import BIMODAL, CLEAN, TYPICAL, process_sd, scatter

from hfbench_aggregate.statistics import (
    VersionComparison,
    centre,
    compare_versions,
    level_sittings,
    sitting_sd,
)

CELLS = 500
STUDIES = 60
PROFILES = {"clean": CLEAN, "typical": TYPICAL, "bimodal": BIMODAL}
LEAST_POWER = {3: 0.35, 5: 0.60, 10: 0.80}


def _noise(rng: np.random.Generator, sd: np.ndarray, runs: int, profile: str) -> np.ndarray:
    """Draw process runs of each cell, of mean 0 before spikes and modes."""
    return np.asarray(sd[:, None] * scatter(rng, PROFILES[profile], (sd.size, runs)))


def _sd(rng: np.random.Generator, profile: str) -> np.ndarray:
    return process_sd(rng, PROFILES[profile], CELLS)


def _studies(
    runs: int, changed: float, profile: str
) -> Iterator[tuple[np.ndarray, VersionComparison]]:
    """Yield the true effects and the comparison of one family after another."""
    for seed in range(STUDIES):
        rng = np.random.default_rng([runs, seed])
        sd = _sd(rng, profile)
        size = rng.choice([0.01, 0.02, 0.03, 0.05], CELLS) * rng.choice([-1, 1], CELLS)
        effect = np.where(rng.random(CELLS) < changed, size, 0.0)
        a, b = (_noise(rng, sd, runs, profile) for _ in "ab")
        yield (
            effect,
            compare_versions(
                a, b + effect[:, None], sitting_sd=0, sittings_baseline=1, sittings_candidate=1
            ),
        )


def _report(figures: str) -> None:
    print(figures)  # noqa: T201 (for `pytest -s`)


def _called(found: VersionComparison) -> np.ndarray:
    return np.isin(found.verdict, ["faster", "slower"])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("runs", [3, 5, 10])
def test_equal_versions_are_called_different_no_more_often_than_said(
    runs: int, profile: str
) -> None:
    comparisons = [found for _, found in _studies(runs, 0.0, profile)]
    rate = np.mean([found.p <= 0.05 for found in comparisons])
    calls = np.mean([_called(found) for found in comparisons])
    families = np.mean([_called(found).any() for found in comparisons])
    _report(
        f"A/A {profile}, P={runs}: p <= .05 {rate:.2%}, cells called {calls:.3%}, in {families:.0%}"
    )
    assert 0.035 <= rate <= 0.065
    assert calls <= 0.001
    assert families <= 0.15


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("runs", [3, 5, 10])
def test_false_discoveries_power_and_coverage(runs: int, profile: str) -> None:
    studies = list(_studies(runs, 0.10, profile))
    false = np.mean([_share(_called(f) & (e == 0), _called(f)) for e, f in studies])
    power = {
        size: np.mean(np.concatenate([_called(f)[np.abs(e) == size] for e, f in studies]))
        for size in (0.02, 0.03, 0.05)
    }
    covered = np.mean([(f.low <= e) & (e <= f.high) for e, f in studies])
    selected = np.concatenate(
        [((f.fcr_low <= e) & (e <= f.fcr_high))[_called(f)] for e, f in studies]
    )
    equal = np.mean(np.concatenate([f.verdict[e == 0] == "equivalent" for e, f in studies]))
    wrong = np.mean(
        np.concatenate([f.verdict[np.abs(e) == 0.05] == "equivalent" for e, f in studies])
    )
    _report(
        f"{profile}, P={runs}: FDR {false:.2%}, power 2/3/5 % "
        + "/".join(f"{share:.1%}" for share in power.values())
        + f", coverage {covered:.2%}, of called {selected.mean():.2%}, "
        f"equal called equivalent {equal:.1%}, 5 % called equivalent {wrong:.2%}"
    )
    assert false <= 0.08
    assert power[0.05] >= LEAST_POWER[runs] or profile == "bimodal"
    assert 0.935 <= covered <= 0.965
    assert selected.mean() >= 0.92
    assert wrong <= 0.05


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """Return the false discovery proportion, 0 where nothing was called."""
    return float(part.sum() / max(whole.sum(), 1))


@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_intervals_of_centres_cover(runs: int) -> None:
    truth = _noise(np.random.default_rng(0), np.ones(1), 1_000_000, "typical").mean()
    hits = []
    for seed in range(STUDIES):
        rng = np.random.default_rng([runs, seed, 1])
        sd = _sd(rng, "typical")
        found = centre(_noise(rng, sd, runs, "typical"))
        hits.append(np.abs(found.centre - truth * sd) <= found.half_width)
    _report(f"centre, P={runs}: coverage {np.mean(hits):.2%}")
    assert 0.935 <= np.mean(hits) <= 0.965


@pytest.mark.parametrize("common", [0.5, 1.0])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 1), (2, 2), (3, 3)])
def test_versions_measured_in_sittings_of_their_own(first: int, second: int, common: float) -> None:
    """Sittings differ by .7 %, a part of the variance common to all cells; six process runs each.

    A tenth of the cells changed by 5 %.
    """
    rates: dict[str, list[float]] = {"with": [], "without": []}
    false = []
    for seed in range(STUDIES):
        rng = np.random.default_rng([first, second, seed, 2])
        sd = _sd(rng, "typical")
        numbers = [np.tile(np.arange(6) % sittings, (CELLS, 1)) for sittings in (first, second)]
        effect = np.where(rng.random(CELLS) < 0.1, rng.choice([-0.05, 0.05], CELLS), 0.0)
        a, b = (
            _noise(rng, sd, 6, "typical") + _shift(rng, sittings, common)[:, own[0]]
            for sittings, own in zip((first, second), numbers, strict=True)
        )
        term = sitting_sd(a, b, numbers[0], numbers[1] + first)
        for name, factor in (("with", 1), ("without", 0)):
            found = compare_versions(
                a,
                b + effect[:, None],
                sitting_sd=factor * term.sd,
                sittings_baseline=term.sittings_baseline,
                sittings_candidate=term.sittings_candidate,
            )
            rates[name].append(float(np.mean(found.p[effect == 0] <= 0.05)))
            false += [_share(_called(found) & (effect == 0), _called(found))] if factor else []
    with_term, without = np.mean(rates["with"]), np.mean(rates["without"])
    _report(
        f"{first}/{second} sittings, {common:.0%} common: unchanged with p <= .05 {with_term:.2%}, "
        f"FDR {np.mean(false):.2%}; p <= .05 without the term {without:.1%}"
    )
    assert with_term <= 0.065
    assert np.mean(false) <= 0.08
    assert without > with_term + 0.02


@pytest.mark.parametrize(("sittings", "most"), [(1, 0.25), (2, 0.10), (7, 0.05)])
def test_sittings_that_differ_by_twice_what_is_assumed(sittings: int, most: float) -> None:
    """By 1 %, all cells together, on a machine whose process runs differ by .5 %.

    No data of one sitting a version can show that; of some more, it mostly does. A fifth of the
    cells changed by 8 %.
    """
    false, assumed = [], 0
    for seed in range(200):
        rng = np.random.default_rng([sittings, seed, 5])
        numbers = np.tile(np.repeat(np.arange(sittings), 5), (200, 1))
        effect = np.where(rng.random(200) < 0.2, 0.08, 0.0)
        a, b = (
            rng.normal(0, 0.005, numbers.shape) + rng.normal(0, 0.01, sittings)[numbers]
            for _ in "ab"
        )
        term = sitting_sd(a, b, numbers, numbers + sittings)
        found = compare_versions(
            a,
            b + effect[:, None],
            sitting_sd=term.sd,
            sittings_baseline=sittings,
            sittings_candidate=sittings,
        )
        false.append(_share(_called(found) & (effect == 0), _called(found)))
        assumed += term.source == "default"
    _report(f"{sittings} sittings: FDR {np.mean(false):.1%}, the sd assumed in {assumed} of 200")
    assert np.mean(false) <= most
    assert sittings > 1 or np.mean(false) > 0.08  # else the limits in docs/method.md say too much


def _interleaved(
    sittings: int, between: float, effect: float, profile: str, seed: int, runs: int = 5
) -> VersionComparison:
    """Compare a family of interleaved sittings with `runs` process runs a version in each.

    The sd between process runs is 1.5 %, that between sittings of a cell `between`; every cell
    differs by `effect` in log time.
    """
    rng = np.random.default_rng([sittings, round(1000 * between), runs, seed, 3])
    numbers = np.tile(np.repeat(np.arange(sittings), runs), (CELLS, 1))
    shift = rng.normal(0, between, (CELLS, sittings))[:, numbers[0]]
    sd = np.full(CELLS, 0.015)
    a, b = (_noise(rng, sd, numbers.shape[1], profile) + shift for _ in "ab")
    level = level_sittings(a, b + effect, numbers, numbers)
    return compare_versions(
        level.baseline,
        level.candidate,
        sitting_sd=0,
        sittings_baseline=sittings,
        sittings_candidate=sittings,
        spent_df=level.spent_df,
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("between", [0.0, 0.05])
def test_interleaved_sittings_of_different_speed(between: float, profile: str) -> None:
    """A further sitting must tell more, whatever shift it brings."""
    powers, widths = [], []
    for sittings in (1, 2, 3):
        equal, changed = (
            [_interleaved(sittings, between, effect, profile, seed) for seed in range(STUDIES)]
            for effect in (0.0, 0.05)
        )
        rate = np.mean([found.p <= 0.05 for found in equal])
        covered = np.mean([(found.low <= 0.05) & (found.high >= 0.05) for found in changed])
        powers.append(np.mean([_called(found) for found in changed]))
        widths.append(np.mean([found.high - found.low for found in equal]) / 2)
        _report(
            f"{profile}, {sittings} interleaved sittings, sd {between:.0%}: p <= .05 {rate:.2%}, "
            f"coverage {covered:.2%}, 5 % found {powers[-1]:.1%}, interval +-{widths[-1]:.2%}"
        )
        assert 0.035 <= rate <= 0.065
        assert 0.935 <= covered <= 0.965
    assert powers == sorted(powers)
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("sittings", "runs"), [(3, 1), (5, 1), (2, 2), (2, 3), (3, 3)])
def test_interleaved_sittings_of_few_process_runs(sittings: int, runs: int) -> None:
    """The shifts take many degrees of freedom here; the prior may err to the safe side."""
    found = [_interleaved(sittings, 0.05, 0.0, "clean", seed, runs) for seed in range(STUDIES)]
    rate = np.mean([each.p <= 0.05 for each in found])
    _report(f"{sittings} interleaved sittings of {runs} process runs: p <= .05 {rate:.2%}")
    assert 0.03 <= rate <= 0.065


def _shift(rng: np.random.Generator, sittings: int, common: float) -> np.ndarray:
    """Draw the shift of each cell in each sitting, of sd .7 %."""
    shared, own = (0.007 * np.sqrt(share) for share in (common, 1 - common))
    return rng.normal(0, shared, sittings) + rng.normal(0, own, (CELLS, sittings))
