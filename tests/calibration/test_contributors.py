"""Studies with known truth: error rates and power of verdicts pooled over contributors.

A quarter of the machines are noisy VMs, the effect differs by 1 % between machines, a machine has
two to five process runs a version and lacks a fifth of the cells; a tenth of the cells changed by 3
or 5 %. Run with `-s` to see the figures.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from tests.calibration.generator import HEAVY, NASTY, SESSION, TYPICAL, Community, Noise, community

CELLS = 300
STUDIES = 25
STEPS = [0.03, 0.05]
FAR_APART = replace(TYPICAL, sitting_sd=0.02)
TYPICALLY = Community(contributors=8)


@dataclass(frozen=True)
class _Figures:
    """What the verdicts did over all studies, as shares."""

    false_discoveries: float
    power: dict[float, float]
    covered: float
    null: float
    """Unchanged cells with p <= .05."""
    predicted: float
    """Intervals for one more machine that hold its effect."""
    screened: float
    """Effects dropped as outliers, of those measured."""


@cache
def _figures(who: Community) -> _Figures:
    effects, found = [], []
    for study in range(STUDIES):
        rng = np.random.default_rng([who.contributors, study])
        size = rng.choice(STEPS, CELLS) * rng.choice([-1, 1], CELLS)
        effects.append(np.where(rng.random(CELLS) < 0.1, size, 0.0))
        found.append(community(rng, who, effects[-1]))
    called = [np.isin(f.verdict, ["faster", "slower"]) for f in found]
    false = [(c & (e == 0)).sum() / max(c.sum(), 1) for e, c in zip(effects, called, strict=True)]
    effect, call = np.concatenate(effects), np.concatenate(called)
    low, high, p = (np.concatenate([getattr(f, n) for f in found]) for n in ("low", "high", "p"))
    known = np.isfinite(p) & (np.concatenate([f.contributors for f in found]) > 2)
    onward = effect + np.random.default_rng(who.contributors).normal(0, who.tau, effect.size)
    first = np.concatenate([f.prediction_low for f in found])
    last = np.concatenate([f.prediction_high for f in found])
    return _Figures(
        false_discoveries=float(np.mean(false)),
        power={step: float(call[np.abs(effect) == step].mean()) for step in STEPS},
        covered=float(((low <= effect) & (effect <= high))[known].mean()),
        predicted=float(((first <= onward) & (onward <= last))[known].mean()),
        null=float((p[known & (effect == 0)] <= 0.05).mean()),
        screened=float(np.mean([f.screened.mean() for f in found])) / (1 - who.missing),
    )


def _report(name: str, who: Community) -> _Figures:
    found = _figures(who)
    power = "/".join(f"{share:.0%}" for share in found.power.values())
    print(  # noqa: T201 (for `pytest -s`)
        f"{name}, {who.contributors} contributors: FDR {found.false_discoveries:.2%}, "
        f"power 3/5 % {power}, coverage {found.covered:.2%}, unchanged with p <= .05 "
        f"{found.null:.2%}, next machine {found.predicted:.1%}, screened {found.screened:.2%}"
    )
    return found


@pytest.mark.parametrize(
    ("name", "noise", "least"),
    [
        ("typical", TYPICAL, {5: 0.20, 8: 0.85, 15: 0.95}),
        ("heavy tails", HEAVY, {5: 0.35, 8: 0.85, 15: 0.95}),
        ("nasty", NASTY, {5: 0.05, 8: 0.65, 15: 0.90}),
    ],
)
def test_false_discoveries_power_and_coverage(
    name: str, noise: Noise, least: dict[int, float]
) -> None:
    for contributors, power in least.items():
        who = replace(TYPICALLY, contributors=contributors, noise=noise)
        found = _report(name, who)
        assert found.false_discoveries <= 0.06
        assert found.null <= 0.065
        assert found.power[0.05] >= power
        assert found.covered >= 0.935
        assert found.predicted >= 0.94
        assert found.screened <= 0.005


@pytest.mark.parametrize("contributors", [8, 15])
def test_wrong_effects_cost_little_power(contributors: int) -> None:
    """One in twenty is off by 30 %."""
    who = replace(TYPICALLY, contributors=contributors)
    clean, spoilt = _report("clean", who), _report("wrong", replace(who, wrong=0.05))
    assert spoilt.power[0.05] >= clean.power[0.05] - 0.15
    assert spoilt.false_discoveries <= 0.06
    assert spoilt.covered >= 0.935
    assert spoilt.predicted >= 0.94
    assert spoilt.screened >= 0.035


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("one effect everywhere", replace(TYPICALLY, tau=0.0)),
        ("effects that differ by 3 %", replace(TYPICALLY, tau=0.03)),
        ("a sitting each", replace(TYPICALLY, noise=SESSION, interleaved=False)),
        ("sittings that differ by 2 %", replace(TYPICALLY, noise=FAR_APART, interleaved=False)),
        ("half are virtual", replace(TYPICALLY, virtual=0.5)),
        ("three contributors", replace(TYPICALLY, contributors=3)),
    ],
)
def test_error_rates_hold_in_other_communities(name: str, who: Community) -> None:
    found = _report(name, who)
    assert found.false_discoveries <= 0.06
    assert found.null <= 0.065
    assert found.covered >= 0.935
