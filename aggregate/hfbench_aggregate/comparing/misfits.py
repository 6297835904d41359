"""What looks wrong in the times of contributors: flags with their numbers, which drop nothing.

They are about times, where verdicts are about ratios of times: a machine that takes a third longer
in both versions counts like any other.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from hfbench_aggregate.comparing.studies import Study
from hfbench_aggregate.statistics.flags import ContributorFlags, contributor_flags
from hfbench_aggregate.statistics.moments import FloatArray
from hfbench_aggregate.wording import direction, percent


def find_misfits(cells: Sequence[str], studies: Sequence[Study]) -> ContributorFlags:
    """Look at the times of all contributors, both versions together, in all cells at once."""
    place = {cell: row for row, cell in enumerate(cells)}
    times = np.full((len(cells), len(studies)), np.nan)
    for column, study in enumerate(studies):
        times[[place[cell] for cell in study.cells], column] = study.level
    return contributor_flags(times)


def contributor_warnings(found: ContributorFlags, names: Sequence[str]) -> Iterator[str]:
    """Say which contributors are off in all cells, and which in too many."""
    for column in np.flatnonzero(found.always_off).tolist():
        change = _direction(found.offset[column])
        yield f"{names[column]} is {change} than the others in all cells, in both versions alike"
    for column in np.flatnonzero(found.wrong_unit.any(axis=0)).tolist():
        yield f"{names[column]} may have times in a wrong unit"
    for column in np.flatnonzero(found.held).tolist():
        share = percent(float(found.misfit_share[column]))
        yield f"{names[column]} does not fit the others in {share} of its cells: look at it first"


def cell_flags(found: ContributorFlags, names: Sequence[str], place: int) -> Iterator[str]:
    """Say whose times in one cell are not what their other cells lead to expect."""
    for column in np.flatnonzero(found.misfit[place]).tolist():
        change = _direction(found.residual[place, column])
        yield f"misfit: {names[column]} is {change} here than its other cells lead to expect"


def _direction(log_ratio: FloatArray) -> str:
    return direction(float(np.exp(log_ratio)))
