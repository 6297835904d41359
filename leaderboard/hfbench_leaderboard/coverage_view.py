"""What is missing: which cells of a suite each machine measured, and how to measure the rest."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from hfbench_leaderboard.index import Index, digest
from hfbench_leaderboard.pages import Page, View

Row = dict[str, Any]


def coverage_view(index: Index) -> View:
    """Return what the page of all coverage shows; `rows` is None without such a table."""
    rows = index.tables.get("coverage.json")
    if rows is None:
        return {"rows": None, "machines": [], "measured": _measured(index)}
    machines: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        machines[row["suite"], row["machine"]].append({**row, "path": coverage_path(row)})
    # The newest environment is what most readers ask about.
    found = [
        (*key, sorted(held, key=lambda row: _age(index, row))) for key, held in machines.items()
    ]
    return {"rows": rows, "machines": found, "measured": []}


def _age(index: Index, row: Row) -> int:
    return -index.ages.get(row["environment"], -1)


def coverage_path(row: Row) -> str:
    """Return where the page of one environment on one machine lies."""
    return f"coverage/{digest(row['machine_key'], row['suite'], row['environment'])}.html"


def coverage_pages(index: Index) -> Iterator[Page]:
    """Yield a page for each environment on each machine: which cells, exactly."""
    for row in index.tables.get("coverage.json", []):
        yield _page(row)


def _page(row: Row) -> Page:
    return Page(coverage_path(row), "coverage_row.html", row, lambda: {"row": row})


def _measured(index: Index) -> list[tuple[str, str, list[tuple[str, int, int]]]]:
    """Return for each suite and machine how many cells each environment has a time of."""
    tally: Counter[tuple[str, str, str]] = Counter()
    every: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place, rows in index.cells.items():
        every[place.suite, place.machine_key].add(place.cell)
        for row in rows:
            timed = row["centre_ms"] is not None
            tally[place.suite, place.machine_key, row["environment"]] += timed
    return [
        (suite, index.machines[key]["title"], [
            (title, tally[suite, key, title], len(cells))
            for title in index.environments if (suite, key, title) in tally
        ])
        for (suite, key), cells in sorted(every.items())
    ]  # fmt: skip
