"""Power: which change so many process runs show, and how many process runs a change needs.

One formula for the client, which has no numpy, and for the aggregator, which plans with it. All
effects are natural logarithms of a ratio of times.
"""

import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import Final

ALPHA: Final = 0.05
"""Level of every test."""
POWER: Final = 0.8
"""How often a change is found that counts as detectable: the convention since Cohen (1988)."""
LEAST_EFFECT: Final = 0.01
"""No verdict calls a smaller change, so that nothing is planned for one."""
LARGEST_CHANGE: Final = 0.5
LEAST_PROCESS_RUNS: Final = 3
"""Process runs that a verdict needs of each version."""
PPM: Final = 1_000_000
_CHANGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?) ?%")
_PRECISION: Final = 1e-13


@dataclass(frozen=True)
class Design:
    """How two versions are measured: `process_runs` of each, over all of its sittings.

    `sittings` is how many each version has of its own; 0 if both are interleaved in one.
    """

    process_runs: int
    sittings: int = 0

    def degrees(self, prior_df: float = 0.0) -> float:
        """Return the degrees of freedom of the comparison, d0 + 2 (P - 1).

        Args:
            prior_df: d0, what a prior on the variance is worth.
        """
        return prior_df + 2 * (self.process_runs - 1)

    @property
    def of_process(self) -> float:
        """How often the variance between process runs is in that of the difference: 2 / P."""
        return 2 / self.process_runs

    @property
    def of_sitting(self) -> float:
        """How often the variance between sittings is in it: 0 if interleaved.

        2 / R for R sittings a version, and 2 / P (P - P / R) / (P - 1) for what their shifts add to
        the spread that the comparison sees between process runs.
        """
        if not self.sittings:
            return 0.0
        runs, each = self.process_runs, self.process_runs / self.sittings
        return 2 / self.sittings + self.of_process * (runs - each) / (runs - 1)


def detectable(standard_error: float, degrees: float) -> float:
    """Return the least effect that one test at level ALPHA finds with power POWER.

    (t_{1 - ALPHA / 2, df} + t_{POWER, df}) SE: takes the noncentral t distribution for a shifted
    central one. The true power at that effect is 79 % with 4 degrees of freedom, 80 % from 10 on.

    Args:
        standard_error: of the difference of the mean logs of two versions.
        degrees: its degrees of freedom, more than 0; a fraction where variances are moderated.
    """
    return detectable_factor(degrees) * standard_error


def detectable_factor(degrees: float) -> float:
    """Return by how many standard errors an effect must differ from 0 to be detectable."""
    return t_quantile(1 - ALPHA / 2, degrees) + t_quantile(POWER, degrees)


def process_runs_needed(process_sd: float, effect: float, most: int = 10_000) -> int:
    """Return the process runs that each of two interleaved versions needs; `most` if more.

    At least LEAST_PROCESS_RUNS.

    Args:
        process_sd: standard deviation of log times between process runs, of both versions.
        effect: the least one to be detected, a logarithm.
        most: where to stop looking.
    """

    def is_enough(process_runs: int) -> bool:
        design = Design(process_runs)
        error = process_sd * math.sqrt(design.of_process)
        return detectable(error, design.degrees()) <= effect

    counts = range(LEAST_PROCESS_RUNS, most)
    return LEAST_PROCESS_RUNS + bisect_left(counts, True, key=is_enough)


def parse_change(text: str) -> int:
    """Return a change in parts per million, as in 30,000 for `3%`.

    Raises:
        ValueError: the text is no such change, or one that no verdict would call.
    """
    found = _CHANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no change; write it as in 3% or 2.5%")
    ppm = round(float(found[1]) / 100 * PPM)
    if not LEAST_EFFECT * PPM <= ppm <= LARGEST_CHANGE * PPM:
        raise ValueError(
            f"{text} cannot be planned for: no verdict calls a change below "
            f"{100 * LEAST_EFFECT:.0f}%, and one above {100 * LARGEST_CHANGE:.0f}% needs no plan"
        )
    return ppm


@cache
def t_quantile(probability: float, degrees: float) -> float:
    """Return a quantile of Student's t, to 1e-9 relative for probabilities from 0.01 to 0.99.

    By Newton's method from 0: from there on the distribution function is concave, so that no step
    goes too far.

    Args:
        probability: of a smaller value.
        degrees: degrees of freedom, from 1 to 10,000; may be a fraction.
    """
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    quantile, step = 0.0, math.inf
    while step > _PRECISION * quantile:
        density = _density(quantile, degrees)
        below = 0.5 + quantile * density * _series(quantile, degrees)
        step = (probability - below) / density
        quantile += step
    return quantile


def _density(t: float, degrees: float) -> float:
    log = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    log -= (degrees + 1) / 2 * math.log1p(t * t / degrees)
    return math.exp(log) / math.sqrt(degrees * math.pi)


def _series(t: float, degrees: float) -> float:
    """Return P(0 < T < t) / (t density(t)).

    1 + (df + 1) / 3 y + (df + 1) (df + 3) / (3 5) y^2 + ... with y = t^2 / (df + t^2): the
    incomplete beta function's series, all of whose terms are positive (NIST Handbook of
    Mathematical Functions, 2010, 8.17.8).
    """
    y = t * t / (degrees + t * t)
    total, term, n = 1.0, 1.0, 1
    while term > _PRECISION * total * (1 - y):
        term *= y * (degrees + 2 * n - 1) / (2 * n + 1)
        total += term
        n += 1
    return total
