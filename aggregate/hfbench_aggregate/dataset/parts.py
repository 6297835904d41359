"""Parts: many accepted submissions in one parquet file, each with its very bytes.

A document is immutable and its name is the hash of its bytes; a part keeps both, so that every
document can be given back and checked. Rows are in the order of their names, and the same rows
give the same bytes with the same pyarrow.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hfbench_aggregate.environments import environment_of
from hfbench_schema.canonical import sha256_hex, strict_json
from hfbench_schema.machine_key import machine_key
from hfbench_schema.submission import Submission

PART_BYTES: Final = 64 * 1024 * 1024
"""Documents of so many bytes at most share a part; they shrink to a fraction of that."""
COMPRESSION: Final = "zstd"

PART_SCHEMA: Final = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("sha256", pa.string()),
            ("received_at", pa.string()),
            ("submitter", pa.string()),
            ("suite", pa.string()),
            ("machine_key", pa.string()),
            ("environments", pa.list_(pa.string())),
            ("process_runs", pa.int32()),
            ("document", pa.string()),
        )
    ]
)


class PartError(ValueError):
    """A part is no parquet file of submissions, or holds a document that is not what it was."""


@dataclass(frozen=True)
class StoredDocument:
    """An accepted submission: its canonical bytes, and what the ledger says of its arrival."""

    received_at: str
    submitter: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The document's name."""
        return sha256_hex(self.data)


def part_of(documents: Iterable[StoredDocument]) -> bytes:
    """Return the parquet file of some documents, one row each."""
    rows = [_row(document) for document in sorted(documents, key=lambda one: one.sha256)]
    return parquet_bytes(pa.Table.from_pylist(rows, schema=PART_SCHEMA))


def documents_of(part: bytes) -> Iterator[StoredDocument]:
    """Give back every document of a part.

    Raises:
        PartError: it is no part, or the bytes of a document do not hash to its name.
    """
    try:
        table = pq.read_table(io.BytesIO(part)).cast(PART_SCHEMA)
    except (pa.ArrowException, ValueError, OSError) as error:  # ValueError: other columns
        raise PartError(f"it is no parquet file of submissions: {error}") from error
    for row in table.to_pylist():
        document = StoredDocument(row["received_at"], row["submitter"], row["document"].encode())
        if document.sha256 != row["sha256"]:
            raise PartError(f"document {row['sha256']} has bytes that hash to {document.sha256}")
        yield document


def names_in(part: bytes) -> list[str]:
    """Return the sha256 of every document of a part, none of which is looked at.

    Raises:
        PartError: it is no part.
    """
    try:
        table = pq.read_table(io.BytesIO(part), columns=["sha256"])
        names: list[str] = table["sha256"].to_pylist()
    except (pa.ArrowException, LookupError, ValueError, OSError) as error:
        raise PartError(f"it is no parquet file of submissions: {error}") from error
    return names


def in_parts(documents: Iterable[StoredDocument]) -> Iterator[list[StoredDocument]]:
    """Divide documents into groups of at most PART_BYTES, one document at least."""
    group: list[StoredDocument] = []
    size = 0
    for document in documents:
        if group and size + len(document.data) > PART_BYTES:
            yield group
            group, size = [], 0
        group.append(document)
        size += len(document.data)
    if group:
        yield group


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as a parquet file, without what would make two of the same rows differ."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression=COMPRESSION, store_schema=False)
    return sink.getvalue()


def _row(stored: StoredDocument) -> dict[str, object]:
    document: Submission = strict_json(stored.data)
    suite = document["suite"]
    return {
        "sha256": stored.sha256,
        "received_at": stored.received_at,
        "submitter": stored.submitter,
        "suite": f"{suite['name']} {suite['version']}",
        "machine_key": machine_key(document["machine"]),
        "environments": [environment_of(facts).title for facts in document["environments"]],
        "process_runs": len(document["process_runs"]),
        "document": stored.data.decode(),
    }
