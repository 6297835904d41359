"""The first page of the leaderboard: each model on each kind of device, in one table.

An entry is the time of the fastest way to run a model in the newest version that measured it, as
its row of the release has it. Machines are set side by side, never ranked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hfbench_leaderboard.board_view import Board, boards_of
from hfbench_leaderboard.cell_view import short_name
from hfbench_leaderboard.index import Index, Place
from hfbench_leaderboard.words import counted
from hfbench_schema.cells import Cell, parse_cell

_PREFIX = "transformers "


@dataclass(frozen=True)
class Head:
    """One kind of device: its board, on what it was measured, and which versions are first."""

    board: Board
    where: str
    first: str | None


@dataclass(frozen=True)
class Entry:
    """A model on one kind of device; `machine` is empty where the board has no other."""

    milliseconds: float
    path: str
    way: str
    version: str
    machine: str


@dataclass(frozen=True)
class ModelRow:
    """A model in one shape, with an entry for each board; None where nothing was measured."""

    model: str
    shape: str
    entries: tuple[Entry | None, ...]


@dataclass(frozen=True)
class Matrix:
    """The models of a suite on every kind of device."""

    suite: str
    boards: tuple[Board, ...]
    rows: tuple[ModelRow, ...]


@dataclass(frozen=True)
class _Timed:
    """A time, and what it is of; `version` is without the other packages."""

    cell: Cell
    place: Place
    milliseconds: float
    version: str
    age: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.cell.batch_size, self.cell.sequence_length


def heads(index: Index, found: Sequence[Board]) -> list[Head]:
    """Return what stands above the table for each board."""
    return [Head(board, _where(index, board), first_places(index, board)) for board in found]


def matrices(index: Index, found: Sequence[Board]) -> list[Matrix]:
    """Return the tables of a release, one for each suite of inference."""
    by_suite: dict[str, list[Board]] = defaultdict(list)
    for board in found:
        by_suite[board.suite].append(board)
    made = [
        Matrix(suite, tuple(held), tuple(_rows(index, held))) for suite, held in by_suite.items()
    ]
    return [matrix for matrix in made if matrix.rows]


def first_places(index: Index, board: Board) -> str | None:
    """Say which of the newest versions that one machine ranked are first; None without ranks."""
    ranked = boards_of(index, board, "ranks.json")
    if not ranked:
        return None
    newest = ranked[0]
    where = f" on {newest['machine']}" if _several_machines(board) else ""
    entries = [entry for entry in newest["entries"] if entry["low"] is not None]
    if not entries:
        return f"No version is ranked{where}: {newest['unranked']}."
    first = [entry for entry in entries if entry["tied_for_first"]]
    first.sort(key=lambda entry: index.ages.get(entry["environment"], -1), reverse=True)
    name, others = first[0]["name"].removeprefix(_PREFIX), len(first) - 1
    held = f"and {counted(others, 'other')} are tied for first" if others else "is first"
    return f"{name} {held} of {counted(len(entries), 'version')} measured together{where}."


def _where(index: Index, board: Board) -> str:
    keys = _machine_keys(board)
    if len(keys) > 1:
        return counted(len(keys), "machine")
    return index.machines[keys.pop()]["title"]


def _several_machines(board: Board) -> bool:
    return len(_machine_keys(board)) > 1


def _machine_keys(board: Board) -> set[str]:
    return {place.machine_key for place in board.places}


def _rows(index: Index, held: Sequence[Board]) -> Iterator[ModelRow]:
    """Yield the models by name, each in its smallest common shape."""
    models: dict[str, list[list[_Timed]]] = defaultdict(lambda: [[] for _ in held])
    for number, board in enumerate(held):
        for timed in _times(index, board):
            models[timed.cell.model][number].append(timed)
    for model in sorted(models):
        shape = _common_shape(models[model])
        entries = [
            _entry(index, board, [one for one in times if one.shape == shape])
            for board, times in zip(held, models[model], strict=True)
        ]
        yield ModelRow(model, f"batch {shape[0]}, length {shape[1]}", tuple(entries))


def _times(index: Index, board: Board) -> Iterator[_Timed]:
    """Yield every time of inference on a board; of a replica only if nothing else has one."""
    for place in board.places:
        try:
            cell = parse_cell(place.cell)
        except ValueError:
            continue  # of a suite that this version does not know how to name
        timed = {
            row["environment"]: row["centre_ms"]
            for row in index.cells[place]
            if row["centre_ms"] is not None
        }
        titles = [title for title in timed if "replica" not in title] or list(timed)
        for title in titles if not cell.task else ():
            yield _Timed(cell, place, timed[title], short_name(title, ()), index.ages[title])


def _common_shape(boards: Sequence[Sequence[_Timed]]) -> tuple[int, int]:
    """Return the smallest batch, in the length that most boards share, the shortest of these."""
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for times in boards:
        for shape in {one.shape for one in times}:
            shared[shape] += 1
    return min(shared, key=lambda shape: (shape[0], -shared[shape], shape[1]))


def _entry(index: Index, board: Board, times: Sequence[_Timed]) -> Entry | None:
    """Return the least time in the newest version; whichever machine measured that."""
    if not times:
        return None
    newest = max(times, key=lambda one: one.age).version
    of_newest = [one for one in times if one.version == newest]
    best = min(of_newest, key=lambda one: (one.milliseconds, one.place))
    cell, machine = best.cell, index.machines[best.place.machine_key]["title"]
    return Entry(
        milliseconds=best.milliseconds,
        path=best.place.path,
        way=f"{cell.framework} {cell.mode}, {cell.precision}",
        version=best.version.removeprefix(_PREFIX),
        machine=machine if _several_machines(board) else "",
    )


def leaderboard_view(index: Index, found: Sequence[Board]) -> Mapping[str, Any]:
    """Return what the page shows of the boards."""
    return {"heads": heads(index, found), "matrices": matrices(index, found)}
