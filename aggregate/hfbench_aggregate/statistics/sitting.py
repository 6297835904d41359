"""How much two sittings of one version differ: the term that interleaving removes.

Process runs of one sitting share its clocks, temperature and neighbours, so their spread does
not show how far the next sitting would be off. Two versions measured in sittings of their own
differ by that as well, and their standard error must say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    DEFAULT_SITTING_SD,
    LEAST_FAMILY_CELLS,
    LEAST_PROCESS_SD,
    LEAST_SITTING_REPLICATES,
)
from hfbench_aggregate.statistics.moments import (
    BoolArray,
    FloatArray,
    IntArray,
    as_runs,
    ratio,
)


class SittingSource(StrEnum):
    """Where the sitting sd of a family comes from."""

    INTERLEAVED = "interleaved"
    """Nothing to add: in every cell both versions come from the same sittings."""
    ESTIMATED = "estimated"
    """From versions measured in two sittings or more."""
    DEFAULT = "default"
    """Assumed. Verdicts are provisional: one sitting per version, or few that seem to agree."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SittingSd:
    """The sitting term of a family, in the form `compare_versions` takes it."""

    sd: FloatArray
    """sd between sittings for each cell, shape (cells,): 0 in interleaved cells, one value in
    all others."""
    source: SittingSource
    """Where that value comes from."""
    interleaved: BoolArray
    """Whether both versions of the cell come from the same sittings, shape (cells,)."""
    sittings_baseline: IntArray
    """Sittings of the baseline, shape (cells,)."""
    sittings_candidate: IntArray
    """Sittings of the candidate, shape (cells,)."""


@dataclass(frozen=True, eq=False)
class _Arm:
    """One version's process runs sorted by sitting."""

    count: IntArray
    """Process runs, shape (cells, sittings)."""
    excess: FloatArray
    """Estimates of the variance between sittings, of the cells that allow one."""
    sd: FloatArray
    """sd between process runs within the sittings of each cell that has one."""

    @property
    def replicates(self) -> int:
        """Return how many sittings there are beyond the first."""
        return max(int((self.count > 0).any(axis=0).sum()) - 1, 0)

    @property
    def sittings(self) -> IntArray:
        """Return the sittings of each cell, shape (cells,)."""
        sittings: IntArray = (self.count > 0).sum(axis=1, dtype=np.int64)
        return sittings


def sitting_sd(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    baseline_sittings: npt.ArrayLike,
    candidate_sittings: npt.ArrayLike,
) -> SittingSd:
    """Estimate the sd between sittings from the data, or assume one, or show it is not needed.

    0 where both versions of a cell come from the same sittings (blocks keep them balanced
    within each). Elsewhere the root of the mean over cells of var(sitting means) - s^2 / P, with
    s^2 the variance within sittings and P process runs per sitting, floored at 0, where
    LEAST_FAMILY_CELLS cells of a version have two sittings or more; but no less than
    max(DEFAULT_SITTING_SD, median process sd of the family), which is assumed elsewhere, below
    LEAST_SITTING_REPLICATES sittings beyond the first of each version.

    Args:
        baseline: Log seconds, shape (cells, process runs), NaN for padding.
        candidate: The same cells under the other version; its width may differ.
        baseline_sittings: Number of the sitting of each process run, from 0, numbered alike in
            both versions; shape of `baseline`, -1 for padding.
        candidate_sittings: The same for `candidate`.

    Raises:
        ValueError: Shapes do not match, or a process run has no sitting.

    Reference:
        The method of moments of one-way random effects: Searle, Casella & McCulloch 1992.
    """
    width = 1 + max(np.max(s, initial=-1) for s in (baseline_sittings, candidate_sittings))
    a = _arm(as_runs(baseline), np.asarray(baseline_sittings), width)
    b = _arm(as_runs(candidate), np.asarray(candidate_sittings), width)
    if len(a.count) != len(b.count):
        raise ValueError(f"{len(a.count)} cells in the baseline, {len(b.count)} in the candidate")
    compared = (a.sittings > 0) & (b.sittings > 0)
    alike = compared & ((a.count > 0) == (b.count > 0)).all(axis=1)
    sd, source = _common(a, b)
    if compared.any() and (alike == compared).all():
        sd, source = 0.0, SittingSource.INTERLEAVED
    return SittingSd(
        sd=np.where(alike, 0.0, sd),
        source=source,
        interleaved=alike,
        sittings_baseline=a.sittings,
        sittings_candidate=b.sittings,
    )


