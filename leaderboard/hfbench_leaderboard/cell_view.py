"""What the page of one cell on one machine shows: every process run, in every environment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

from markupsafe import Markup, escape

from hfbench_aggregate.comparing.tables import PooledCell
from hfbench_aggregate.tables import CellRow, ComparedCell, Comparison, ProcessRunRow
from hfbench_aggregate.wording import difference
from hfbench_leaderboard.history import Column, history_chart
from hfbench_leaderboard.index import Index, Place, comparison_path, pooled_path
from hfbench_leaderboard.pages import Page, page_root
from hfbench_leaderboard.since import TABLE, Line, changed_titles, lines_by_place
from hfbench_leaderboard.words import cell_name, milliseconds, status_words
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import MEASURED_STATUSES

WAYS: Final = 20
"""Other ways to run a model that a page shows, the fastest first."""
RUNS: Final = 600
"""Process runs in the table of a page; the tables to download have all of them."""


@dataclass(frozen=True)
class Way:
    """Another way to run the same model on the same input: its newest time, and its page."""

    how: str
    milliseconds: float | None
    version: str
    path: str

    @cached_property
    def linked(self) -> str:
        """Its table row from the link's path on; many pages show the same."""
        return (
            f'{escape(self.path)}">{escape(self.how)}</a></th>'
            f'<td data-label="Version">{escape(self.version)}</td>'
            f'<td class="number" data-label="Time, ms">{milliseconds(self.milliseconds)}</td></tr>'
        )


@dataclass(frozen=True)
class Step:
    """A verdict on one environment against the one before it, and where the comparison stands."""

    comparison: Comparison
    cell: ComparedCell
    path: str
    across: tuple[PooledCell, str] | None = None
    """What contributors found together in the cell, of the same two versions, and its page."""


def cell_pages(index: Index) -> Iterator[Page]:
    """Yield one page for each cell on each machine."""
    steps = _steps(index)
    elsewhere = _elsewhere(index)
    ways = _ways(index)
    lines = lines_by_place(index)
    for place, rows in index.cells.items():
        places = elsewhere[place.suite, place.cell]
        others = [way for way in ways[place][: WAYS + 1] if way.path != place.path][:WAYS]
        own = lines.get(place, ())
        yield _page(index, place, rows, steps.get(place, {}), places, others, own)


def _steps(index: Index) -> dict[Place, dict[str, Step]]:
    """Return the verdicts of each cell against the environment before, by environment."""
    found: dict[Place, dict[str, Step]] = defaultdict(dict)
    for comparison in index.neighbours:
        path = comparison_path(comparison)
        across = {
            cell["cell"]: (cell, pooled_path(pooled))
            for pooled in index.across(comparison)
            for cell in pooled["cells"]
        }
        for cell in comparison["cells"]:
            place = Place(comparison["machine_key"], comparison["suite"], cell["cell"])
            step = Step(comparison, cell, path, across.get(cell["cell"]))
            found[place][comparison["candidate"]] = step
    return found


