"""Sittings whose times are all of another level than those of the others on the same machine key.

A comparison takes such a level out, as it hits both versions alike. But a sitting that is slower by
a quarter was hardly made on the same machine in the same state, and one that is slower by 1,000
confused its units: whoever reads its times must be told.
"""

import math

import numpy as np

from hfbench_aggregate.reduction import Arm, Family
from hfbench_aggregate.statistics.constants import MISFIT_FACTOR
from hfbench_aggregate.statistics.moments import FloatArray, IntArray, moments
from hfbench_aggregate.wording import direction


def odd_sittings(family: Family, arms: tuple[Arm, Arm]) -> list[str]:
    """Name the submissions that are slower or faster than the others in most of their cells.

    Of two that differ, nobody knows which is right: the later one is named.
    """
    numbers = np.unique(np.concatenate([arm.sittings.ravel() for arm in arms]))
    numbers = numbers[numbers >= 0]
    offsets = _offsets(arms, numbers)
    submissions = family.submissions
    odd = np.abs(offsets) > math.log(MISFIT_FACTOR)
    return [
        f"submission {submissions[number].sha256[:12]} is {direction(math.exp(offset))} than "
        f"the others from this machine key, in both versions alike: is it the same machine?"
        for number, offset in zip(numbers[odd].tolist(), offsets[odd].tolist(), strict=True)
    ]


def _offsets(arms: tuple[Arm, Arm], numbers: IntArray) -> FloatArray:
    """Return how far each sitting is from the others, shape (sittings,): the median over cells.

    In each cell, from the median of all sittings of the same version, or from the first of two; 0
    where a sitting shares no cell with another.
    """
    offsets = []
    for arm in arms:
        parts = [moments(np.where(arm.sittings == s, arm.x, np.nan)).mean for s in numbers]
        means = np.stack(parts, axis=1) if parts else np.zeros((len(arm.x), 0))
        shared = means[(~np.isnan(means)).sum(axis=1) > 1]
        middle = shared[:, 0] if numbers.size == 2 else np.nanmedian(shared, axis=1)
        offsets.append(shared - middle[:, None])
    rows = np.concatenate(offsets)
    held = ~np.isnan(rows).all(axis=0)
    found = np.zeros(numbers.size)
    found[held] = np.nanmedian(rows[:, held], axis=0)
    return found
