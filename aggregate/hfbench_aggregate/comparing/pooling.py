"""Comparisons across contributors: studies pooled cell by cell, as rows of a report."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hfbench_aggregate.comparing.index import pooled_index
from hfbench_aggregate.comparing.misfits import cell_flags, contributor_warnings, find_misfits
from hfbench_aggregate.comparing.studies import GroupKey, Study, studies_by_group
from hfbench_aggregate.comparing.tables import Pooled, PooledCell
from hfbench_aggregate.comparing.tables import Study as StudyRow
from hfbench_aggregate.comparison import Judged, ratio_of, verdict_figures
from hfbench_aggregate.environments import REPLICA, differing, hidden_differences
from hfbench_aggregate.ledger_entries import UNKNOWN_SUBMITTER
from hfbench_aggregate.machines import varying_facts
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.constants import ALPHA, POOLING_SITTING_SD
from hfbench_aggregate.statistics.contributors import PooledComparison, pool_contributors
from hfbench_aggregate.statistics.flags import ContributorFlags
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray
from hfbench_aggregate.wording import (
    contributors_shortage,
    counted,
    percent,
    q_value,
    short_names,
    span,
    verdict_wording,
)
from hfbench_schema.suites import find_suite


@dataclass(frozen=True, eq=False)
class _Group:
    """The studies of a group as arrays (cells, studies), and what the statistics say of them."""

    key: GroupKey
    studies: Sequence[Study]
    cells: list[str]
    theta: FloatArray
    variance: FloatArray
    result: PooledComparison
    misfits: ContributorFlags

    @property
    def names(self) -> list[str]:
        """The contributors, for people."""
        return [study.name for study in self.studies]

    @property
    def used(self) -> BoolArray:
        """Which effects count."""
        known: BoolArray = np.isfinite(self.theta) & (self.variance > 0)
        return known & ~self.result.screened & ~self.result.left_out


def pooled_comparisons(judged: Iterable[Judged]) -> list[Pooled]:
    """Pool what several contributors have measured, from the comparisons of each machine."""
    groups = studies_by_group(judged).items()
    return [_pooled(key, studies) for key, studies in groups if len(studies) > 1]


def _pooled(key: GroupKey, studies: Sequence[Study]) -> Pooled:
    """Pool the studies of a group in all cells at once."""
    group = _group(key, studies)
    members = list(zip(studies, group.used.T, strict=True))
    return {
        "device_class": key.device_class,
        "suite": key.suite,
        "baseline": key.baseline.title,
        "candidate": key.candidate.title,
        "same_versions": differing(key.baseline, key.candidate) == {REPLICA},
        "studies": [_study_row(study, used) for study, used in members],
        "tested": int(np.isfinite(group.result.q).sum()),
        "index": pooled_index([study for study, used in members if used.any()]),
        "warnings": list(_warnings(group)),
        "cells": _rows(group),
    }


def _group(key: GroupKey, studies: Sequence[Study]) -> _Group:
    cells = _in_order(studies)
    place = {cell: row for row, cell in enumerate(cells)}
    theta, variance = (np.full((len(cells), len(studies)), np.nan) for _ in range(2))
    for column, study in enumerate(studies):
        rows = [place[cell] for cell in study.cells]
        theta[rows, column], variance[rows, column] = study.theta, study.variance
    quiet = [study.is_quiet for study in studies]
    result = pool_contributors(theta, variance, quiet=quiet)
    return _Group(key, studies, cells, theta, variance, result, find_misfits(cells, studies))


def _in_order(studies: Sequence[Study]) -> list[str]:
    """Return the cells of any study, in the suite's order."""
    family = studies[0].family
    suite = find_suite(family.suite, family.suite_version)
    places = {cell: place for place, cell in enumerate(suite.cell_ids)} if suite else {}
    cells = {cell for study in studies for cell in study.cells}
    return sorted(cells, key=lambda cell: (places.get(cell, len(places)), cell))


