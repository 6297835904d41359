"""The dataset: documents come back from parts as they were, and tables say what documents say."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.aggregate.conftest import Maker

from hfbench_aggregate.dataset.parts import (
    PART_BYTES,
    PART_SCHEMA,
    PartError,
    StoredDocument,
    documents_of,
    in_parts,
    parquet_bytes,
    part_of,
)
from hfbench_aggregate.dataset.process_runs import process_run_table
from hfbench_schema.canonical import canonical_bytes, strict_json

CORPUS = sorted(Path("tests/schema/corpus").glob("submission-*/*.json"))


@pytest.fixture
def documents(maker: Maker) -> list[StoredDocument]:
    made = [canonical_bytes(maker.document()) for _ in range(3)]
    real = [path.read_bytes() for path in CORPUS]
    return [StoredDocument("2026-11-24T00:00:00Z", "ada", data) for data in [*made, *real]]


def test_every_document_comes_back_byte_for_byte(documents: list[StoredDocument]) -> None:
    part = part_of(documents)
    assert sorted(documents_of(part), key=repr) == sorted(documents, key=repr)
    assert part_of(reversed(documents)) == part


def test_a_part_that_was_changed_is_found_out(documents: list[StoredDocument]) -> None:
    table = pq.read_table(io.BytesIO(part_of(documents)), schema=PART_SCHEMA)
    texts = table["document"].to_pylist()
    texts[1] = texts[1].replace('"status":"ok"', '"status":"OK"', 1)
    place = table.schema.get_field_index("document")
    changed = table.set_column(place, PART_SCHEMA.field("document"), pa.array(texts))
    with pytest.raises(PartError, match=table["sha256"][1].as_py()):
        list(documents_of(parquet_bytes(changed)))
    for data in (b"", b"PAR1", part_of(documents)[:-9], process_run_table(documents)):
        with pytest.raises(PartError, match="parquet"):
            list(documents_of(data))


def test_parts_are_of_bounded_size() -> None:
    def stored(size: int) -> StoredDocument:
        return StoredDocument("2026-11-24T00:00:00Z", "ada", b"x" * size)

    third = PART_BYTES // 3
    sizes = [third, third, third, third, PART_BYTES + 1, 1]
    groups = list(in_parts(map(stored, sizes)))
    assert [[len(one.data) for one in group] for group in groups] == [
        [third, third, third],
        [third],
        [PART_BYTES + 1],
        [1],
    ]


def test_a_row_says_what_its_process_run_says(documents: list[StoredDocument]) -> None:
    rows = pq.read_table(io.BytesIO(process_run_table(documents))).to_pylist()
    by_name = {stored.sha256: strict_json(stored.data) for stored in documents}
    assert len(rows) == sum(len(document["process_runs"]) for document in by_name.values())
    for row in rows:
        run = by_name[row["submission"]]["process_runs"][row["number"]]
        assert (row["cell"], row["status"], row["iterations_ns"]) == (
            run["cell"],
            run["status"],
            run.get("iterations_ns"),
        )
    measured = next(row for row in rows if row["median_ns"])
    timed = sorted(measured["iterations_ns"][measured["warmup_iterations"] :])
    assert timed[len(timed) // 2 - 1] <= measured["median_ns"] <= timed[len(timed) // 2]
    assert measured["environment"].startswith("transformers ")
