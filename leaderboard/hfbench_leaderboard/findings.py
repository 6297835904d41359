"""What became slower or faster: the findings of a release, and their pages."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_aggregate.wording import heading
from hfbench_leaderboard.index import Index, Place, comparison_path, digest
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import cell_name, change, interval

ROWS: Final = 200
"""Findings on one page."""
CALLED: Final = ("slower", "faster")


@dataclass(frozen=True)
class Finding:
    """One cell that became slower or faster from one version to the next, on one machine."""

    comparison: Comparison
    cell: ComparedCell
    machine: str
    path: str
    since: str | None

    @property
    def id(self) -> str:
        """What stays the same as long as the verdict on this cell of these versions does."""
        names = (self.comparison["machine_key"], self.comparison["suite"], self.cell["cell"])
        versions = (self.comparison["baseline"], self.comparison["candidate"])
        return digest(*names, *versions, self.cell["verdict"])

    @property
    def title(self) -> str:
        """The finding in a line."""
        model, detail = cell_name(self.cell["cell"])
        return f"{model} {self.cell['verdict']} ({change(self.cell['ratio'])}), {detail}"

    @property
    def text(self) -> str:
        """The finding in a sentence, with what supports it."""
        ends = interval(self.cell["low"], self.cell["high"])
        runs = " and ".join(map(str, self.cell["process_runs"]))
        return (
            f"{heading(self.comparison)} on {self.machine}: {change(self.cell['ratio'])}, "
            f"95 % interval {ends}, from {runs} process runs"
        )


def findings(index: Index) -> list[Finding]:
    """Return what changed between neighbouring versions: newest version first, slower first.

    Comparisons over several versions would repeat the same change.
    """
    since = _since(index)
    found = [
        Finding(comparison, cell, index.machines[comparison["machine_key"]]["title"], path, known)
        for comparison in index.neighbours
        for cell in comparison["cells"]
        if cell["verdict"] in CALLED
        for path in [_path(index, comparison, cell)]
        for known in [since.get(_names(comparison, cell))]
    ]
    return sorted(found, key=lambda one: _order(index, one))


def _order(index: Index, one: Finding) -> tuple[int, int, float, str]:
    age = index.ages.get(one.comparison["candidate"], -1)
    size = abs(math.log(one.cell["ratio"] or 1.0))
    return -age, CALLED.index(one.cell["verdict"]), -size, one.id


def _path(index: Index, comparison: Comparison, cell: ComparedCell) -> str:
    place = Place(comparison["machine_key"], comparison["suite"], cell["cell"])
    return place.path if place in index.cells else comparison_path(comparison)


def _names(comparison: Any, cell: Any) -> tuple[str, ...]:
    sides = ("machine_key", "suite", "baseline", "candidate")
    return (*(comparison[side] for side in sides), cell["cell"], cell["verdict"])


def _since(index: Index) -> dict[tuple[str, ...], str]:
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
    view = {
        "findings": rows,
        "total": len(found),
        "number": number,
        "pages": [_page_path(n + 1) for n in range(count)],
        "environments": index.environments,
    }
    said = [[one.cell, one.text, one.path] for one in rows]
    inputs = [said, len(found), number, count, index.environments]
    return Page(_page_path(number), "regressions.html", inputs, lambda: view)


def _page_path(number: int) -> str:
    return f"regressions{f'-{number}' if number > 1 else ''}.html"
