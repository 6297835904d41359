"""Arms of a factorial experiment: contrasts of their means, such as effects and interactions.

An arm is one way to train, a process run one training of it. x = log(time) of each, so that a
contrast of means is the logarithm of a ratio, and an interaction that of a ratio of ratios.
Sittings shift all their arms alike; least squares on arms + sittings takes the shifts out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import ALPHA, LEAST_PROCESS_SD
from hfbench_aggregate.statistics.moments import (
    FloatArray,
    IntArray,
    Moments,
    as_runs,
    ratio,
    winsorise,
)
from hfbench_aggregate.statistics.sitting import assumed_sitting_sd
from hfbench_aggregate.statistics.student import quantile
from hfbench_aggregate.statistics.variance_prior import VariancePrior, variance_prior

_ROUNDING = 1e-9  # of the solver, in leverages and weights, which are of the order of 1


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of arm means, in log time; NaN for what cannot be computed."""

    theta: float
    """The sum: its exponential is a ratio of times."""
    se: float
    """Its standard error."""
    df: float
    """Degrees of freedom after Welch and Satterthwaite."""
    interleaved: bool
    """Whether common sittings connect its arms; else `se` allows for sittings to differ."""

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval around theta."""
        return float(quantile(1 - ALPHA / 2, np.asarray(self.df)) * self.se)


@dataclass(frozen=True, eq=False)
class ArmFit:
    """Least squares of x on arms and sittings, for the arms of one group."""

    x: FloatArray
    """Log seconds of each process run, shape (process runs,)."""
    arm: IntArray
    """The arm of each, shape (process runs,)."""
    design: FloatArray
    """Indicators of arm and sitting, shape (process runs, arms + sittings)."""
    solution: FloatArray
    """Pseudo-inverse of the design, shape (arms + sittings, process runs)."""
    moments: Moments
    """Count, plain mean, and squares about the fit with their degrees of freedom, of each arm."""

    @property
    def shifts(self) -> FloatArray:
        """What the sitting adds to each process run, shape (process runs,); of mean 0."""
        arms = len(self.moments.count)
        shift = self.solution[arms:] @ self.x
        if not shift.size:  # every process run was set aside
            return np.zeros(self.x.shape)
        found: FloatArray = self.design[:, arms:] @ (shift - shift.mean())
        return found

    @property
    def sittings(self) -> IntArray:
        """In how many sittings each arm was measured, shape (arms,)."""
        arms = len(self.moments.count)
        held = self.design[:, :arms].T @ self.design[:, arms:] > 0
        return np.asarray(np.count_nonzero(held, axis=1))


@dataclass(frozen=True, eq=False)
class FamilyFit:
    """The groups of one machine and environment, with what all of them say about the noise."""

    fits: list[ArmFit]
    """One a group."""
    unstable: list[IntArray]
    """Winsorised process runs of each arm, one array a group."""
    prior: VariancePrior
    """Of the variance of any arm."""
    sitting_sd: float
    """sd between sittings, to assume where arms have none in common."""

    def contrast(self, group: int, coefficients: npt.ArrayLike) -> Contrast:
        """Return a contrast of the arms of one group; `coefficients` sum to 0, one an arm.

        Each of the k arms with a coefficient gets 1 / k of the prior's degrees of freedom: it is
        one body of evidence, and of two arms, PRIOR_SHARE_OF_ARM says the same.
        """
        c = np.asarray(coefficients, dtype=np.float64)
        return _contrast(self.fits[group], c, self.prior, self.sitting_sd)


def fit_family(groups: Sequence[tuple[FloatArray, IntArray]]) -> FamilyFit:
    """Fit the arms of each group, winsorised over the family, and learn its prior.

    Args:
        groups: for each, log seconds of the process runs of its arms, shape (arms, process
            runs), NaN for padding, and the number of the sitting of each.

    Raises:
        ValueError: an array has not that shape.
    """
    rough = [_fit(as_runs(x), np.asarray(sittings)) for x, sittings in groups]
    tamed, unstable = _winsorised([_levelled(*pair) for pair in zip(groups, rough, strict=True)])
    fits = [
        _fit(x + _spread(fit, groups[place][0]), groups[place][1])
        for place, (x, fit) in enumerate(zip(tamed, rough, strict=True))
    ]
    variance = np.concatenate([fit.moments.variance for fit in fits] or [np.empty(0)])
    df = np.concatenate([np.asarray(fit.moments.df) for fit in fits] or [np.empty(0)])
    return FamilyFit(
        fits, unstable, variance_prior(variance, df), assumed_sitting_sd(variance**0.5)
    )


def effect_coefficients(levels: npt.ArrayLike, factors: Sequence[int]) -> FloatArray:
    """Return the coefficients of a main effect, or of an interaction of several factors.

    A main effect is the mean over the other factors' levels of what the factor changes. An
    interaction of two is by how much the effect of one differs between the other's levels, of
    three by how much that of two does, averaged over the rest: so their exponentials are a ratio,
    and ratios of ratios.

    Args:
        levels: 0 or 1 of each factor in each arm, every combination once; shape (arms, factors).
        factors: the places of those that take part.
    """
    signs = 2 * np.asarray(levels, dtype=np.float64) - 1
    product = signs[:, list(factors)].prod(axis=1)
    return np.asarray(product / 2.0 ** (signs.shape[1] - len(factors)))


def _fit(x: FloatArray, sittings: IntArray) -> ArmFit:
    arm, place = np.nonzero(~np.isnan(x))
    held = x[arm, place]
    numbers, sitting = np.unique(sittings[arm, place], return_inverse=True)
    design = np.hstack([np.eye(len(x))[arm], np.eye(numbers.size)[sitting]])
    solution: FloatArray = np.linalg.pinv(design).astype(np.float64, copy=False)
    residual: FloatArray = held - design @ (solution @ held)
    freedom: FloatArray = 1 - np.einsum("ij,ji->i", design, solution)
    return ArmFit(held, arm, design, solution, _moments(arm, held, residual, freedom, len(x)))


def _moments(
    arm: IntArray, x: FloatArray, residual: FloatArray, freedom: FloatArray, arms: int
) -> Moments:
    """Sum up each arm; without sittings to level these are the plain moments."""
    count = np.bincount(arm, minlength=arms)
    mean = ratio(_sums(arm, x, arms), count)
    df, squares = _clean(_sums(arm, freedom, arms)), _sums(arm, residual**2, arms)
    squares = np.where((df > 0) & (squares > df * LEAST_PROCESS_SD**2), squares, 0.0)
    return Moments(count, mean, squares, count - 1 - df)


def _sums(arm: IntArray, values: FloatArray, arms: int) -> FloatArray:
    return np.bincount(arm, values, minlength=arms).astype(np.float64, copy=False)


def _clean(values: FloatArray) -> FloatArray:
    """Return values with those that only rounding tells from 0 set to it."""
    return np.where(np.abs(values) < _ROUNDING, 0.0, values)


def _levelled(group: tuple[FloatArray, IntArray], fit: ArmFit) -> FloatArray:
    """Return the process runs of a group without the shifts of their sittings."""
    return group[0] - _spread(fit, group[0])


def _spread(fit: ArmFit, x: FloatArray) -> FloatArray:
    """Return the shift of each process run in the shape of x, 0 for padding."""
    shifts = np.zeros(x.shape)
    shifts[~np.isnan(x)] = fit.shifts
    return shifts


def _winsorised(groups: list[FloatArray]) -> tuple[list[FloatArray], list[IntArray]]:
    """Pull in outliers of all groups at once, since the family says what one is."""
    width = max((x.shape[1] for x in groups), default=0)
    padded = [np.pad(x, ((0, 0), (0, width - x.shape[1])), constant_values=np.nan) for x in groups]
    result = winsorise(np.concatenate(padded) if padded else np.empty((0, 0)))
    ends = np.cumsum([len(x) for x in groups])[:-1]
    tamed = np.split(result.x, ends) if groups else []
    clips = np.split(result.clips, ends) if groups else []
    return [each[:, : x.shape[1]] for each, x in zip(tamed, groups, strict=True)], clips


def _contrast(
    fit: ArmFit, coefficients: FloatArray, prior: VariancePrior, sitting_sd: float
) -> Contrast:
    """Return a contrast from common sittings where they connect its arms, else from plain means."""
    used = coefficients != 0
    if (fit.moments.count[used] == 0).any():
        return Contrast(np.nan, np.nan, np.nan, interleaved=False)
    wanted = np.concatenate([coefficients, np.zeros(fit.design.shape[1] - coefficients.size)])
    weights = _clean(wanted @ fit.solution)
    interleaved = not _clean(weights @ fit.design - wanted).any()
    extra = 0.0
    if not interleaved:
        weights = ratio(coefficients, fit.moments.count)[fit.arm]
        extra = sitting_sd**2 * float(np.sum(coefficients[used] ** 2 / fit.sittings[used]))
    within, df = _error(fit, weights, used, prior)
    return Contrast(float(weights @ fit.x), float(np.sqrt(within + extra)), df, interleaved)


def _error(
    fit: ArmFit, weights: FloatArray, used: npt.NDArray[np.bool_], prior: VariancePrior
) -> tuple[float, float]:
    """Return the variance of a weighted sum of process runs, and its degrees of freedom.

    Arms that show no spread at all leave the noise unknown, which is not none.
    """
    if not fit.moments.squares[used].any():
        return np.nan, np.nan
    variance, df = prior.moderate(fit.moments, 1 / np.count_nonzero(used))
    share = _sums(fit.arm, weights**2, used.size)
    parts, dfs = (variance * share)[share > 0], df[share > 0]
    if np.isnan(parts).any():  # an arm of one process run, and no family to borrow from
        return np.nan, np.nan
    within = float(parts.sum())
    return within, within**2 / float(np.sum(parts**2 / dfs))
