"""Reports as CSV: one row for each verdict, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from hfbench_aggregate.comparing.tables import Report

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula, or for a way to hide one."""
_SHARED: Final = ("suite", "baseline", "candidate")
_FIGURES: Final = (
    "cell",
    "verdict",
    "ratio",
    "low",
    "high",
    "q",
    "p",
    "p_equivalent",
    "detectable",
    "prediction_low",
    "prediction_high",
    "q_heterogeneity",
    "baseline_ms",
    "candidate_ms",
)
_COLUMNS: Final = (
    "scope",
    "machine_key",
    "machine",
    *_SHARED,
    *_FIGURES,
    "contributors",
    "process_runs_baseline",
    "process_runs_candidate",
    "wording",
    "flags",
)


def report_csv(report: Report) -> str:
    """Return a report as CSV: `scope` is `pooled` or `machine`, what a row has not is empty."""
    return as_csv(_COLUMNS, _rows(report))


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header; no text in it is a formula to a spreadsheet."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    for pooled in report["pooled"]:
        head = {"scope": "pooled", "machine": pooled["device_class"]}
        yield from (_row(pooled, row, head) for row in pooled["cells"])
    for machine in report["machines"]:
        head = {
            "scope": "machine",
            "machine": machine["machine"],
            "machine_key": machine["machine_key"],
        }
        yield from (_row(machine, row, head) for row in machine["cells"])


def _row(
    table: Mapping[str, Any], row: Mapping[str, Any], head: Mapping[str, Any]
) -> dict[str, Any]:
    baseline, candidate = row["process_runs"]
    return {
        **head,
        **{name: table[name] for name in _SHARED},
        **{name: row[name] for name in _FIGURES if name in row},
        "contributors": row.get("contributors", 1),
        "process_runs_baseline": baseline,
        "process_runs_candidate": candidate,
        "wording": row["wording"],
        "flags": "; ".join(row["flags"]),
    }


def _safe(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would calculate."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
