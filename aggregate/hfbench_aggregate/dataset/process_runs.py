"""The table of process runs: one row each, as a reader of the dataset would look for them.

Only raw facts, like the documents themselves, but for the median: it is what everything else is
computed from, and nobody should have to wonder which iterations it is of.
"""

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, Final

import pyarrow as pa

from hfbench_aggregate.dataset.parts import StoredDocument, parquet_bytes
from hfbench_aggregate.environments import environment_of
from hfbench_schema.canonical import strict_json
from hfbench_schema.cells import parse_cell
from hfbench_schema.machine_key import machine_key, machine_title
from hfbench_schema.submission import ProcessRun, Submission, role_of, timed_iterations

_CELL: Final = {
    "suite": pa.string(),
    "model": pa.string(),
    "framework": pa.string(),
    "mode": pa.string(),
    "device": pa.string(),
    "precision": pa.string(),
    "batch_size": pa.int32(),
    "sequence_length": pa.int32(),
    "world_size": pa.int32(),
    "task": pa.string(),
}
PROCESS_RUN_SCHEMA: Final = pa.schema(
    {
        "submission": pa.string(),
        "number": pa.int32(),
        "submitter": pa.string(),
        "machine_key": pa.string(),
        "machine": pa.string(),
        "environment": pa.string(),
        "cell": pa.string(),
        **_CELL,
        "role": pa.string(),
        "block": pa.int32(),
        "attempt": pa.int32(),
        "started_at": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
        "wall_ns": pa.int64(),
        "warmup_iterations": pa.int32(),
        "iterations_ns": pa.list_(pa.int64()),
        "median_ns": pa.float64(),
    }
)
"""`number` is the place in the document; `median_ns` that of the timed iterations of a latency."""


def process_run_table(documents: Iterable[StoredDocument]) -> bytes:
    """Return the parquet file of all process runs of some documents."""
    ordered = sorted(documents, key=lambda one: one.sha256)
    rows = [row for document in ordered for row in _rows(document)]
    return parquet_bytes(pa.Table.from_pylist(rows, schema=PROCESS_RUN_SCHEMA))


def _rows(stored: StoredDocument) -> Iterator[dict[str, Any]]:
    document: Submission = strict_json(stored.data)
    machine = document["machine"]
    common = {
        "submission": stored.sha256,
        "submitter": stored.submitter,
        "machine_key": machine_key(machine),
        "machine": machine_title(machine),
    }
    titles = [environment_of(facts).title for facts in document["environments"]]
    for number, run in enumerate(document["process_runs"]):
        place = {"number": number, "environment": titles[run["environment"]]}
        yield {**common, **place, **_cell_columns(run["cell"]), **_measured(run)}


def _cell_columns(cell_id: str) -> dict[str, Any]:
    cell = parse_cell(cell_id)
    columns = {name: getattr(cell, name) for name in _CELL}
    return {"cell": cell_id, **columns, "task": cell.task or None}


def _measured(run: ProcessRun) -> dict[str, Any]:
    names = ("block", "started_at", "status", "reason", "wall_ns")
    calls = ("warmup_iterations", "iterations_ns")
    return {
        **{name: run.get(name) for name in (*names, *calls)},
        "role": role_of(run),
        "attempt": run.get("attempt", 0),
        "median_ns": median(timed) if (timed := timed_iterations(run)) else None,
    }
