"""Change points of series with known truth.

A machine has 200 cells with an sd between process runs of .3 to 1 %, log-uniform, five process
runs a version, and sittings, one a version, that differ by .5 %, half of it common to all
cells. Half of the cells change once, by 1, 2, 3 or 5 % either way, at a version that leaves two
on each side. Run with `-s` to see the figures (2 s in all).
"""

import numpy as np
import pytest

from hfbench_aggregate.statistics.change_points import ChangePoints, change_points

MACHINES = 15
CELLS = 200
STEPS = [0.01, 0.02, 0.03, 0.05]


def _machine(
    versions: int, seed: int, glitches: float
) -> tuple[np.ndarray, np.ndarray, ChangePoints]:
    """Return where each cell changed, 0 for nowhere, by how much, and what was found."""
    rng = np.random.default_rng([versions, seed])
    sd = np.exp(rng.uniform(np.log(0.003), np.log(0.01), (CELLS, 1)))
    x = sd / np.sqrt(5) * rng.standard_normal((CELLS, versions))
    part = 0.005 / np.sqrt(2)
    x += rng.normal(0, part, versions) + rng.normal(0, part, x.shape)
    x += 0.03 * (rng.random(x.shape) < glitches)
    truth = np.where(rng.random(CELLS) < 0.5, rng.integers(2, versions - 1, CELLS), 0)
    step = rng.choice(STEPS, CELLS) * rng.choice([-1, 1], CELLS)
    x += np.where((truth > 0)[:, None] & (np.arange(versions) >= truth[:, None]), step[:, None], 0)
    return truth, step, change_points(x)


@pytest.mark.parametrize("glitches", [0.0, 0.02])
@pytest.mark.parametrize(("versions", "least"), [(8, 0.5), (12, 0.6), (20, 0.75), (30, 0.75)])
def test_null_alarms_and_recall(versions: int, least: float, glitches: float) -> None:
    alarms, raw, hits, false, covered = [], [], [], [], []
    for seed in range(MACHINES):
        truth, step, found = _machine(versions, seed, glitches)
        alarms.append(np.mean(found.verdict[truth == 0] == "changed"))
        raw.append(np.mean(found.p[truth == 0] <= 0.05))
        near = np.abs(found.version - truth[found.cell]) <= 1
        hits.append(np.mean(np.isin(np.flatnonzero(truth), found.cell[near])))
        false.append(np.sum(~near | (truth[found.cell] == 0)) / CELLS)
        theta = step[found.cell]
        covered.extend(((found.low <= theta) & (theta <= found.high))[near])
    print(  # noqa: T201 (for `pytest -s`)
        f"T={versions}, glitches {glitches:.0%}: null alarm {np.mean(alarms):.2%}, "
        f"p <= .05 {np.mean(raw):.2%}, recall {np.mean(hits):.1%}, "
        f"false points {np.mean(false):.3f} a cell, coverage {np.mean(covered):.1%}"
    )
    assert np.mean(alarms) <= 0.05
    assert np.mean(raw) <= 0.07
    assert np.mean(hits) >= (least if not glitches else least - 0.15)
    assert np.mean(false) <= 0.06