def _study_row(study: Study, used: BoolArray) -> StudyRow:
    grade, submitter = study.judged.grade, study.submitter
    return {
        "submitter": None if submitter == UNKNOWN_SUBMITTER else submitter,
        "machine_key": study.family.machine_key,
        "machine": study.family.machine_title,
        "grade": None if grade is None else grade.value,
        "cells": int(used.sum()),
    }


def _warnings(group: _Group) -> Iterator[str]:
    """Say what varies between contributors beyond what is compared."""
    key = group.key
    facts = [
        [each for study in group.studies for each in study.family.facts[side]]
        for side in (key.baseline, key.candidate)
    ]
    if hidden := hidden_differences(*facts):
        yield hidden
    submissions = [each for study in group.studies for each in study.family.submissions]
    if varying := varying_facts(submissions):
        yield f"contributors differ: {', '.join(varying)}"
    if apart := sum(not study.is_interleaved for study in group.studies):
        yield (
            f"{apart} of {counted(len(group.studies), 'contributor')} did not interleave the "
            f"versions: their sittings are taken to differ by {percent(POOLING_SITTING_SD)}"
        )
    yield from contributor_warnings(group.misfits, group.names)


def _rows(group: _Group) -> list[PooledCell]:
    """Turn the arrays of a group into rows."""
    runs = [_process_runs(group, side) for side in ("baseline", "candidate")]
    _, candidate = short_names(group.key.baseline.title, group.key.candidate.title)
    rows = [_row(group, place, cell) for place, cell in enumerate(group.cells)]
    for place, row in enumerate(rows):
        row["process_runs"] = [int(side[place]) for side in runs]
        row["flags"] = list(_flags(group, place))
        shortage = contributors_shortage(row["contributors"])
        row["wording"] = verdict_wording(row, candidate, shortage) + _prediction(row)
    return rows


def _row(group: _Group, place: int, cell: str) -> PooledCell:
    """Return one row, with what more than its result is needed for left open."""
    result = group.result
    return {
        "cell": cell,
        **verdict_figures(result, place),
        "wording": "",
        "prediction_low": ratio_of(result.prediction_low[place]),
        "prediction_high": ratio_of(result.prediction_high[place]),
        "spread": ratio_of(float(np.sqrt(result.tau_squared[place]))),
        "q_heterogeneity": published(result.q_heterogeneity[place]),
        "contributors": int(result.contributors[place]),
        "process_runs": [],
        "flags": [],
    }


def _process_runs(group: _Group, side: str) -> IntArray:
    """Count the process runs of a side behind each cell, shape (cells,)."""
    place = {cell: row for row, cell in enumerate(group.cells)}
    counts = np.zeros(group.theta.shape, dtype=np.int64)
    for column, study in enumerate(group.studies):
        rows = [place[cell] for cell in study.cells]
        counts[rows, column] = study.at_cells(getattr(study.judged.result, f"process_runs_{side}"))
    total: IntArray = np.where(group.used, counts, 0).sum(axis=1)
    return total


def _flags(group: _Group, place: int) -> Iterator[str]:
    """Say which contributors do not count in a cell, and whether the others disagree."""
    result = group.result
    for study in np.flatnonzero(result.screened[place]).tolist():
        way = "slower" if group.theta[place, study] > result.theta[place] else "faster"
        yield f"screened out: {group.names[study]}, far {way} than the others"
    if noisy := int(result.left_out[place].sum()):
        yield f"left out: {counted(noisy, 'noisy machine')} (grade C or D), as enough are quiet"
    if unknown := int((np.isfinite(group.theta[place]) & ~(group.variance[place] > 0)).sum()):
        yield f"not counted: {counted(unknown, 'contributor')} whose error is not known"
    if result.q_heterogeneity[place] <= ALPHA:
        spread = percent(float(np.expm1(np.sqrt(result.tau_squared[place]))))
        q = q_value(float(result.q_heterogeneity[place]))
        yield f"contributors disagree (q {q}): sd between machines {spread}"
    yield from cell_flags(group.misfits, group.names, place)


def _prediction(row: PooledCell) -> str:
    low, high = row["prediction_low"], row["prediction_high"]
    if low is None or high is None:
        return ""
    return f"; on the next machine between {span(low, high)}"
