"""Two arms of a family compared: the steps from process runs to verdicts, in their one order."""

from dataclasses import dataclass

from hfbench_aggregate.interleaving import interleaved_if_enough
from hfbench_aggregate.reduction import Arm
from hfbench_aggregate.statistics import (
    Levelled,
    SittingSd,
    VersionComparison,
    compare_versions,
    level_sittings,
    sitting_sd,
)


@dataclass(frozen=True, eq=False)
class ComparedArms:
    """What the statistics say of two arms, cell by cell; arrays of shape (cells,)."""

    used: tuple[Arm, Arm]
    """The process runs that count."""
    term: SittingSd
    level: Levelled
    result: VersionComparison


def compare_arms(baseline: Arm, candidate: Arm) -> ComparedArms:
    """Compare the process runs of two arms, whose rows are the same cells."""
    a, b = interleaved_if_enough(baseline, candidate)
    term = sitting_sd(a.x, b.x, a.sittings, b.sittings)
    level = level_sittings(a.x, b.x, a.sittings, b.sittings)
    result = compare_versions(
        level.baseline,
        level.candidate,
        sitting_sd=term.sd,
        sittings_baseline=term.sittings_baseline,
        sittings_candidate=term.sittings_candidate,
        spent_df=level.spent_df,
    )
    return ComparedArms((a, b), term, level, result)
