"""Two interleaved versions under noise that no procedure was tuned on.

300 cells, a tenth changed by 5 %; process runs are medians of iterations that remember the one
before (see `generator`). What holds everywhere: not too many false positives, false discoveries or
intervals that miss. Under drift within a sitting the test becomes conservative, and loses power, as
interleaving takes the drift out of the difference and not out of the spread. Run with `-s` to see
the figures.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.calibration.generator import (
    BIMODAL,
    DRIFTY,
    HEAVY,
    NASTY,
    TYPICAL,
    Noise,
    process_sd,
    sitting,
)

from hfbench_aggregate.statistics import compare_versions

CELLS = 300
STUDIES = 40
PROFILES = {
    "heavy tails": HEAVY,
    "hardly a variance": replace(TYPICAL, tails=2.2),
    "drift": DRIFTY,
    "everything": NASTY,
    "long memory": replace(TYPICAL, autocorrelation=0.9, iteration_sd=0.05),
    "cells unlike each other": replace(TYPICAL, process_sd=(0.001, 0.1)),
}


def _hold(name: str, noise: Noise, runs: int, ragged: bool) -> None:
    rates, false, covered, power = [], [], [], []
    for seed in range(STUDIES):
        rng = np.random.default_rng([runs, seed, 9])
        a, b = sitting(rng, noise, process_sd(rng, noise, CELLS), runs)
        effect = np.where(rng.random(CELLS) < 0.1, rng.choice([-0.05, 0.05], CELLS), 0.0)
        b = b + effect[:, None]
        for arm in (a, b) if ragged else ():
            arm[np.arange(runs) >= rng.integers(2, runs + 1, (CELLS, 1))] = np.nan
        found = compare_versions(a, b, sitting_sd=0, sittings_baseline=1, sittings_candidate=1)
        tested, called = np.isfinite(found.q), np.isin(found.verdict, ["faster", "slower"])
        rates.append(np.mean(found.p[tested & (effect == 0)] <= 0.05))
        false.append((called & (effect == 0)).sum() / max(called.sum(), 1))
        covered.append(((found.low <= effect) & (effect <= found.high))[tested].mean())
        power.append(called[tested & (effect != 0)].mean())
    print(  # noqa: T201 (for `pytest -s`)
        f"{name}, P={runs}{' or fewer' if ragged else ''}: p <= .05 {np.mean(rates):.2%}, "
        f"FDR {np.mean(false):.2%}, coverage {np.mean(covered):.2%}, power {np.mean(power):.1%}"
    )
    assert np.mean(rates) <= 0.065
    assert np.mean(false) <= 0.08
    assert np.mean(covered) >= 0.935


@pytest.mark.parametrize("name", PROFILES)
def test_error_rates_hold(name: str) -> None:
    _hold(name, PROFILES[name], 5, ragged=False)


@pytest.mark.parametrize(
    ("name", "noise"), [("typical", TYPICAL), ("two modes", BIMODAL), ("everything", NASTY)]
)
def test_error_rates_hold_for_ragged_counts(name: str, noise: Noise) -> None:
    _hold(name, noise, 6, ragged=True)
