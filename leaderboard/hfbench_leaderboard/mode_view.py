"""Which way to run a model is fastest: frameworks and modes, ranked within one version."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from hfbench_aggregate.release_tables import RankBoard, RankedCell
from hfbench_leaderboard.board_view import Board, boards_of
from hfbench_leaderboard.index import Index, digest
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import places

TABLE: Final = "mode_ranks.json"
ROWS: Final = 200
"""Models in one shape on one page."""


@dataclass(frozen=True)
class RankedWay:
    """One way to run it: its time, and between which places it ranks."""

    how: str
    milliseconds: float | None
    places: str
    is_first: bool
    process_runs: int


@dataclass(frozen=True)
class ModeRow:
    """One model in one precision and shape on one machine, in the newest version that was ranked.

    `whole` says which ways are first over all shapes, and is empty where these are too few to say.
    """

    model: str
    detail: str
    machine: str
    version: str
    ways: Sequence[RankedWay]
    whole: str


def modes_path(board: Board, page: int = 1) -> str:
    """Return where the ways to run models on a board's devices are; further pages are numbered."""
    name = digest(board.suite, board.device)
    return f"modes/{name}{f'-{page}' if page > 1 else ''}.html"


def mode_pages(index: Index, found: Sequence[Board]) -> Iterator[Page]:
    """Yield the pages of each board that has ways to rank."""
    for board in found:
        rows = mode_rows(index, board)
        count = -(-len(rows) // ROWS)
        for number in range(1, count + 1):
            part = rows[(number - 1) * ROWS : number * ROWS]
            yield _page(board, part, number, count, len(rows))


def has_modes(index: Index, board: Board) -> bool:
    """Whether a board has a page of ways to run models."""
    return bool(mode_rows(index, board))


def mode_rows(index: Index, board: Board) -> list[ModeRow]:
    """Return each model, precision and shape in which several ways were ranked, by name."""
    newest: dict[tuple[str, str], ModeRow] = {}
    for one in boards_of(index, board, TABLE):  # the newest versions first
        for cell in one["cells"]:
            ways = _ways(one, cell)
            if len(ways) > 1:
                newest.setdefault((cell["cell"], one["machine_key"]), _row(one, cell, ways))
    return [newest[key] for key in sorted(newest)]


def _row(board: RankBoard, cell: RankedCell, ways: Sequence[RankedWay]) -> ModeRow:
    model, precision, shape = cell["cell"].split("/")
    batch, _, length = shape.partition("-")
    first = [entry["name"] for entry in board["entries"] if entry["tied_for_first"]]
    return ModeRow(
        model=model,
        detail=f"{precision}, batch {batch.removeprefix('b')}, length {length.removeprefix('s')}",
        machine=board["machine"],
        version=board["alike"],
        ways=ways,
        whole=" and ".join(first),
    )


def _ways(board: RankBoard, cell: RankedCell) -> list[RankedWay]:
    """Return the ways that were ranked in a cell, the fastest first."""
    columns = zip(
        board["entries"], cell["ms"], cell["low"], cell["high"], cell["process_runs"], strict=True
    )
    found = [
        RankedWay(entry["name"], ms, places(low, high), low == 1, runs)
        for entry, ms, low, high, runs in columns
        if low is not None and high is not None
    ]
    return sorted(found, key=lambda way: way.milliseconds or 0.0)


def _page(board: Board, rows: Sequence[ModeRow], number: int, count: int, total: int) -> Page:
    view: Mapping[str, Any] = {
        "board": board,
        "rows": rows,
        "total": total,
        "number": number,
        "pages": [modes_path(board, n + 1) for n in range(count)],
    }
    inputs = [board.suite, board.device, [asdict(row) for row in rows], total, number, count]
    return Page(modes_path(board, number), "modes.html", inputs, lambda: view)
