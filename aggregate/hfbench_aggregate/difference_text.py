"""The difference of two releases as text, for a terminal and for the notes of a release."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from hfbench_aggregate.causes import METHOD_OR_JOINT
from hfbench_aggregate.changes import FIGURE, RANK, TRUST, VERDICT
from hfbench_aggregate.release_tables import ChangeRow, DiffRow
from hfbench_aggregate.wording import counted

_NOUNS: Final = {VERDICT: "verdict", RANK: "rank interval", TRUST: "trust tier", FIGURE: "figure"}


def difference_text(diff: DiffRow) -> str:
    """Return everything: inputs, method, and each change of a verdict or a rank with its cause.

    Figures are counted; JSON has each.
    """
    head = f"{diff['after']} against {diff['before']}"
    inputs = f"submissions: {len(diff['added'])} more, {len(diff['removed'])} fewer"
    lines = [head, *(f"  {line}" for line in (inputs, *difference_summary(diff)))]
    lines += [f"  {name}  {diff['events'][name]}" for name in diff["removed"]]
    changes = [row for row in diff["changes"] if row["kind"] != FIGURE]
    for (kind, *place), rows in groupby(changes, lambda row: (row["kind"], *row["key"][:-1])):
        where = " | ".join(filter(None, place)) or "submissions"
        lines += ["", f"{_NOUNS[kind]}s of {where}", *map(_line, rows)]
    return "\n".join(lines)


def difference_summary(diff: DiffRow) -> Iterator[str]:
    """Yield what differs beside submissions, and how many changes each cause has."""
    if diff["registry_changed"]:
        yield "registry: changed"
    if "aliases" in diff:
        yield f"aliases: {', '.join(diff['aliases'])}"
    if diff["method"]:
        yield f"method: {', '.join(diff['method'])}"
    for kind, counts in groupby(diff["counts"], lambda row: row["kind"]):
        rows = list(counts)
        total = counted(sum(row["count"] for row in rows), _NOUNS[kind])
        why = ", ".join(f"{row['count']} by {causes_text(row['causes'])}" for row in rows)
        yield f"{total} changed: {why}"
    if not diff["counts"]:
        yield "no verdict, rank interval, trust tier or figure changed"
    yield from (f"limit: {limit}" for limit in diff["limits"])


def causes_text(causes: Sequence[str]) -> str:
    """Say the causes of a change: `new data`, `new data and retraction, jointly`."""
    first, *others = causes
    if first == METHOD_OR_JOINT:
        return f"{first} with {' and '.join(others)}"
    return " and ".join(causes) + (", jointly" if others else "")


def _line(row: ChangeRow) -> str:
    before, after = (row[side] or "none" for side in ("before", "after"))
    return f"  {row['key'][-1]}: {before} -> {after} ({causes_text(row['causes'])})"
