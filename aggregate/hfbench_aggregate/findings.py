"""Findings: every cell that a release says became slower or faster, and since which release."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hfbench_aggregate.aliases import Aliases, counted_as
from hfbench_aggregate.comparing.tables import Pooled
from hfbench_aggregate.release_tables import FindingRow
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import Comparison
from hfbench_schema.canonical import document_sha256
from hfbench_schema.timestamps import parse_moment

CALLED: Final = (Verdict.SLOWER, Verdict.FASTER)
_ID_DIGITS: Final = 16


def finding_rows(
    comparisons: Sequence[Comparison],
    pooled: Sequence[Pooled],
    machines: Mapping[str, str],
    now: tuple[str, str],
    before: Sequence[FindingRow],
) -> list[FindingRow]:
    """Return what became slower or faster: the newest first, of these what was pooled, then size.

    An A/A comparison finds nothing: what is called there is a false alarm, which the audit counts.

    Args:
        comparisons: those of the release, each of one machine.
        pooled: those across contributors.
        machines: title of each machine, by its key.
        now: version and moment of the release.
        before: findings of the release before, which tell since when each is said.
    """
    known = {row["id"]: (row["since"], row["since_at"]) for row in before}
    every: list[Any] = [*pooled, *comparisons]
    rows = [
        _row(comparison, cell, machines, known.get(finding_id(comparison, cell), now))
        for comparison in every
        if not comparison["same_versions"]
        for cell in comparison["cells"]
        if cell["verdict"] in CALLED
    ]
    return sorted(rows, key=_order)


def finding_id(comparison: Any, cell: Any) -> str:
    """Return what names a finding as long as it is one: the hash of what it is about."""
    where = "device_class" if _is_pooled(comparison) else "machine_key"
    names = (where, "suite", "baseline", "candidate")
    about = [*(comparison[name] for name in names), cell["cell"], cell["verdict"]]
    return document_sha256(about)[:_ID_DIGITS]


def _is_pooled(comparison: Any) -> bool:
    return "studies" in comparison


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
    comparison: Any, cell: Any, machines: Mapping[str, str], since: tuple[str, str]
) -> FindingRow:
    key = comparison.get("machine_key")
    return {
        "id": finding_id(comparison, cell),
        "since": since[0],
        "since_at": since[1],
        "machine_key": key,
        "machine": None if key is None else machines[key],
        "device_class": comparison.get("device_class"),
        "contributors": cell.get("contributors"),
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
        "provisional": comparison.get("provisional") is not None,
    }


def _order(row: FindingRow) -> tuple[float, bool, float, str]:
    newest = -parse_moment(row["since_at"]).timestamp()
    size = -abs(math.log(row["ratio"] or 1))
    return newest, row["machine_key"] is not None, size, row["id"]
