"""Findings: every cell that a release says became slower or faster, and since which release."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hfbench_aggregate.aliases import Aliases, counted_as
from hfbench_aggregate.release_tables import FindingRow
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_schema.canonical import document_sha256
from hfbench_schema.timestamps import parse_moment

CALLED: Final = (Verdict.SLOWER, Verdict.FASTER)
_ID_DIGITS: Final = 16


def finding_rows(
    comparisons: Sequence[Comparison],
    machines: Mapping[str, str],
    now: tuple[str, str],
    before: Sequence[FindingRow],
) -> list[FindingRow]:
    """Return what became slower or faster: the newest first, and of these the largest.

    An A/A comparison finds nothing: what is called there is a false alarm, which the audit counts.

    Args:
        comparisons: those of the release.
        machines: title of each machine, by its key.
        now: version and moment of the release.
        before: findings of the release before, which tell since when each is said.
    """
    known = {row["id"]: (row["since"], row["since_at"]) for row in before}
    rows = [
        _row(comparison, cell, machines, now, known)
        for comparison in comparisons
        if not comparison["same_versions"]
        for cell in comparison["cells"]
        if cell["verdict"] in CALLED
    ]
    return sorted(rows, key=_order)


def finding_id(comparison: Comparison, cell: ComparedCell) -> str:
    """Return what names a finding as long as it is one: the hash of what it is about."""
    names = ("machine_key", "suite", "baseline", "candidate")
    about = [*(comparison[name] for name in names), cell["cell"], cell["verdict"]]  # type: ignore[literal-required]
    return document_sha256(about)[:_ID_DIGITS]


def under(aliases: Aliases, findings: Sequence[FindingRow]) -> list[FindingRow]:
    """Return earlier findings named by the machine keys that count now, what was said last first.

    So none is new, or gone, because its machine has another key.
    """
    ordered = sorted(findings, key=lambda row: parse_moment(row["since_at"]), reverse=True)
    return [_renamed(row, aliases) if row["machine_key"] in aliases else row for row in ordered]


def _renamed(row: FindingRow, aliases: Aliases) -> FindingRow:
    found: Any = dict(row)
    found["machine_key"] = counted_as(found["machine_key"], aliases)
    found["id"] = finding_id(found, found)
    renamed: FindingRow = found
    return renamed


def _row(
    comparison: Comparison,
    cell: ComparedCell,
    machines: Mapping[str, str],
    now: tuple[str, str],
    known: Mapping[str, tuple[str, str]],
) -> FindingRow:
    name = finding_id(comparison, cell)
    since, since_at = known.get(name, now)
    return {
        "id": name,
        "since": since,
        "since_at": since_at,
        "machine_key": comparison["machine_key"],
        "machine": machines[comparison["machine_key"]],
        "suite": comparison["suite"],
        "baseline": comparison["baseline"],
        "candidate": comparison["candidate"],
        "cell": cell["cell"],
        "verdict": cell["verdict"],
        "wording": cell["wording"],
        "ratio": cell["ratio"],
        "low": cell["low"],
        "high": cell["high"],
        "q": cell["q"],
        "process_runs": cell["process_runs"],
        "provisional": comparison["provisional"] is not None,
    }


def _order(row: FindingRow) -> tuple[float, float, str]:
    newest = -parse_moment(row["since_at"]).timestamp()
    return newest, -abs(math.log(row["ratio"] or 1)), row["id"]
