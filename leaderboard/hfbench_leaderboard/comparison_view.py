"""What the pages of one comparison show: the answer, every cell of it, and how we know."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.comparing.tables import Pooled, PooledCell
from hfbench_aggregate.environments import environment_of, installed_versions
from hfbench_aggregate.tables import ComparedCell, Comparison, SubmissionRow
from hfbench_leaderboard import charts
from hfbench_leaderboard.index import Index, Place, comparison_path, pooled_path
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import VERDICT_SYMBOLS, cell_name, counted, headline
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.submission import EnvironmentFacts

ROWS: Final = 150
"""Cells on one page; what needs a look comes first, so that the first page has it."""
_ABSENT: Final = "not installed"
_ORDER: Final = {verdict: place for place, verdict in enumerate(VERDICT_SYMBOLS)}


@dataclass(frozen=True)
class CellView:
    """One cell of a comparison; `path` leads to its page, and is None if there is none."""

    row: ComparedCell
    model: str
    detail: str
    path: str | None


@dataclass(frozen=True)
class PackageRow:
    """One package in both environments; more than one version if submissions differ."""

    name: str
    baseline: str
    candidate: str

    @property
    def kind(self) -> str:
        """`same` version in both environments, `changed`, or in `one` of them only."""
        if self.baseline == self.candidate:
            return "same"
        return "one" if _ABSENT in (self.baseline, self.candidate) else "changed"


def comparison_pages(index: Index, margin: float) -> Iterator[Page]:
    """Yield the pages of every comparison; more than one where it has many cells."""
    for comparison in index.release.comparisons:
        ordered = sorted(comparison["cells"], key=reading_order)
        count = max(1, -(-len(ordered) // ROWS))
        shared = _shared(index, comparison, ordered, count, margin)
        for number in range(1, count + 1):
            rows = ordered[(number - 1) * ROWS : number * ROWS]
            yield _page(index, comparison, rows, number, shared)


def reading_order(cell: ComparedCell | PooledCell) -> tuple[int, float, str]:
    """Order cells by what needs a look: slower, faster, and so on; large changes before small."""
    called = cell["verdict"] in ("slower", "faster")
    size = abs(math.log(cell["ratio"])) if called and cell["ratio"] else 0.0
    return _ORDER.get(cell["verdict"], len(_ORDER)), -size, cell["cell"]


def answer(index: Index, comparison: Comparison, margin: float) -> dict[str, Any]:
    """Return what stands on every page that names a comparison."""
    return {
        "facts": comparison,
        "headline": headline(comparison, margin),
        "machine": index.machines[comparison["machine_key"]],
        "path": comparison_path(comparison),
        "tally": Counter(cell["verdict"] for cell in comparison["cells"]),
    }


def _shared(
    index: Index, comparison: Comparison, ordered: Sequence[ComparedCell], count: int, margin: float
) -> dict[str, Any]:
    """Return what all pages of a comparison show; `key` stands for what it depends on."""
    submissions = _submissions(index, comparison)
    machine = index.machines[comparison["machine_key"]]
    without_cells = {name: value for name, value in comparison.items() if name != "cells"}
    # Headline and axis depend on every cell.
    reach = [(cell["verdict"], cell["ratio"], cell["low"], cell["high"]) for cell in ordered]
    across = [(pooled_path(one), _across(one, margin)) for one in index.across(comparison)]
    facts = [without_cells, submissions, machine, reach, count, margin, across]
    key = json.dumps(facts, sort_keys=True)
    return answer(index, comparison, margin) | {
        "across": across,
        "axis": charts.forest_axis(ordered, margin),
        "packages": _packages(comparison, submissions),
        "submissions": submissions,
        "pages": [comparison_path(comparison, number + 1) for number in range(count)],
        "key": sha256_hex(key.encode()),
    }


def _across(pooled: Pooled, margin: float) -> str:
    """Say what contributors found together of the pair."""
    by = counted(len(pooled["studies"]), "contributor")
    return f"{pooled['device_class']}, {by}: {headline(pooled, margin, 'contributors')}"


def _page(
    index: Index,
    comparison: Comparison,
    rows: Sequence[ComparedCell],
    number: int,
    shared: dict[str, Any],
) -> Page:
    def view() -> dict[str, Any]:
        return {**shared, "cells": cell_views(index, comparison, rows), "number": number}

    inputs = [shared["key"], rows, number]
    return Page(comparison_path(comparison, number), "comparison.html", inputs, view)


def cell_views(
    index: Index, comparison: Comparison, rows: Sequence[ComparedCell]
) -> list[CellView]:
    """Return rows of a comparison with what names them."""
    found = []
    for row in rows:
        place = Place(comparison["machine_key"], comparison["suite"], row["cell"])
        model, detail = cell_name(row["cell"])
        found.append(CellView(row, model, detail, place.path if place in index.cells else None))
    return found


def _submissions(index: Index, comparison: Comparison) -> list[SubmissionRow]:
    """Return the submissions that a comparison rests on, by the start of their sittings."""
    where = (comparison["machine_key"], comparison["suite"])
    sides = (comparison["baseline"], comparison["candidate"])
    rows = (
        index.row(Place(*where, c["cell"]), side) for c in comparison["cells"] for side in sides
    )
    return index.submissions_of(row for row in rows if row is not None)


def _packages(comparison: Comparison, submissions: Sequence[SubmissionRow]) -> list[PackageRow]:
    """Return all packages by name."""
    titles = (comparison["baseline"], comparison["candidate"])
    sides = [_versions(title, submissions) for title in titles]
    if not all(sides):
        return []
    names = sorted(sides[0].keys() | sides[1].keys())
    return [PackageRow(name, *(side.get(name, _ABSENT) for side in sides)) for name in names]


def _versions(title: str, submissions: Sequence[SubmissionRow]) -> dict[str, str]:
    """Return the versions in an environment, of Python too, over all submissions."""
    found: dict[str, set[str]] = {}
    for facts in _environments(title, submissions):
        for name, version in {"python": facts["python"], **installed_versions(facts)}.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _environments(title: str, submissions: Sequence[SubmissionRow]) -> list[EnvironmentFacts]:
    return [
        facts
        for submission in submissions
        for facts in submission["environments"]
        if environment_of(facts).title == title
    ]
