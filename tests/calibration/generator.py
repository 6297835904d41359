"""Studies with known truth, drawn level by level: machine, sitting, process run, iteration.

Everything is in log time. A `Noise` says how one machine scatters; `sitting` draws what one
sitting on it would give for equal versions; `community` draws contributors whose machines differ
in noise and in the effect, compares the versions on each, and pools them. Named profiles:

- `CLEAN`: process runs differ by .3 to 1 %, and are normal.
- `TYPICAL`: by .3 to 3 %, skewed to the slow side, one in fifty a spike; iterations remember.
- `BIMODAL`: typical, and in every third cell three runs of ten are slower by 4 sd.
- `DRIFTY`: typical, while the machine wanders by 1 % from run to run and slows by 2 %.
- `SESSION`: typical, and sittings differ by .7 %.
- `NASTY`: all of these at once.
- `HEAVY`: typical, yet with the tails of Student's t with 3 degrees of freedom.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from hfbench_aggregate.statistics import (
    MachineGrade,
    PooledComparison,
    centre,
    compare_versions,
    machine_grade,
    pool_contributors,
    pooling_variance,
)

ITERATIONS = 20


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How one machine scatters."""

    process_sd: tuple[float, float] = (0.003, 0.03)
    """Ends of the range of the sd between process runs; log-uniform over cells."""
    skewed: bool = True
    """Process runs are skewed to the slow side, and one in fifty is a spike of 3 sd or so."""
    tails: float = np.inf
    """Degrees of freedom of Student's t in place of the normal part."""
    slow_mode: float = 0.0
    """How likely a process run is 4 sd slow, in every third cell."""
    wander: float = 0.0
    """sd of the step of a random walk from one process run of a cell to the next."""
    drift: float = 0.0
    """How much slower the machine gets in a sitting."""
    sitting_sd: float = 0.0
    """sd between sittings; half of the variance is common to all cells."""
    iteration_sd: float = 0.02
    """sd of iterations about their process run."""
    autocorrelation: float = 0.5
    """Of iterations, from one to the next."""


CLEAN = Noise(process_sd=(0.003, 0.01), skewed=False, iteration_sd=0.005, autocorrelation=0.0)
TYPICAL = Noise()
BIMODAL = replace(TYPICAL, slow_mode=0.3)
DRIFTY = replace(TYPICAL, wander=0.01, drift=0.02)
SESSION = replace(TYPICAL, sitting_sd=0.007)
NASTY = replace(TYPICAL, slow_mode=0.3, wander=0.01, drift=0.02, sitting_sd=0.007)
HEAVY = replace(TYPICAL, tails=3.0)


def process_sd(rng: np.random.Generator, noise: Noise, cells: int) -> np.ndarray:
    """Draw the sd between process runs of each cell."""
    low, high = np.log(noise.process_sd)
    return np.exp(rng.uniform(low, high, cells))


def scatter(rng: np.random.Generator, noise: Noise, shape: tuple[int, ...]) -> np.ndarray:
    """Draw process runs (..., cells, runs) in units of their sd; mean 0 but for spikes, modes."""
    z = rng.standard_normal(shape)
    if np.isfinite(noise.tails):
        z = rng.standard_t(noise.tails, shape) / np.sqrt(noise.tails / (noise.tails - 2))
    if noise.skewed:
        z = 0.95 * z + 0.22 * (rng.gamma(2, size=shape) - 2)
        z += (rng.random(shape) < 0.02) * rng.exponential(3, shape)
    if noise.slow_mode:
        third = (np.arange(shape[-2]) % 3 == 0)[:, None]
        z += 4 * ((rng.random(shape) < noise.slow_mode) & third)
    return z


def sitting(
    rng: np.random.Generator, noise: Noise, sd: np.ndarray, runs: int, versions: int = 2
) -> np.ndarray:
    """Draw x (versions, cells, runs) of one sitting: ABBA blocks, medians of iterations."""
    shape = (versions, sd.size, runs)
    common, own = rng.normal(0, noise.sitting_sd / np.sqrt(2), (2, sd.size, 1))
    x = sd[:, None] * scatter(rng, noise, shape) + common[0] + own
    return np.asarray(x + _machine(rng, noise, shape) + _medians(rng, noise, shape))


def _machine(rng: np.random.Generator, noise: Noise, shape: tuple[int, ...]) -> np.ndarray:
    """Draw what drift and wander add to each process run, in the order they were measured."""
    versions, cells, runs = shape
    walk = np.cumsum(rng.normal(0, noise.wander, (cells, versions * runs)), axis=1)
    walk += noise.drift * np.linspace(0, 1, versions * runs)
    block = np.arange(runs)
    version = np.arange(versions)[:, None]
    place = versions * block + np.where(block % 2, versions - 1 - version, version)
    return np.asarray(walk[:, place].transpose(1, 0, 2))


def _medians(rng: np.random.Generator, noise: Noise, shape: tuple[int, ...]) -> np.ndarray:
    """Draw the error of the median of skewed iterations that remember the one before."""
    step = (rng.gamma(2, size=(*shape, ITERATIONS)) - 2) / np.sqrt(2)
    rho = noise.autocorrelation
    iterations = lfilter([np.sqrt(1 - rho**2)], [1, -rho], step)
    return np.asarray(noise.iteration_sd * np.median(iterations, axis=-1))


@dataclass(frozen=True, kw_only=True)
class Community:
    """Who measured, and how well."""

    contributors: int
    noise: Noise = TYPICAL
    """Of a machine like most; the sd of each differs from it by a factor of about 1.35."""
    virtual: float = 0.25
    """Share of virtual machines, six times as noisy."""
    tau: float = 0.01
    """sd of the effect between machines."""
    runs: tuple[int, int] = (2, 5)
    """Fewest and most process runs a version, one number for each machine."""
    missing: float = 0.2
    """Share of cells that a machine did not measure."""
    wrong: float = 0.0
    """Share of effects that are off by 30 %, either way: another batch size, a throttled clock."""
    interleaved: bool = True
    """Both versions in one sitting; else in one each."""


def community(rng: np.random.Generator, who: Community, effect: np.ndarray) -> PooledComparison:
    """Draw contributors, compare two versions that differ by `effect` (cells,), and pool them."""
    machines = [_machine_effect(rng, who, effect) for _ in range(who.contributors)]
    theta, variance = (np.stack([m[part] for m in machines], axis=1) for part in (0, 1))
    theta += 0.3 * rng.choice([-1, 1], theta.shape) * (rng.random(theta.shape) < who.wrong)
    theta[rng.random(theta.shape) < who.missing] = np.nan
    return pool_contributors(theta, variance, quiet=[m[2] for m in machines])


def _machine_effect(
    rng: np.random.Generator, who: Community, effect: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the effects on one machine, their variances, and whether it has grade A or B."""
    factor = np.exp(rng.normal(0, 0.3)) * (6 if rng.random() < who.virtual else 1)
    sd = factor * process_sd(rng, who.noise, effect.size)
    runs = int(rng.integers(who.runs[0], who.runs[1] + 1))
    if who.interleaved:
        a, b = sitting(rng, who.noise, sd, runs)
    else:
        a, b = (sitting(rng, who.noise, sd, runs, versions=1)[0] for _ in "ab")
    b = b + (effect + rng.normal(0, who.tau, effect.size))[:, None]
    found = compare_versions(a, b, sitting_sd=0, sittings_baseline=1, sittings_candidate=1)
    quiet = machine_grade(centre(a).sd) in (MachineGrade.A, MachineGrade.B)
    return found.theta, pooling_variance(found.se_within, 1, 1), quiet
