"""What the page of one cell on one machine shows: every process run, in every environment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hfbench_aggregate.tables import CellRow, ComparedCell, Comparison, ProcessRunRow
from hfbench_aggregate.wording import difference
from hfbench_leaderboard.history import Column, history_chart
from hfbench_leaderboard.index import Index, Place, comparison_path
from hfbench_leaderboard.pages import Page
from hfbench_leaderboard.words import cell_name
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import MEASURED_STATUSES

RUNS: Final = 600
"""Process runs in the table of a page; the tables to download have all of them."""


@dataclass(frozen=True)
class Step:
    """A verdict on one environment against the one before it, and where the comparison stands."""

    comparison: Comparison
    cell: ComparedCell
    path: str


@dataclass(frozen=True)
class RunView:
    """One process run with its place among those of its environment; the first launch is 1."""

    environment: str
    launch: int
    run: ProcessRunRow
    submission: int

    @property
    def measured(self) -> bool:
        """Whether it gave a time."""
        return self.run["status"] in MEASURED_STATUSES and self.run["median_ms"] is not None


def cell_pages(index: Index) -> Iterator[Page]:
    """Yield one page for each cell on each machine."""
    steps = _steps(index)
    elsewhere = _elsewhere(index)
    for place, rows in index.cells.items():
        yield _page(index, place, rows, steps.get(place, {}), elsewhere[place.suite, place.cell])


def _steps(index: Index) -> dict[Place, dict[str, Step]]:
    """Return the verdicts of each cell against the environment before, by environment."""
    found: dict[Place, dict[str, Step]] = defaultdict(dict)
    for comparison in index.neighbours:
        for cell in comparison["cells"]:
            place = Place(comparison["machine_key"], comparison["suite"], cell["cell"])
            step = Step(comparison, cell, comparison_path(comparison))
            found[place][comparison["candidate"]] = step
    return found


def _elsewhere(index: Index) -> dict[tuple[str, str], list[Place]]:
    """Return where each cell was measured."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in index.cells:
        found[place.suite, place.cell].append(place)
    return found


def _page(
    index: Index,
    place: Place,
    rows: Sequence[CellRow],
    steps: Mapping[str, Step],
    places: Sequence[Place],
) -> Page:
    machine = index.machines[place.machine_key]
    others = [
        (one.path, index.machines[one.machine_key]["title"]) for one in places if one != place
    ]
    numbers = {row["sha256"]: index.numbers[row["sha256"]] for row in index.submissions_of(rows)}
    verdicts = [(name, step.cell, step.path) for name, step in steps.items()]

    def view() -> dict[str, Any]:
        model, detail = cell_name(place.cell)
        columns = [_column(row, rows, steps) for row in rows]
        runs = _runs(rows, {sha256: n + 1 for n, sha256 in enumerate(numbers)})
        return {
            "place": place,
            "model": model,
            "detail": detail,
            "machine": machine,
            "steps": steps,
            "rows": rows,
            "chart": history_chart(columns, f"Process runs of {model}, {detail}"),
            "columns": columns,
            "runs": runs[:RUNS],
            "run_count": len(runs),
            "submissions": list(numbers),
            "others": others,
            "batch_size": _batch_size(place.cell),
            "command": f"hfbench-submit run {place.suite.split('-')[0]} --cells '{place.cell}'",
        }

    inputs = [rows, machine, others, numbers, verdicts]
    return Page(place.path, "cell.html", inputs, view)


def _column(row: CellRow, rows: Sequence[CellRow], steps: Mapping[str, Step]) -> Column:
    name = short_name(row["environment"], [other["environment"] for other in rows])
    step = steps.get(row["environment"])
    if step is None:
        return Column(row, name)
    return Column(row, name, step.cell["verdict"], step.cell["ratio"])


def short_name(title: str, titles: Sequence[str]) -> str:
    """Return what tells an environment from others on the same page: `4.57.6`, if that suffices."""
    others = [other for other in titles if other != title]
    if not others:
        return title.split(", ")[0]
    differing = max((difference(other, title)[1] for other in others), key=len)
    return differing.removeprefix("transformers ").replace("replica ", "A/A ")


def _runs(rows: Sequence[CellRow], numbers: Mapping[str, int]) -> list[RunView]:
    """Return the process runs of each environment in launch order."""
    return [
        RunView(row["environment"], launch, run, numbers.get(run["submission"], 0))
        for row in rows
        for launch, run in enumerate(
            sorted(row["process_runs"], key=lambda run: (run["submission"], run["order"])), start=1
        )
    ]


def _batch_size(cell_id: str) -> int:
    try:
        return parse_cell(cell_id).batch_size
    except ValueError:
        return 1
