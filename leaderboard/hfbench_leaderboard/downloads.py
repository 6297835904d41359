"""Tables to download: CSV for spreadsheets, and columns for the explorer.

A spreadsheet takes what begins with = + - or @ for a formula and runs it; strangers' text gets an
apostrophe before it.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec

from hfbench_leaderboard.findings import Finding
from hfbench_leaderboard.index import Index
from hfbench_leaderboard.words import cell_name
from hfbench_schema.canonical import canonical_bytes

_FORMULA: Final = frozenset("=+-@\t\r\n")
_CELLS: Final = (
    "machine_key", "suite", "environment", "cell", "measured", "sittings", "centre_ms", "low_ms",
    "high_ms",
)  # fmt: skip
_SIDES: Final = ("machine_key", "suite", "baseline", "candidate")
_VERDICT: Final = ("cell", "verdict", "ratio", "low", "high", "q", "detectable")


def csv_files(index: Index, found: Sequence[Finding]) -> dict[str, bytes]:
    """Return the tables as CSV (RFC 4180), by file name."""
    release = index.release
    sides, verdict = itemgetter(*_SIDES), itemgetter(*_VERDICT)
    verdicts = (
        (*names, *verdict(cell), *cell["process_runs"])
        for one in release.comparisons
        for names in [sides(one)]
        for cell in one["cells"]
    )
    changes = ((*sides(one.comparison), *verdict(one.cell)) for one in found)
    runs = ("baseline_process_runs", "candidate_process_runs")
    return {
        "cells.csv": csv_bytes([_CELLS, *map(itemgetter(*_CELLS), release.cells)]),
        "comparisons.csv": csv_bytes([(*_SIDES, *_VERDICT, *runs), *verdicts]),
        "changes.csv": csv_bytes([(*_SIDES, *_VERDICT), *changes]),
    }


def csv_bytes(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as CSV in UTF-8, no text of them a formula."""
    text = io.StringIO()
    # No call a value: there are hundreds of thousands.
    csv.writer(text, lineterminator="\r\n").writerows(
        [f"'{it}" if type(it) is str and it[:1] in _FORMULA else it for it in row] for row in rows
    )
    return text.getvalue().encode()


def explorer_columns(index: Index) -> bytes:
    """Return every typical time as columns: text by its number in a list, so that it is small."""
    texts: dict[str, dict[str, int]] = {name: {} for name in ("model", "detail", "environment")}
    texts |= {"machine": {}, "suite": {}, "page": {}}
    columns: dict[str, list[Any]] = {name: [] for name in texts}
    figures: dict[str, list[Any]] = {"ms": [], "low": [], "high": [], "runs": []}
    for row in _explored(index):
        for name, held in texts.items():
            columns[name].append(held.setdefault(row[name], len(held)))
        for name, numbers in figures.items():
            numbers.append(row[name])
    named = {name: {"texts": [*texts[name]], "at": columns[name]} for name in texts}
    return msgspec.json.encode({"texts": named, "figures": figures})


def _explored(index: Index) -> Iterator[dict[str, Any]]:
    for place, rows in index.cells.items():
        model, detail = cell_name(place.cell)
        for row in rows:
            yield {
                "model": model,
                "detail": detail,
                "environment": row["environment"],
                "machine": index.machines[place.machine_key]["title"],
                "suite": place.suite,
                "page": place.path,
                "ms": row["centre_ms"],
                "low": row["low_ms"],
                "high": row["high_ms"],
                "runs": row["measured"],
            }


def links(index: Index, comparisons: Sequence[tuple[Any, str]]) -> bytes:
    """Return where permalinks lead: the page of each comparison, by what names it."""
    rows = [[*(one[name] for name in _SIDES), path] for one, path in comparisons]
    machines = {key: row["title"] for key, row in index.machines.items()}
    return canonical_bytes({"comparisons": rows, "machines": machines})
