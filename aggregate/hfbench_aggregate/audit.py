"""The self-audit of a release: how often it would see changes where there are none.

Everything in it follows from the release's own data. A rate of false alarms far from its nominal
one, findings that all point one way, or findings that change from release to release are signs
that the noise, or the method, is not what the verdicts assume.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from hfbench_aggregate.arms import compare_arms
from hfbench_aggregate.environments import Environment
from hfbench_aggregate.reduction import Arm, Family
from hfbench_aggregate.release_tables import AuditRow, FindingRow, RateRow
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.constants import ALPHA
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray
from hfbench_aggregate.statistics.self_audit import Share, aa_rate, one_sidedness, overlap
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import Comparison
from hfbench_aggregate.wording import counted, percent


def audit_row(
    families: Iterable[Family],
    comparisons: Sequence[Comparison],
    findings: Sequence[FindingRow],
    previous: tuple[str, Sequence[FindingRow]] | None,
) -> AuditRow:
    """Return the audit of a release.

    Args:
        families: all of them.
        comparisons: all of them, A/A among them.
        findings: those of the release.
        previous: version and findings of the release before, or None.
    """
    before = {row["id"] for row in previous[1]} if previous else set()
    now = {row["id"] for row in findings}
    common = overlap(now, before)
    return {
        "replicas": _rate(aa_rate(_replica_p(comparisons))),
        "halves": _rate(aa_rate([p for family in families for p in half_p(family)])),
        "slower": _rate(one_sidedness([row["verdict"] for row in findings])),
        "previous": previous[0] if previous else None,
        "kept": common.both,
        "gone": len(before) - common.both,
        "added": len(now) - common.both,
        "overlap": published(common.jaccard) if previous else None,
    }


def audit_sentences(audit: AuditRow) -> Iterator[str]:
    """Say each figure of an audit in a sentence."""
    yield _alarms("environments with replicas of themselves", audit["replicas"])
    yield _alarms("one half of an environment's process runs with the other", audit["halves"])
    yield _one_sided(audit)
    if audit["previous"] is None:
        yield "No earlier release to compare the findings with."
    elif audit["overlap"] is None:
        yield f"Neither this release nor {audit['previous']} has a finding."
    else:
        yield (
            f"Of the findings of {audit['previous']}, {audit['kept']} stand and {audit['gone']} "
            f"do not; {audit['added']} are new (Jaccard index {audit['overlap']:.2f})."
        )


def half_p(family: Family) -> Iterator[float]:
    """Yield p of one half of each environment's process runs against the other, cell by cell.

    Both halves are of the same sittings, whose shifts are taken out as between versions.
    """
    for environment in family.environments:
        p = _half_p(family, environment)
        yield from p[np.isfinite(p)].tolist()


def _half_p(family: Family, environment: Environment) -> FloatArray:
    """Compare the halves as two versions are; NaN where they are too small for a verdict."""
    cells = family.cells(environment)
    found = compare_arms(*_halves(family.arm(environment, cells)))
    sufficient = found.result.verdict != Verdict.INSUFFICIENT
    return np.where(found.term.interleaved & sufficient, found.result.p, np.nan)


def _halves(arm: Arm) -> tuple[Arm, Arm]:
    """Divide the process runs of each cell as ABBA does, begun with B in every other sitting."""
    held = arm.sittings >= 0
    begins = np.diff(arm.sittings, axis=1, prepend=-1) != 0
    column = np.arange(arm.sittings.shape[1])
    place = column - np.maximum.accumulate(np.where(begins, column, 0), axis=1)
    number = np.cumsum(begins, axis=1)
    first = np.isin(place % 4, (0, 3)) ^ (number % 2 == 0)
    return _only(arm, held & first), _only(arm, held & ~first)


def _only(arm: Arm, kept: BoolArray) -> Arm:
    return Arm(np.where(kept, arm.x, np.nan), np.where(kept, arm.sittings, -1))


def _replica_p(comparisons: Iterable[Comparison]) -> list[float]:
    return [
        cell["p"]
        for comparison in comparisons
        for cell in comparison["cells"]
        if comparison["same_versions"]
        and cell["verdict"] != Verdict.INSUFFICIENT
        and cell["p"] is not None
    ]


def _alarms(what: str, row: RateRow) -> str:
    if row["share"] is None or row["low"] is None or row["high"] is None:
        return f"No sitting allows to compare {what}."
    text = (
        f"p <= {ALPHA} in {row['found']} of {counted(row['tests'], 'comparison')} of {what} "
        f"({percent(row['share'])}, 95 % interval {percent(row['low'])} to "
        f"{percent(row['high'])}); {percent(ALPHA)} are expected"
    )
    if row["low"] > ALPHA:
        return f"{text}. That is more: verdicts of this release find more than there is."
    return f"{text}{', so that it is cautious' if row['high'] < ALPHA else ''}."


def _one_sided(audit: AuditRow) -> str:
    row = audit["slower"]
    if row["p"] is None:
        return "There is no finding."
    return (
        f"Findings: {row['found']} slower, {row['tests'] - row['found']} faster "
        f"(p {row['p']:.2g} if both were as likely)."
    )


def _rate(found: Share) -> RateRow:
    tested = found.tests > 0
    return {
        "tests": found.tests,
        "found": found.count,
        "share": published(found.share),
        "low": published(found.low) if tested else None,
        "high": published(found.high) if tested else None,
        "p": published(found.p) if tested else None,
    }
