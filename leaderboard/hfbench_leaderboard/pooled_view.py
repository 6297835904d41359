"""What the pages of a comparison across contributors show: is it slower anywhere, for anybody?"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from hfbench_aggregate.comparing.tables import Pooled, PooledCell, Study
from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_leaderboard import charts
from hfbench_leaderboard.comparison_view import reading_order
from hfbench_leaderboard.downloads import csv_bytes
from hfbench_leaderboard.index import Index, Place, comparison_path, pooled_path
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import cell_name, headline
from hfbench_schema.canonical import sha256_hex

ROWS: Final = 150
"""Cells on one page, as of a comparison of one machine."""
MACHINES: Final = 8
"""Machines that a row names, the largest change first; each has a comparison of its own."""
_GROUP: Final = ("device_class", "suite", "baseline", "candidate")
_FIGURES: Final = (
    "cell", "verdict", "ratio", "low", "high", "prediction_low", "prediction_high", "spread", "q",
    "q_heterogeneity", "detectable", "contributors",
)  # fmt: skip


@dataclass(frozen=True)
class OnMachine:
    """What one machine alone says of a cell, and the page that shows its process runs."""

    machine: str
    path: str
    verdict: str
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PooledCellView:
    """One cell across contributors; `machines` are those that a row has room for."""

    row: PooledCell
    model: str
    detail: str
    machines: Sequence[OnMachine]
    tally: dict[str, int]


@dataclass(frozen=True)
class StudyView:
    """One contributor; `path` leads to what the machine alone says of the pair, if it does."""

    row: Study
    path: str | None


def pooled_answer(pooled: Pooled, margin: float) -> dict[str, Any]:
    """Return what stands on every page that names a comparison across contributors."""
    return {
        "facts": pooled,
        "headline": headline(pooled, margin, "contributors"),
        "path": pooled_path(pooled),
        "tally": Counter(cell["verdict"] for cell in pooled["cells"]),
        "machine_count": len({study["machine_key"] for study in pooled["studies"]}),
    }


def pooled_pages(index: Index, margin: float) -> Iterator[Page]:
    """Yield the pages of every comparison across contributors; several where it has many cells."""
    for pooled in index.pooled:
        ordered = sorted(pooled["cells"], key=reading_order)
        count = max(1, -(-len(ordered) // ROWS))
        shared = _shared(index, pooled, ordered, count, margin)
        cells = pooled_cells(index, pooled, ordered)
        for number in range(1, count + 1):
            yield _page(pooled, cells[(number - 1) * ROWS : number * ROWS], number, shared)


def _shared(
    index: Index, pooled: Pooled, ordered: Sequence[PooledCell], count: int, margin: float
) -> dict[str, Any]:
    """Return what all pages of a comparison show; `key` stands for what it depends on."""
    alone = _alone(index, pooled)
    studies = [StudyView(study, _path(alone, study)) for study in pooled["studies"]]
    # Headline, axis and remarks depend on every cell.
    inputs = [pooled, [one.path for one in studies], count, margin]
    return pooled_answer(pooled, margin) | {
        "axis": charts.forest_axis(ordered, margin),
        "studies": studies,
        "remarks": [(cell_name(cell["cell"]), cell["flags"]) for cell in ordered if cell["flags"]],
        "pages": [pooled_path(pooled, number + 1) for number in range(count)],
        "key": sha256_hex(json.dumps(inputs, sort_keys=True).encode()),
    }


def _page(
    pooled: Pooled, rows: Sequence[PooledCellView], number: int, shared: dict[str, Any]
) -> Page:
    view = {**shared, "cells": rows, "number": number}
    inputs = [shared["key"], [asdict(row) for row in rows], number]
    return Page(pooled_path(pooled, number), "pooled.html", inputs, lambda: view)


def _alone(index: Index, pooled: Pooled) -> dict[str, Comparison]:
    """Return what each machine says of the pair by itself, by machine key."""
    keys = sorted({study["machine_key"] for study in pooled["studies"]})
    sides = pooled["suite"], pooled["baseline"], pooled["candidate"]
    found = {key: index.by_pair.get((key, *sides)) for key in keys}
    return {key: one for key, one in found.items() if one is not None}


def _path(alone: Mapping[str, Comparison], study: Study) -> str | None:
    key = study["machine_key"]
    return comparison_path(alone[key]) if key in alone else None


def pooled_cells(
    index: Index, pooled: Pooled, ordered: Sequence[PooledCell]
) -> list[PooledCellView]:
    """Return rows of a comparison across contributors, with what each machine says by itself."""
    by_cell: dict[str, list[OnMachine]] = defaultdict(list)
    for comparison in _alone(index, pooled).values():
        for cell in comparison["cells"]:
            by_cell[cell["cell"]].append(_on_machine(index, comparison, cell))
    return [_cell(row, by_cell[row["cell"]]) for row in ordered]


def _on_machine(index: Index, comparison: Comparison, cell: ComparedCell) -> OnMachine:
    place = Place(comparison["machine_key"], comparison["suite"], cell["cell"])
    return OnMachine(
        machine=index.machines[place.machine_key]["title"],
        path=place.path if place in index.cells else comparison_path(comparison),
        verdict=cell["verdict"],
        ratio=cell["ratio"],
        low=cell["low"],
        high=cell["high"],
    )


def _cell(row: PooledCell, machines: Sequence[OnMachine]) -> PooledCellView:
    measured = [one for one in machines if one.ratio]
    measured.sort(key=lambda one: -abs(math.log(one.ratio or 1.0)))
    tally = dict(Counter(one.verdict for one in machines))
    return PooledCellView(row, *cell_name(row["cell"]), measured[:MACHINES], tally)


def pooled_csv(index: Index) -> dict[str, bytes]:
    """Return every verdict across contributors as CSV, by file name; nothing without any."""
    if not index.pooled:
        return {}
    rows = (
        [*(one[name] for name in _GROUP), *(cell[name] for name in _FIGURES)]
        for one in index.pooled
        for cell in one["cells"]
    )
    return {"pooled.csv": csv_bytes([(*_GROUP, *_FIGURES), *rows])}
