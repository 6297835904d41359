"""The self-audit of a release: how often it would see changes where there are none.

Everything in it follows from the release's own data. A rate of false alarms far from its nominal
one, findings that all point one way, or findings that change from release to release are signs
that the noise, or the method, is not what the verdicts assume.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from hfbench_aggregate.reduction import Family
from hfbench_aggregate.release_tables import AuditRow, FindingRow, RateRow
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.constants import ALPHA
from hfbench_aggregate.statistics.moments import padded
from hfbench_aggregate.statistics.self_audit import (
    Share,
    aa_rate,
    one_sidedness,
    overlap,
    split_half_p,
)
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import Comparison
from hfbench_aggregate.wording import percent


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

    Within a sitting: what differs between sittings is no false alarm of comparisons within them.
    """
    for environment, sitting in product(family.environments, range(len(family.submissions))):
        rows = [
            [run.x for run in family.runs_of(environment, cell) if run.sitting == sitting]
            for cell in family.cells(environment)
        ]
        p = split_half_p(padded(rows))
        yield from p[np.isfinite(p)].tolist()


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
        f"Of {row['tests']} comparisons of {what}, {row['found']} have p <= {ALPHA} "
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
        f"Of {row['tests']} findings, {row['found']} are slower and {row['tests'] - row['found']} "
        f"faster (p {row['p']:.2g} if both were as likely)."
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
