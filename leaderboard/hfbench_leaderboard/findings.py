"""What became slower or faster: the findings of a release, and their pages."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_aggregate.wording import heading
from hfbench_leaderboard.index import Index, Place, comparison_path, digest, pooled_path
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.since import MOST, TABLE, called_changes
from hfbench_leaderboard.words import cell_name, change, counted, interval

ROWS: Final = 200
"""Findings on one page."""
CALLED: Final = ("slower", "faster")


@dataclass(frozen=True)
class Finding:
    """One cell that became slower or faster from one version to the next.

    `comparison` is a row of `comparisons.json`, of one machine, or one of `pooled.json`, of several
    contributors; `cell` one of its cells. `where` names them for people.
    """

    comparison: Any
    cell: Any
    where: str
    path: str
    since: str | None

    @property
    def is_pooled(self) -> bool:
        """Whether several contributors found it together."""
        return "studies" in self.comparison

    @property
    def provisional(self) -> bool:
        """Whether something weakens the comparison that it is in."""
        return self.comparison.get("provisional") is not None

    @property
    def id(self) -> str:
        """What stays the same as long as the verdict on this cell of these versions does."""
        where = "device_class" if self.is_pooled else "machine_key"
        names = (self.comparison[where], self.comparison["suite"], self.cell["cell"])
        versions = (self.comparison["baseline"], self.comparison["candidate"])
        return digest(*names, *versions, self.cell["verdict"])

    @property
    def title(self) -> str:
        """The finding in a line."""
        model, detail = cell_name(self.cell["cell"])
        on = f"; {self.where}" if self.is_pooled else ""
        return f"{model} {self.cell['verdict']} ({change(self.cell['ratio'])}), {detail}{on}"

    @property
    def text(self) -> str:
        """The finding in a sentence, with what supports it."""
        ends = interval(self.cell["low"], self.cell["high"])
        runs = " and ".join(map(str, self.cell["process_runs"]))
        return (
            f"{heading(self.comparison)} on {self.where}: {change(self.cell['ratio'])}, "
            f"95 % interval {ends}, from {runs} process runs"
        )


def findings(index: Index) -> list[Finding]:
    """Return what changed between neighbouring versions: newest version first, slower first.

    Of a version, what was found across contributors comes before what single machines found.
    Comparisons over several versions would repeat the same change.
    """
    found = [*_of_machines(index), *_across(index)]
    return sorted(found, key=lambda one: _order(index, one))


def _of_machines(index: Index) -> Iterator[Finding]:
    since = _since(index)
    for comparison in index.neighbours:
        machine = index.machines[comparison["machine_key"]]["title"]
        for cell in _called(comparison):
            known = since.get(_names(comparison, cell))
            yield Finding(comparison, cell, machine, _path(index, comparison, cell), known)


def _across(index: Index) -> Iterator[Finding]:
    since = _since(index)
    for pooled in index.pooled_neighbours:
        for cell in _called(pooled):
            where = f"{pooled['device_class']}, {counted(cell['contributors'], 'contributor')}"
            known = since.get(_names(pooled, cell))
            yield Finding(pooled, cell, where, pooled_path(pooled), known)


def _called(comparison: Any) -> list[Any]:
    return [cell for cell in comparison["cells"] if cell["verdict"] in CALLED]


def _order(index: Index, one: Finding) -> tuple[int, bool, int, float, str]:
    age = index.ages.get(one.comparison["candidate"], -1)
    size = abs(math.log(one.cell["ratio"] or 1.0))
    return -age, not one.is_pooled, CALLED.index(one.cell["verdict"]), -size, one.id


def _path(index: Index, comparison: Comparison, cell: ComparedCell) -> str:
    place = Place(comparison["machine_key"], comparison["suite"], cell["cell"])
    return place.path if place in index.cells else comparison_path(comparison)


def _names(comparison: Any, cell: Any) -> tuple[str | None, ...]:
    """Return what names a finding in any release; a row of findings is both."""
    where = comparison.get("device_class") or comparison["machine_key"]
    sides = (comparison[name] for name in ("suite", "baseline", "candidate"))
    return (where, *sides, cell["cell"], cell["verdict"])


def _since(index: Index) -> dict[tuple[str | None, ...], str]:
    """Return since when each finding is said, where the release has a table of that."""
    rows = index.tables.get("findings.json", [])
    return {_names(row, row): row["since_at"] for row in rows if "since_at" in row}


def finding_pages(index: Index, found: Sequence[Finding]) -> Iterator[Page]:
    """Yield the pages of all findings."""
    count = max(1, -(-len(found) // ROWS))
    for number in range(1, count + 1):
        yield _page(index, found, number, count)


def _page(index: Index, found: Sequence[Finding], number: int, count: int) -> Page:
    rows = found[(number - 1) * ROWS : number * ROWS]
    points = called_changes(index) if number == 1 else []
    view = {
        "points": points[:MOST],
        "point_count": len(points),
        "has_history": TABLE in index.tables,
        "findings": rows,
        "total": len(found),
        "number": number,
        "pages": [_page_path(n + 1) for n in range(count)],
        "environments": index.environments,
    }
    said = [[one.cell, one.text, one.path] for one in rows]
    since = [
        [[one.line.inputs, one.change, one.path] for one in points[:MOST]],
        len(points),
        TABLE in index.tables,
    ]
    inputs = [said, len(found), number, count, index.environments, since]
    return Page(_page_path(number), "regressions.html", inputs, lambda: view)


def _page_path(number: int) -> str:
    return f"regressions{f'-{number}' if number > 1 else ''}.html"
