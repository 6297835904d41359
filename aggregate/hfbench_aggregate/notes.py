"""The notes of a release: what is in it, in words, written from its tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from hfbench_aggregate.audit import audit_sentences
from hfbench_aggregate.comparing.tables import Pooled, PooledCell
from hfbench_aggregate.coverage import STATES
from hfbench_aggregate.difference_text import difference_summary
from hfbench_aggregate.findings import CALLED
from hfbench_aggregate.markdown import plain
from hfbench_aggregate.release_tables import CoverageRow, DiffRow, RankBoard
from hfbench_aggregate.tables import ComparedCell, Comparison, MachineRow, Manifest
from hfbench_aggregate.wording import counted, heading, in_common, percent, summary, tally

MOST_LISTED: Final = 5
"""Findings of a comparison that notes list, the largest; tables have all."""


def release_notes(
    manifest: Manifest, tables: Mapping[str, Any], process_runs: Mapping[str, Sequence[int]]
) -> str:
    """Return the notes as Markdown; strangers' text in it is plain text.

    `process_runs` counts those of each role: measured, and not.
    """
    machines, comparisons = tables["machines.json"], tables["comparisons.json"]
    sections = [
        f"# Release {manifest['version']}",
        _counts(manifest, process_runs, machines),
        *_news(manifest, tables.get("diff.json")),
        *_pooled(tables.get("pooled.json", ())),
        "## Verdicts",
        *_verdicts(machines, comparisons),
        "## Provisional",
        _provisional(comparisons),
        "## Ranks",
        _ranks(tables["ranks.json"]),
        "## Coverage",
        _coverage(tables["coverage.json"]),
        "## Self-audit",
        "\n".join(f"- {sentence}" for sentence in audit_sentences(tables["audit.json"])),
    ]
    return "\n\n".join(sections) + "\n"


def _counts(
    manifest: Manifest, process_runs: Mapping[str, Sequence[int]], machines: Sequence[MachineRow]
) -> str:
    roles = []
    for role, (measured, missing) in process_runs.items():
        failed = f" ({missing} more failed or were set aside)" if missing else ""
        roles.append(f"{measured} of role {role}{failed}")
    return (
        f"As of {manifest['as_of']}: {counted(len(manifest['inputs']), 'submission')} from "
        f"{counted(len(machines), 'machine')}. Measured process runs: {', '.join(roles)}."
    )


def _news(manifest: Manifest, diff: DiffRow | None) -> Iterator[str]:
    """Yield what came since the release before, and what changed by which cause."""
    if diff is None:
        yield "This is the first release."
        return
    changes = [f"{counted(len(diff['added']), 'submission')} more"]
    if diff["removed"]:
        changes.append(f"{counted(len(diff['removed']), 'submission')} fewer")
    yield f"Since {manifest['previous']}: {', '.join(changes)}."
    yield "\n".join(f"- {plain(line)}" for line in difference_summary(diff))


def _pooled(comparisons: Sequence[Pooled]) -> Iterator[str]:
    """Yield one paragraph or list for each comparison across contributors, if there are any."""
    if comparisons:
        yield "## Across contributors"
    for pooled in filter(_has_changes, comparisons):
        where = f"{pooled['suite']}, {pooled['device_class']}, {in_common(pooled)}"
        by = counted(len(pooled["studies"]), "contributor")
        verdicts = tally(row["verdict"] for row in pooled["cells"])
        text = f"{where}: {heading(pooled)}, {by}: {verdicts}"
        yield _listing(text, pooled["cells"], "pooled.json")
    yield from _unchanged(comparisons)


def _verdicts(machines: Sequence[MachineRow], comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield one paragraph or list a comparison, machine by machine."""
    if not comparisons:
        yield "Nothing to compare: no machine has measured two versions of transformers."
    for machine in machines:
        own = [c for c in comparisons if c["machine_key"] == machine["machine_key"]]
        if own:
            yield f"### {plain(machine['title'])}"
        for comparison in filter(_has_changes, own):
            where = f"{comparison['suite']}, {in_common(comparison)}"
            text = f"{where}: {summary(comparison)}"
            yield _listing(text, comparison["cells"], "findings.json")
        yield from _unchanged(own)


def _has_changes(comparison: Comparison | Pooled) -> bool:
    return any(row["verdict"] in CALLED for row in comparison["cells"])


def _unchanged(comparisons: Sequence[Comparison] | Sequence[Pooled]) -> Iterator[str]:
    """Yield a sentence that sums up the comparisons in which nothing is called."""
    rest = [one for one in comparisons if not _has_changes(one)]
    if rest:
        verdicts = tally(row["verdict"] for one in rest for row in one["cells"])
        verb = "finds" if len(rest) == 1 else "find"
        yield f"{counted(len(rest), 'comparison')} {verb} no change: {verdicts}."


def _listing(text: str, cells: Sequence[ComparedCell] | Sequence[PooledCell], table: str) -> str:
    """Return a sentence and the largest of what changed; `table` has the others."""
    called = [row for row in cells if row["verdict"] in CALLED]
    called.sort(key=lambda row: -abs(math.log(row["ratio"] or 1)))
    lines = [f"{plain(text)}."]
    lines += [f"- `{row['cell']}`: {plain(row['wording'])}" for row in called[:MOST_LISTED]]
    if (more := len(called) - MOST_LISTED) > 0:
        lines.append(f"- {more} more in `{table}`")
    return "\n".join(lines)


def _provisional(comparisons: Sequence[Comparison]) -> str:
    lines = [
        f"- {plain(summary(comparison))}: {comparison['provisional']}"
        for comparison in comparisons
        if comparison["provisional"]
    ]
    return "\n".join(lines) or "No verdict is provisional."


def _ranks(boards: Sequence[RankBoard]) -> str:
    """Say who may be first on each board."""
    lines = [_first(board) for board in boards]
    return "\n".join(lines) or "No sitting has measured two versions that are alike else."


def _first(board: RankBoard) -> str:
    where = f"{board['machine']}, {board['suite']}, {board['device']}, {board['alike']}"
    if board["unranked"] is not None:
        return f"- {plain(where)}: not ranked as a whole ({board['unranked']})"
    first = [entry["name"] for entry in board["entries"] if entry["tied_for_first"]]
    how = "fastest" if len(first) == 1 else f"tied for first of {len(board['entries'])}"
    return f"- {plain(where)}: {plain(', '.join(first))} {how}"


def _coverage(rows: Sequence[CoverageRow]) -> str:
    """Say what is measured of what could be, machine by machine, over all environments."""
    groups = groupby(rows, lambda row: (row["machine_key"], row["suite"]))
    lines = [_measured(list(group)) for _, group in groups]
    return "\n".join(lines) or "No suite that this version knows was measured."


def _measured(rows: list[CoverageRow]) -> str:
    counts = {state: sum(row["counts"][state] for row in rows) for state in STATES}
    total = sum(counts.values())
    share = percent(counts.pop("measured") / max(total, 1))
    rest = [f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count]
    where = plain(f"{rows[0]['machine']}, {rows[0]['suite']}")
    missing = f" ({', '.join(rest)})" if rest else ""
    environments, cells = counted(len(rows), "environment"), counted(total, "cell")
    return f"- {where}, {environments}: {share} of {cells} measured{missing}"
