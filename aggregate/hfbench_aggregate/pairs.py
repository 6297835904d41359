"""Pairs of environments: what of a family may be compared, and in which cells."""

from dataclasses import dataclass
from functools import cached_property

from hfbench_aggregate.environments import REPLICA, Environment, differing, environment_of
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import Family, families
from hfbench_schema.submission import HOPELESS_STATUSES


@dataclass(frozen=True)
class Pair:
    """Two environments of one family, which may be a part of one."""

    family: Family
    baseline: Environment
    candidate: Environment

    @property
    def same_versions(self) -> bool:
        """Whether it is an A/A comparison."""
        return differing(self.baseline, self.candidate) == {REPLICA}

    @cached_property
    def cells(self) -> list[str]:
        """The cells to compare, in the suite's order.

        A replica may measure a part of the cells only; the others say nothing about it.
        """
        every = self.family.cells(self.baseline, self.candidate)
        left_out = set(self.unsupported)
        return [
            cell
            for cell in every
            if cell not in left_out and (not self.same_versions or self._in_both(cell))
        ]

    @cached_property
    def unsupported(self) -> list[str]:
        """The cells that neither side could or would measure: nothing to compare in them."""
        return [
            cell
            for cell in self.family.cells(self.baseline, self.candidate)
            if self._in_both(cell)
            and all(
                run.status in HOPELESS_STATUSES
                for side in (self.baseline, self.candidate)
                for run in self.family.runs_of(side, cell)
            )
        ]

    @property
    def has_common_cells(self) -> bool:
        """Whether there is a cell that both sides have process runs of."""
        return any(self._in_both(cell) for cell in self.cells)

    def _in_both(self, cell: str) -> bool:
        runs_of = self.family.runs_of
        return bool(runs_of(self.baseline, cell) and runs_of(self.candidate, cell))


def version_pair(family: Family, baseline: Environment, candidate: Environment) -> Pair | None:
    """Return the pair of two versions; None for further replicas, which stand for A/A alone."""
    if baseline == candidate or baseline.replica or candidate.replica:
        return None
    return Pair(family, baseline, candidate)


def replica_pair(family: Family, baseline: Environment, candidate: Environment) -> Pair | None:
    """Return the A/A pair of replica 0 and a further one; None if there is no sitting for it.

    Replicas are numbered in each sitting by itself, and by the compared versions alone. So it
    takes the sittings that have both, with the same packages from the same sources.
    """
    if baseline.replica or not candidate.replica:
        return None
    alike = [each for each in family.submissions if _are_alike(each, baseline, candidate)]
    return Pair(families(alike)[0], baseline, candidate) if alike else None


def _are_alike(submission: Accepted, a: Environment, b: Environment) -> bool:
    facts = {environment_of(each): each for each in submission.document["environments"]}
    if a not in facts or b not in facts:
        return False
    return all(
        facts[a].get(name) == facts[b].get(name) for name in ("packages", "sources", "python")
    )
