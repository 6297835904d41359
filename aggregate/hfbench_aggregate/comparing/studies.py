"""Studies: what one contributor measured of two versions, and which of them may be pooled.

A study is one submitter on one machine key; who wrote into a folder is not known, so that there
each machine key is one. Studies are pooled if suite, launch and environments are the same, and
the devices are of one class: what a change costs on one kind of device says little of another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.comparison import Judged, judge
from hfbench_aggregate.environments import Environment
from hfbench_aggregate.ledger_entries import UNKNOWN_SUBMITTER
from hfbench_aggregate.reduction import Family, families
from hfbench_aggregate.statistics.centre import MachineGrade, centre
from hfbench_aggregate.statistics.constants import LEAST_INTERVAL_RUNS
from hfbench_aggregate.statistics.contributors import pooling_variance
from hfbench_aggregate.statistics.moments import FloatArray
from hfbench_aggregate.statistics.sitting import SittingSource
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import Machine

_QUIET = (MachineGrade.A, MachineGrade.B)


class GroupKey(NamedTuple):
    """What all studies that are pooled share."""

    suite: str
    baseline: Environment
    candidate: Environment
    device_class: str


@dataclass(frozen=True, eq=False)
class Study:
    """One contributor's comparison, in the cells of one device class."""

    judged: Judged
    cells: list[str]

    @property
    def family(self) -> Family:
        """Where it comes from."""
        return self.judged.pair.family

    @property
    def submitter(self) -> str:
        """Who measured it, as the store knows."""
        return self.family.submissions[-1].submitter

    @property
    def is_quiet(self) -> bool:
        """Whether the machine has grade A or B."""
        return self.judged.grade in _QUIET

    @property
    def is_interleaved(self) -> bool:
        """Whether both versions come from the same sittings in every cell."""
        return self.judged.term.source is SittingSource.INTERLEAVED

    def at_cells(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return those of `values`, one for each cell of the pair, that belong to its cells."""
        wanted = set(self.cells)
        return values[[cell in wanted for cell in self.judged.pair.cells]]

    @property
    def level(self) -> FloatArray:
        """Log seconds of both versions together, their mean; shape (cells,)."""
        sides = (self.judged.level.baseline, self.judged.level.candidate)
        return self.at_cells(np.mean([centre(side).centre for side in sides], axis=0))

    @property
    def name(self) -> str:
        """Who it is, for people: the submitter as far as known, and the machine."""
        machine = f"{self.family.machine_title} ({self.family.machine_key})"
        known = self.submitter != UNKNOWN_SUBMITTER
        return f"{self.submitter} on {machine}" if known else machine

    @property
    def theta(self) -> FloatArray:
        """Log ratio of candidate to baseline, shape (cells,)."""
        return self.at_cells(self.judged.result.theta)

    @property
    def variance(self) -> FloatArray:
        """Variance by which it is weighted, NaN where an arm is too small to show one."""
        result, term = self.judged.result, self.judged.term
        fewest = np.minimum(result.process_runs_baseline, result.process_runs_candidate)
        se = np.where(fewest >= LEAST_INTERVAL_RUNS, result.se_within, np.nan)
        sittings = term.sittings_baseline, term.sittings_candidate
        return self.at_cells(pooling_variance(se, *sittings))


def studies_by_group(judged: Iterable[Judged]) -> dict[GroupKey, list[Study]]:
    """Return the studies of each group, from the comparisons of each machine."""
    found: dict[GroupKey, list[Study]] = {}
    for one in judged:
        for own in _by_submitter(one):
            for kind, study in _by_device(own):
                pair = own.pair
                key = GroupKey(pair.family.suite_title, pair.baseline, pair.candidate, kind)
                found.setdefault(key, []).append(study)
    return found


def device_class(cell: str, machine: Machine) -> str:
    """Return what a cell ran on: the accelerator's name, or `CPU` with the architecture."""
    if parse_cell(cell).device == "cpu" or not machine["accelerators"]:
        return f"CPU {machine['architecture']}"
    return machine["accelerators"][0]["name"]


def _by_submitter(judged: Judged) -> Iterator[Judged]:
    """Yield the comparison of each submitter who measured both versions on the machine."""
    submissions = judged.pair.family.submissions
    names = dict.fromkeys(each.submitter for each in submissions)
    if len(names) == 1:
        yield judged
        return
    for name in names:
        (own,) = families(each for each in submissions if each.submitter == name)
        pair = replace(judged.pair, family=own)
        if pair.has_common_cells:
            yield judge(pair)


def _by_device(judged: Judged) -> Iterator[tuple[str, Study]]:
    """Yield a study for each class of devices on which both versions took a time."""
    machine = judged.pair.family.machine
    found: dict[str, list[str]] = {}
    measured = np.isfinite(judged.result.theta).tolist()
    for cell, both in zip(judged.pair.cells, measured, strict=True):
        if both:
            found.setdefault(device_class(cell, machine), []).append(cell)
    yield from ((name, Study(judged, cells)) for name, cells in found.items())
