"""The leaderboard: how fast each cell is on each kind of device, and which version is fastest.

Times are compared across machines by the reader, who has one like them; only entries of one machine
are ranked, and never by a bare number.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.tables import CellRow
from hfbench_leaderboard.cell_view import short_name
from hfbench_leaderboard.index import Index, Place, digest
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import cell_name
from hfbench_schema.cells import parse_cell

ROWS: Final = 200
"""Cells on one page of a board."""


@dataclass(frozen=True)
class BoardRow:
    """One cell on one machine: its time in the newest version that measured it."""

    place: Place
    model: str
    detail: str
    machine: str
    row: CellRow
    version: str
    verdict: str | None
    ratio: float | None
    per_second: float | None
    submitters: int


@dataclass(frozen=True)
class Board:
    """All cells of a suite on one kind of device."""

    suite: str
    device: str
    places: tuple[Place, ...]

    def path(self, number: int = 1) -> str:
        """Return where a page of the board lies."""
        name = digest(self.suite, self.device)
        return f"leaderboard/{name}{f'-{number}' if number > 1 else ''}.html"


def boards(index: Index) -> list[Board]:
    """Return the boards of a release, by suite and device."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in index.cells:
        found[place.suite, index.device_class(place)].append(place)
    return [Board(suite, device, tuple(sorted(found[suite, device], key=_by_cell)))
            for suite, device in sorted(found)]  # fmt: skip


def _by_cell(place: Place) -> tuple[str, str]:
    return place.cell, place.machine_key


def board_pages(index: Index, found: Sequence[Board], modes: Mapping[Board, str]) -> Iterator[Page]:
    """Yield the pages of every board; `modes` is where its ways to run a model are ranked."""
    verdicts = _verdicts(index)
    for board in found:
        rows = [row for place in board.places for row in _rows(index, place, verdicts)]
        count = max(1, -(-len(rows) // ROWS))
        for number in range(1, count + 1):
            part = rows[(number - 1) * ROWS : number * ROWS]
            yield _page(index, board, part, (number, count, len(rows)), modes.get(board))


def _page(
    index: Index,
    board: Board,
    rows: Sequence[BoardRow],
    pages: tuple[int, int, int],
    modes: str | None,
) -> Page:
    number, count, total = pages
    ranks = _ranks(index, board) if number == 1 else None
    view = {
        "board": board,
        "rows": rows,
        "ranks": ranks,
        "modes": modes,
        "total": total,
        "number": number,
        "pages": [board.path(n + 1) for n in range(count)],
    }
    inputs = [[_inputs(row) for row in rows], ranks, modes, total, number, count]
    return Page(board.path(number), "board.html", inputs, lambda: view)


def _inputs(row: BoardRow) -> list[Any]:
    facts = {name: value for name, value in row.row.items() if name != "process_runs"}
    return [facts, row.machine, row.version, row.verdict, row.ratio, row.submitters]


def _verdicts(index: Index) -> Mapping[tuple[Place, str], tuple[str, float | None]]:
    """Return the verdict on each cell in each environment against the one before."""
    return {
        (Place(one["machine_key"], one["suite"], cell["cell"]), one["candidate"]): (
            cell["verdict"],
            cell["ratio"],
        )
        for one in index.neighbours
        for cell in one["cells"]
    }


def _rows(
    index: Index, place: Place, verdicts: Mapping[tuple[Place, str], tuple[str, float | None]]
) -> Iterator[BoardRow]:
    """Yield the row of the newest environment that has a time; none if none has."""
    timed = [row for row in index.cells[place] if row["centre_ms"] is not None]
    timed = [row for row in timed if "replica" not in row["environment"]] or timed
    if timed:
        newest = timed[-1]
        model, detail = cell_name(place.cell)
        verdict, ratio = verdicts.get((place, newest["environment"]), (None, None))
        yield BoardRow(
            place=place,
            model=model,
            detail=detail,
            machine=index.machines[place.machine_key]["title"],
            row=newest,
            version=short_name(newest["environment"], ()),
            verdict=verdict,
            ratio=ratio,
            per_second=_per_second(place.cell, newest["centre_ms"]),
            submitters=len({one["submitter"] for one in index.submissions_of([newest])}),
        )


def _per_second(cell_id: str, milliseconds: float | None) -> float | None:
    """Return how many examples a second are processed, one call after another."""
    try:
        cell = parse_cell(cell_id)
    except ValueError:
        return None
    return 1000 * cell.batch_size / milliseconds if milliseconds else None


def _ranks(index: Index, board: Board) -> list[Any] | None:
    """Return the rank boards of these machines, newest versions first; None without the table."""
    if "ranks.json" not in index.tables:
        return None
    return [
        {name: value for name, value in row.items() if name != "cells"}
        for row in boards_of(index, board, "ranks.json")
    ]


def boards_of(index: Index, board: Board, table: str) -> list[Any]:
    """Return the rank boards of a table on these machines and devices, newest versions first."""
    machines = {place.machine_key for place in board.places}
    device = "cpu" if board.device == "CPU" else board.device
    found = [
        row
        for row in index.tables.get(table, [])
        if row["suite"] == board.suite
        and row["machine_key"] in machines
        and row["device"] in (device, "cuda" if device != "cpu" else device)
    ]
    return sorted(found, key=lambda row: _newest(index, row), reverse=True)


def _newest(index: Index, row: Mapping[str, Any]) -> int:
    return max((index.ages.get(entry["environment"], -1) for entry in row["entries"]), default=-1)