def _elsewhere(index: Index) -> dict[tuple[str, str], list[Place]]:
    """Return where each cell was measured."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in index.cells:
        found[place.suite, place.cell].append(place)
    return found


def _work(place: Place) -> tuple[str, ...]:
    """Return what ways to run a model share: machine, suite, model, and the shape of its input."""
    try:
        cell = parse_cell(place.cell)
    except ValueError:
        return (place.machine_key, place.suite, place.cell)
    shape = f"b{cell.batch_size}-s{cell.sequence_length}"
    return (place.machine_key, place.suite, cell.model, cell.device, shape)


def _ways(index: Index) -> dict[Place, list[Way]]:
    """Return all ways to do the work of each cell on its machine, the fastest first."""
    works = {place: _work(place) for place in index.cells}
    found: dict[tuple[str, ...], list[Way]] = defaultdict(list)
    for place, rows in index.cells.items():
        newest = rows[-1]
        version = newest["environment"].split(", ")[0].removeprefix("transformers ")
        time = newest["centre_ms"]
        found[works[place]].append(Way(cell_name(place.cell)[1], time, version, place.path))
    for ways in found.values():
        ways.sort(key=lambda way: (way.milliseconds is None, way.milliseconds or 0.0, way.how))
    return {place: found[work] for place, work in works.items()}


def _page(
    index: Index,
    place: Place,
    rows: Sequence[CellRow],
    steps: Mapping[str, Step],
    places: Sequence[Place],
    ways: Sequence[Way],
    lines: Sequence[Line],
) -> Page:
    machine = index.machines[place.machine_key]
    others = [
        (one.path, index.machines[one.machine_key]["title"]) for one in places if one != place
    ]
    numbers = {row["sha256"]: index.numbers[row["sha256"]] for row in index.submissions_of(rows)}
    verdicts = [(name, step.cell, step.path, step.across) for name, step in steps.items()]

    def view() -> dict[str, Any]:
        model, detail = cell_name(place.cell)
        changed = changed_titles(lines)
        columns = [
            replace(_column(row, rows, steps), since=changed.get(row["environment"]))
            for row in rows
        ]
        places = {sha256: n + 1 for n, sha256 in enumerate(numbers)}
        return {
            "place": place,
            "model": model,
            "detail": detail,
            "machine": machine,
            "lines": lines,
            "has_history": TABLE in index.tables,
            "steps": steps,
            "pooled": any(step.across for step in steps.values()),
            "rows": rows,
            "chart": history_chart(columns, f"Process runs of {model}, {detail}"),
            "columns": columns,
            "runs": run_table(rows, places, RUNS),
            "run_count": sum(len(row["process_runs"]) for row in rows),
            "shown": RUNS,
            "submissions": list(numbers),
            "others": others,
            "ways": way_table(ways, page_root(place.path)),
            "batch_size": _batch_size(place.cell),
            "command": f"hfbench-submit run {place.suite.split('-')[0]} --cells '{place.cell}'",
        }

    said = [[line.inputs for line in lines], TABLE in index.tables]
    inputs = [rows, machine, others, numbers, verdicts, [way.linked for way in ways], said]
    return Page(place.path, "cell.html", inputs, view)


def _column(row: CellRow, rows: Sequence[CellRow], steps: Mapping[str, Step]) -> Column:
    name = short_name(row["environment"], tuple(other["environment"] for other in rows))
    step = steps.get(row["environment"])
    if step is None:
        return Column(row, name)
    return Column(row, name, step.cell["verdict"], step.cell["ratio"])


@cache
def short_name(title: str, titles: tuple[str, ...]) -> str:
    """Return what tells an environment from others on the same page: `4.57.6`, if that suffices."""
    others = [other for other in titles if other != title]
    if not others:
        return title.split(", ")[0]
    differing = max((difference(other, title)[1] for other in others), key=len)
    return differing.removeprefix("transformers ").replace("replica ", "A/A ")


def way_table(ways: Sequence[Way], root: str) -> Markup:
    """Return the table rows of other ways to run a model; `root` leads to the first folder."""
    rows = (f'<tr><th scope="row"><a href="{root}{way.linked}' for way in ways)
    return Markup("\n".join(rows))  # noqa: S704  strangers' words are escaped


def run_table(rows: Sequence[CellRow], numbers: Mapping[str, int], most: int) -> Markup:
    """Return the table rows of process runs, each environment's in launch order.

    There are more of these than of anything else, so they are put together without a template.
    """
    drawn = []
    for row in rows:
        environment = escape(row["environment"].split(", ")[0])
        runs = sorted(row["process_runs"], key=lambda run: (run["submission"], run["order"]))
        drawn += [
            _run_row(environment, launch, run, numbers.get(run["submission"], 0))
            for launch, run in enumerate(runs, start=1)
        ]
    return Markup("\n".join(drawn[:most]))  # noqa: S704  strangers' words are escaped


def _run_row(environment: Markup, launch: int, run: ProcessRunRow, submission: int) -> str:
    again = " <small>second attempt</small>" if run["attempt"] else ""
    return (
        f'<tr><th scope="row">{environment}{again}</th><td class="number">{launch}</td>'
        f'<td class="number">{run["block"] + 1}</td>{_result(run)}'
        f'<td class="number">{submission}</td></tr>'
    )


def _result(run: ProcessRunRow) -> str:
    """Return the cells of what a process run gave: its time, or why there is none."""
    said = escape(status_words(run["status"]))
    if run["status"] not in MEASURED_STATUSES or run["median_ms"] is None:
        reason = escape(run["reason"] or "no reason given")
        return f'<td colspan="2"><strong>{said}</strong>: {reason}</td>'
    flag = f" <small>{said}</small>" if run["status"] != "ok" else ""
    return (
        f'<td class="number">{milliseconds(run["median_ms"])}{flag}</td>'
        f'<td class="number">{run["warmup_iterations"]} + {run["iterations"]}</td>'
    )


def _batch_size(cell_id: str) -> int:
    try:
        return parse_cell(cell_id).batch_size
    except ValueError:
        return 1
