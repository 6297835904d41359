"""Trust that is computed: whether another contributor, independently, measured the same.

Two submissions corroborate each other when they come from different submitters, on machines of
one machine key, and the cells that both measured took the same time within the equivalence
margin. What follows for trust is said in `trust`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.ledger_entries import UNKNOWN_SUBMITTER
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import Family, ReducedRun
from hfbench_aggregate.statistics.constants import ALPHA, EQUIVALENCE_MARGIN, LEAST_PROCESS_RUNS
from hfbench_aggregate.statistics.moments import FloatArray, moments, padded, winsorise
from hfbench_aggregate.statistics.welch import moderated_welch

LEAST_SHARE: Final = 0.5
"""More than this share of the cells that two submissions share must agree.

Not all of them: with few process runs, or a noisy machine, equivalence is often missed where it
holds, while by chance it is found in at most ALPHA of the cells that differ by the margin.
"""


@dataclass(frozen=True)
class Corroboration:
    """How one submission agrees with that of another submitter, `by`: in how many shared cells."""

    by: str
    by_maintainer: bool
    shared: int
    agreeing: int

    @property
    def holds(self) -> bool:
        """Whether most of the shared cells agree."""
        return self.agreeing > LEAST_SHARE * self.shared


def corroborations(family: Family, maintainers: Collection[str] = ()) -> dict[str, Corroboration]:
    """Return the best corroboration of each submission of a family, by its sha256.

    The best is one by a maintainer that holds, else the one that agrees in most of the shared
    cells. Only submissions that share a tested cell with one of another submitter are in it; `by`
    is the other's sha256.
    """
    rows = _rows_by_submission(family)
    found: dict[str, Corroboration] = {}
    for one, other in _independent(family.submissions):
        shared = sorted(rows[one.sha256].keys() & rows[other.sha256].keys(), key=repr)
        agreeing = _agreeing(
            *(padded([rows[side.sha256][key] for key in shared]) for side in (one, other))
        )
        for side, witness in ((one, other), (other, one)):
            by_maintainer = witness.submitter in maintainers
            seen = Corroboration(witness.sha256, by_maintainer, len(shared), agreeing)
            if shared:
                found[side.sha256] = max(found.get(side.sha256, seen), seen, key=_strength)
    return found


def _strength(seen: Corroboration) -> tuple[bool, float, int]:
    return seen.holds and seen.by_maintainer, seen.agreeing / seen.shared, seen.shared


def _independent(submissions: list[Accepted]) -> Iterator[tuple[Accepted, Accepted]]:
    """Yield pairs by different submitters, both known: a folder does not know who wrote in it."""
    known = [one for one in submissions if one.submitter != UNKNOWN_SUBMITTER]
    return (pair for pair in combinations(known, 2) if pair[0].submitter != pair[1].submitter)


def _rows_by_submission(
    family: Family,
) -> dict[str, dict[tuple[Environment, str], list[float]]]:
    """Return log seconds of the measured process runs, where there are enough to test."""
    found: dict[str, dict[tuple[Environment, str], list[float]]] = {
        submission.sha256: {} for submission in family.submissions
    }
    for key, runs in family.runs.items():
        for name, values in _by_submission(runs).items():
            if len(values) >= LEAST_PROCESS_RUNS:
                found[name][key] = values
    return found


def _by_submission(runs: list[ReducedRun]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.middle_ns:
            values.setdefault(run.submission, []).append(run.x)
    return values


def _agreeing(one: FloatArray, other: FloatArray) -> int:
    """Count the rows whose means differ by less than the margin: two one-sided tests at ALPHA.

    Reference:
        Schuirmann 1987. No error between sittings is added: that two contributors agree in spite
        of theirs is what is asked.
    """
    first, second = (moments(winsorise(rows).x) for rows in (one, other))
    effect = moderated_welch(first, second, np.zeros(len(one)))
    margin = float(np.log1p(EQUIVALENCE_MARGIN))
    return int((effect.p_equivalent(margin) < ALPHA).sum())
