"""The large tables of a release as parquet, for anybody's tools: the rows of their JSON, flat."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

import pyarrow as pa

from hfbench_aggregate.comparing.tables import Pooled, PooledCell
from hfbench_aggregate.dataset.parts import parquet_bytes
from hfbench_aggregate.history.tables import ChangeRow, HistoryGroup, SeriesRow, VersionPoint
from hfbench_aggregate.release_tables import FindingRow
from hfbench_aggregate.tables import CellRow, ComparedCell, Comparison, ProcessRunRow

_SCALARS: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_CELL: Final = ("machine_key", "suite", "environment", "cell")
_PAIR: Final = ("machine_key", "suite", "baseline", "candidate", "same_versions", "design")
_LINE: Final = ("machine_keys", "device_class", "suite", "environment")
_ACROSS: Final = ("device_class", "suite", "baseline", "candidate", "same_versions")


def parquet_tables(tables: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the parquet files of a release, by name; rows are in the order of the JSON.

    `cells` are without their process runs, which have a table of their own; `comparisons` and
    `pooled` have a row for each cell, with the pair that it is of; `history` has a row for each
    version of each series, `change_points` for each of theirs.
    """
    cells: list[CellRow] = tables["cells.json"]
    comparisons: list[Comparison] = tables["comparisons.json"]
    schemas = {
        "cells": (_schema(CellRow, leave="process_runs"), cells),
        "process_runs": (
            _schema(CellRow, only=_CELL) | _schema(ProcessRunRow),
            _joined(cells, _CELL, "process_runs"),
        ),
        "comparisons": (
            _schema(Comparison, only=_PAIR) | _schema(ComparedCell),
            _joined(comparisons, _PAIR, "cells"),
        ),
        "findings": (_schema(FindingRow), tables["findings.json"]),
    }
    if "pooled.json" in tables:
        schemas["pooled"] = (
            _schema(Pooled, only=_ACROSS) | _schema(PooledCell),
            _joined(tables["pooled.json"], _ACROSS, "cells"),
        )
    if "history.json" in tables:
        schemas |= _history(tables["history.json"])
    return {
        f"{name}.parquet": parquet_bytes(pa.Table.from_pylist(list(rows), schema=pa.schema(schema)))
        for name, (schema, rows) in schemas.items()
    }


def _history(groups: Sequence[HistoryGroup]) -> dict[str, Any]:
    """Return the schemas and rows of series, and of their change points."""
    series = list(_joined(groups, _LINE, "series"))
    line = _schema(HistoryGroup, only=_LINE)
    own = (*_LINE, "cell")
    named = line | _schema(SeriesRow, only=("cell",))
    return {
        "history": (named | _schema(VersionPoint), _joined(series, own, "points")),
        "change_points": (
            named | _schema(SeriesRow, only=("q",)) | _schema(ChangeRow),
            _joined(series, (*own, "q"), "changes"),
        ),
    }


def _joined(
    rows: Iterable[Mapping[str, Any]], names: Iterable[str], inner: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows within each row, with some columns of that one."""
    for row in rows:
        outer = {name: row[name] for name in names}
        yield from ({**outer, **held} for held in row[inner])


def _schema(row: Any, only: Iterable[str] = (), leave: str = "") -> dict[str, pa.DataType]:
    """Return the columns of a row's type: all, some `only`, or all but one."""
    hints = get_type_hints(row)
    return {name: _arrow(hints[name]) for name in (only or hints) if name != leave}


def _arrow(hint: Any) -> pa.DataType:
    """Return the type of a column: a scalar, which may be null, or a list of scalars."""
    if get_origin(hint) is list:
        return pa.list_(_SCALARS[get_args(hint)[0]])
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    return _SCALARS[kinds[0]]