def replicate_sitting_sd(
    versions: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
) -> tuple[float, SittingSource]:
    """Return the sd between sittings that all of a family's versions show, and its source.

    As `sitting_sd` has it for cells that are not interleaved, from any number of versions.

    Args:
        versions: Of each, log seconds and the number of the sitting of each process run, as for
            `sitting_sd`.

    Raises:
        ValueError: Shapes do not match, or a process run has no sitting.
    """
    arms = [
        _arm(as_runs(x), np.asarray(sittings), 1 + int(np.max(sittings, initial=-1)))
        for x, sittings in versions
    ]
    return _common(*arms)


def _common(*arms: _Arm) -> tuple[float, SittingSource]:
    """Return the sd between sittings for cells that are not interleaved, and its source."""
    excess = np.concatenate([arm.excess for arm in arms])
    assumed = assumed_sitting_sd(np.concatenate([arm.sd for arm in arms]))
    # A mean over few cells, or few sittings, could come out at 0 by luck: a claim that they agree.
    if excess.size >= LEAST_FAMILY_CELLS:
        estimate = float(np.sqrt(max(np.mean(excess), 0.0)))
        believed = sum(arm.replicates for arm in arms) >= LEAST_SITTING_REPLICATES
        if believed or estimate >= assumed:
            return estimate, SittingSource.ESTIMATED
    return assumed, SittingSource.DEFAULT


def assumed_sitting_sd(process_sd: FloatArray) -> float:
    """Return the sd between sittings to assume, from those between a family's process runs.

    max(DEFAULT_SITTING_SD, their median); NaN and zeros do not count.
    """
    known = process_sd[process_sd > 0]
    return max(DEFAULT_SITTING_SD, float(np.median(known)) if known.size else 0.0)


def _arm(x: FloatArray, sittings: npt.NDArray[np.integer], width: int) -> _Arm:
    """Sort one version's process runs into `width` sittings."""
    if sittings.shape != x.shape:
        raise ValueError(f"sittings have shape {sittings.shape}, process runs {x.shape}")
    held = ~np.isnan(x)
    if (sittings[held] < 0).any():
        raise ValueError("a process run has no sitting")
    cell = np.nonzero(held)[0]
    group = cell * width + sittings[held]
    size = len(x) * width
    count: IntArray = np.bincount(group, minlength=size)
    mean = ratio(np.bincount(group, x[held], minlength=size).astype(np.float64), count)
    squares = np.bincount(cell, (x[held] - mean[group]) ** 2, minlength=len(x)).astype(np.float64)
    shape = (len(x), width)
    shaped = count.reshape(shape)
    sd = np.sqrt(ratio(squares, shaped.sum(axis=1) - (shaped > 0).sum(axis=1)))
    excess = _excess(shaped, mean.reshape(shape), squares)
    return _Arm(shaped, excess, sd[sd > LEAST_PROCESS_SD])


def _excess(count: IntArray, mean: FloatArray, squares: FloatArray) -> FloatArray:
    """Return var(sitting means) less what process runs explain, of cells that allow both.

    That needs two sittings, and a process run more than sittings for the variance within.
    """
    sittings, runs = (count > 0).sum(axis=1), count.sum(axis=1)
    usable = (sittings >= 2) & (runs > sittings)
    within = squares[usable] / (runs - sittings)[usable]
    per_mean = np.nansum(ratio(np.ones(count.shape), count), axis=1)[usable] / sittings[usable]
    excess: FloatArray = np.nanvar(mean[usable], axis=1, ddof=1) - within * per_mean
    return excess
