"""The self-audit of a release: how often it would see changes where there are none.

Everything in it follows from the release's own data. A rate of false alarms far from its nominal
one, findings that all point one way, or findings that change from release to release are signs
that the noise, or the method, is not what the verdicts assume.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from scipy.stats import binomtest

from hfbench_aggregate.environments import Environment
from hfbench_aggregate.interleaving import interleaved_if_enough
from hfbench_aggregate.reduction import Arm, Family
from hfbench_aggregate.release_tables import AuditRow, FindingRow, RateRow
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics import compare_versions, level_sittings, sitting_sd
from hfbench_aggregate.statistics.constants import ALPHA, LEAST_PROCESS_RUNS
from hfbench_aggregate.statistics.moments import FloatArray, padded
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
    slower = sum(row["verdict"] == Verdict.SLOWER for row in findings)
    now = {row["id"] for row in findings}
    before = {row["id"] for row in previous[1]} if previous else set()
    return {
        "replicas": alarm_rate(_replica_p(comparisons)),
        "halves": alarm_rate([p for family in families for p in half_p(family)]),
        "slower": rate(slower, len(findings)),
        "slower_p": published(binomtest(slower, len(findings)).pvalue) if findings else None,
        "previous": previous[0] if previous else None,
        "kept": len(now & before),
        "gone": len(before - now),
        "added": len(now - before),
        "overlap": published(len(now & before) / len(now | before))
        if previous and now | before
        else None,
    }


def audit_sentences(audit: AuditRow) -> Iterator[str]:
    """Say each figure of an audit in a sentence."""
    yield _alarms("environments with replicas of themselves", audit["replicas"])
    yield _alarms("even blocks of an environment with its odd ones", audit["halves"])
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


def rate(found: int, tests: int) -> RateRow:
    """Return a share with its exact 95 % interval (Clopper & Pearson 1934)."""
    if not tests:
        return {"tests": 0, "found": 0, "share": None, "low": None, "high": None}
    interval = binomtest(found, tests).proportion_ci(1 - ALPHA, method="exact")
    return {
        "tests": tests,
        "found": found,
        "share": published(found / tests),
        "low": published(interval.low),
        "high": published(interval.high),
    }


def alarm_rate(p: Sequence[float]) -> RateRow:
    """Return the share of A/A tests with p <= ALPHA, which should be near ALPHA.

    The interval takes tests for independent. Those of one sitting are not quite, so that it is
    somewhat too narrow.
    """
    return rate(sum(value <= ALPHA for value in p), len(p))


def half_p(family: Family) -> Iterator[float]:
    """Yield p of the even blocks of each environment against its odd ones, cell by cell."""
    for environment in family.environments:
        p = _half_p(family, environment)
        yield from p[np.isfinite(p)].tolist()


def _half_p(family: Family, environment: Environment) -> FloatArray:
    """Compare the halves as two versions are; NaN where a half is too small for a verdict."""
    cells = family.cells(environment)
    a, b = interleaved_if_enough(*(_half(family, environment, cells, odd) for odd in (0, 1)))
    term = sitting_sd(a.x, b.x, a.sittings, b.sittings)
    level = level_sittings(a.x, b.x, a.sittings, b.sittings)
    found = compare_versions(
        level.baseline,
        level.candidate,
        sitting_sd=0,
        sittings_baseline=term.sittings_baseline,
        sittings_candidate=term.sittings_candidate,
        spent_df=level.spent_df,
    )
    fewest = np.minimum(found.process_runs_baseline, found.process_runs_candidate)
    return np.where(term.interleaved & (fewest >= LEAST_PROCESS_RUNS), found.p, np.nan)


def _half(family: Family, environment: Environment, cells: Sequence[str], odd: int) -> Arm:
    rows = [
        [r for r in family.runs_of(environment, cell) if r.middle_ns and r.block % 2 == odd]
        for cell in cells
    ]
    sittings = padded([[run.sitting for run in row] for row in rows], -1)
    return Arm(padded([[run.x for run in row] for row in rows]), sittings.astype(np.int64))


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
    if row["share"] is None or audit["slower_p"] is None:
        return "There is no finding."
    return (
        f"Of {row['tests']} findings, {row['found']} are slower and {row['tests'] - row['found']} "
        f"faster (p {audit['slower_p']:.2g} if both were as likely)."
    )
