"""Which sittings a comparison uses: those that measured both sides, if they are enough.

A sitting that measured one side only brings its own clocks, temperature and neighbours into
that side. Used beside interleaved sittings it would cost more certainty than its process runs
add, and an A/A sitting would spoil the comparison of the versions it stands for.
"""

import numpy as np

from hfbench_aggregate.reduction import Arm
from hfbench_aggregate.statistics.constants import LEAST_PROCESS_RUNS
from hfbench_aggregate.statistics.moments import BoolArray, IntArray


def interleaved_if_enough(a: Arm, b: Arm) -> tuple[Arm, Arm]:
    """Return both arms without the sittings that measured one side of a cell only.

    A cell keeps all it has if a verdict would be lost by it: it must keep what it has, up to
    LEAST_PROCESS_RUNS on each side. The choice depends on the design alone, never on a time, and
    is each cell's own: of one whose process runs were contaminated, others learn nothing. Cells
    that only one side measured keep their process runs.
    """
    in_both = [_in_both(a, b), _in_both(b, a)]
    before = np.minimum(_count(a.sittings >= 0), _count(b.sittings >= 0))
    after = np.minimum(_count(in_both[0]), _count(in_both[1]))
    too_few = after < np.minimum(before, LEAST_PROCESS_RUNS)
    whole = (too_few | (before == 0))[:, None]
    return _only(a, in_both[0] | whole), _only(b, in_both[1] | whole)


def _in_both(arm: Arm, other: Arm) -> BoolArray:
    """Return which process runs come from a sitting that measured the cell on both sides."""
    found = np.zeros(arm.sittings.shape, dtype=np.bool_)
    for row, own, others in zip(found, arm.sittings, other.sittings, strict=True):
        row[:] = np.isin(own, others) & (own >= 0)
    return found


def _count(held: BoolArray) -> IntArray:
    return np.asarray(np.count_nonzero(held, axis=1))


def _only(arm: Arm, kept: BoolArray) -> Arm:
    return Arm(np.where(kept, arm.x, np.nan), np.where(kept, arm.sittings, -1))
