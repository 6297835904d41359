"""Partitions: some submissions of one bucket as parquet files.

    submissions.parquet   a row a submission: everything but its process runs of role latency
    runs.parquet          a row a process run of role latency: of its facts, those that are used
    samples.parquet       one column: their iterations in ns, warm-up included, one after the other
    reduced-1.parquet     the middle pair of each process run, row by row beside runs.parquet

Nothing of the iterations is lost; for the rest of a latency's facts there is the document.
Iterations are one flat required column, because a list column costs twice the time to read. They
are split by bytes, whose upper ones hardly change: 3.3 bytes an iteration. Row groups of `runs` and
`samples` end at the same process runs, so that either can be read group by group.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from hfbench_aggregate.engine.kernel import MiddlePairs, middle_pairs
from hfbench_aggregate.engine.runs import NONE, RUN, TEXTS, Runs, joined

REDUCER_VERSION: Final = 1
"""Of the way from iterations to the middle pair: goes up when `reduce_part` may say otherwise."""
GROUP_ITERATIONS: Final = 1 << 20
"""Iterations of a row group, about: 8 MB once read, which bounds what a reader holds."""

SUBMISSIONS: Final = "submissions.parquet"
RUNS: Final = "runs.parquet"
SAMPLES: Final = "samples.parquet"
REDUCED: Final = f"reduced-{REDUCER_VERSION}.parquet"

SUBMISSION_SCHEMA: Final = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("machine_key", pa.string(), nullable=False),
        pa.field("process_runs", pa.int32(), nullable=False),
        pa.field("outline", pa.binary(), nullable=False),
        pa.field("statuses", pa.binary(), nullable=False),
        pa.field("other_runs", pa.binary(), nullable=False),
    ]
)
"""`process_runs` counts those of role latency; `outline` is the document without process runs,
`statuses` has [role, status, count] of all of them, `other_runs` are those of the other roles, all
three in JSON."""
_COUNTS: Final = tuple(
    name for name in RUN.names or () if name not in (*TEXTS, "low_ns", "high_ns")
)
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
RUN_SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.from_numpy_dtype(RUN[name]), nullable=False) for name in _COUNTS),
        pa.field("samples", pa.int32(), nullable=False),
        *(pa.field(name, _TEXT) for name in TEXTS),
    ]
)
"""As in RUN; `samples` counts the iterations, warm-up included."""
SAMPLE_SCHEMA: Final = pa.schema([pa.field("ns", pa.int64(), nullable=False)])
REDUCED_SCHEMA: Final = pa.schema(
    [pa.field(name, pa.int64(), nullable=False) for name in ("low_ns", "high_ns")]
)
_SPLIT: Final = {
    "compression": "lz4",
    "use_dictionary": False,
    "column_encoding": "BYTE_STREAM_SPLIT",
    "write_statistics": False,
}
_COLUMNS: Final = {"compression": "lz4", "use_dictionary": list(TEXTS), "write_statistics": False}
_TEXTUAL: Final = {"compression": "zstd", "write_statistics": False}
"""A file of one submission is opened three times as fast by lz4 as by zstd, which JSON is worth."""


class DamagedError(Exception):
    """A file of a partition is not what was written."""


@dataclass(frozen=True, eq=False)
class Part:
    """A partition in memory.

    `submissions` are rows of SUBMISSION_SCHEMA; `runs` has no middle pairs yet, `counts` the
    iterations of each.
    """

    submissions: Sequence[dict[str, Any]]
    runs: Runs
    counts: npt.NDArray[np.int32]
    samples: npt.NDArray[np.int64]

    def files(self) -> dict[str, bytes]:
        """Return the files of the partition, reduced, by name."""
        ends = group_ends(self.counts)
        groups = np.split(self.samples, np.cumsum(self.counts, dtype=np.int64)[ends[:-1] - 1])
        runs = run_table(self.runs, self.counts)
        submissions = pa.Table.from_pylist([*self.submissions], SUBMISSION_SCHEMA)
        return {
            SUBMISSIONS: _parquet(SUBMISSION_SCHEMA, [submissions], _TEXTUAL),
            RUNS: _parquet(RUN_SCHEMA, _cut(runs, ends), _COLUMNS),
            SAMPLES: _parquet(SAMPLE_SCHEMA, map(_sample_table, groups), _SPLIT),
            REDUCED: reduced_bytes(_reduced(self.runs.rows, self.counts, self.samples)),
        }


def together(parts: Sequence[Part]) -> Part:
    """Return partitions as one."""
    return Part(
        [row for part in parts for row in part.submissions],
        joined(part.runs for part in parts),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.samples for part in parts]),
    )


def group_ends(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return after how many process runs each row group ends, given the iterations of each."""
    until = np.cumsum(counts, dtype=np.int64)
    last = np.flatnonzero(np.diff(until // GROUP_ITERATIONS)) + 1
    return np.unique([*last.tolist(), len(counts)])


def reduce_part(folder: str) -> pa.Table:
    """Return the middle pairs of a partition, row by row beside its process runs.

    Pure: it depends on the files alone, and on every executor gives the same integers.

    Raises:
        DamagedError: a file cannot be read.
    """
    with _readable(folder):
        names = ["samples", "iterations", "warmup_iterations"]
        runs, samples = _opened(Path(folder) / RUNS), _opened(Path(folder) / SAMPLES)
        tables = []
        for group in range(samples.num_row_groups):
            columns = runs.read_row_group(group, columns=names, use_threads=False)
            rows = {name: _numbers(columns[name]) for name in names}
            values = _numbers(samples.read_row_group(group, use_threads=False)["ns"])
            tables.append(_reduced(rows, rows["samples"], values))
    return pa.concat_tables([REDUCED_SCHEMA.empty_table(), *tables]).combine_chunks()


def reduced_bytes(table: pa.Table) -> bytes:
    """Return middle pairs as a parquet file."""
    return _parquet(REDUCED_SCHEMA, [table], _SPLIT)


def merged(folders: Sequence[Path], target: Path) -> None:
    """Write one partition that holds several into `target`, a row group at a time.

    Raises:
        DamagedError: one of them cannot be read.
    """
    for name, schema, options in (
        (SUBMISSIONS, SUBMISSION_SCHEMA, _TEXTUAL),
        (REDUCED, REDUCED_SCHEMA, _SPLIT),
    ):
        groups = _full(chain.from_iterable(_groups(folder, name) for folder in folders))
        with (target / name).open("wb") as file, _writer(file, schema, options) as writer:
            for (group,) in groups:
                _write_group(writer, group)
    with (
        (target / RUNS).open("wb") as run_file,
        (target / SAMPLES).open("wb") as sample_file,
        _writer(run_file, RUN_SCHEMA, _COLUMNS) as runs,
        _writer(sample_file, SAMPLE_SCHEMA, _SPLIT) as samples,
    ):
        for both in _full(chain.from_iterable(_groups(f, RUNS, SAMPLES) for f in folders)):
            _write_group(runs, both[0])
            _write_group(samples, both[1])


def read_submissions(data: bytes, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of `submissions.parquet`, with all of their columns, or some.

    Raises:
        DamagedError: they are no such file.
    """
    with _readable(SUBMISSIONS):
        rows: list[dict[str, Any]] = _read(data, columns=columns).to_pylist()
        return rows


def read_runs(runs: bytes, reduced: bytes) -> Runs:
    """Return process runs with their middle pairs.

    Raises:
        DamagedError: they are not the process runs and middle pairs of one partition.
    """
    with _readable(RUNS):
        table, pairs = _read(runs, read_dictionary=list(TEXTS)), _read(reduced)
    if len(table) != len(pairs):
        raise DamagedError(f"{RUNS} has {len(table)} rows, {REDUCED} has {len(pairs)}")
    rows, texts = np.empty(len(table), RUN), list[str]()
    for name in _COUNTS:
        rows[name] = _flags(table[name]) if RUN[name] == np.bool_ else _numbers(table[name])
    for name in REDUCED_SCHEMA.names:
        rows[name] = _numbers(pairs[name])
    for name in TEXTS:
        held = _combined(table[name].unify_dictionaries())
        numbers = _numbers(held.indices.fill_null(NONE))
        rows[name] = np.where(numbers == NONE, NONE, numbers + len(texts))
        texts += held.dictionary.to_pylist()
    return Runs(rows, texts)


def run_table(runs: Runs, counts: npt.NDArray[np.int32]) -> pa.Table:
    """Return process runs as the columns of RUN_SCHEMA, with only those texts that occur."""
    columns = [pa.array(np.ascontiguousarray(runs.rows[name])) for name in _COUNTS]
    columns += [pa.array(counts), *(_dictionary(runs, name) for name in TEXTS)]
    return pa.Table.from_arrays(columns, schema=RUN_SCHEMA)


def _dictionary(runs: Runs, name: str) -> pa.DictionaryArray:
    held, places = np.unique(runs.rows[name], return_inverse=True)
    without = int(held[:1].tolist() == [NONE])  # it sorts first
    indices = pa.array((places - without).astype(np.int32), mask=runs.rows[name] == NONE)
    texts = pa.array([runs.texts[number] for number in held[without:]], pa.string())
    return pa.DictionaryArray.from_arrays(indices, texts)


def reduced_pairs(
    rows: Any, counts: npt.NDArray[np.int32], samples: npt.NDArray[np.int64]
) -> MiddlePairs:
    """Return the middle pairs of process runs whose iterations follow each other.

    `rows` has `iterations` and `warmup_iterations` by name; `counts` has the iterations of each.

    Raises:
        DamagedError: there are more iterations than are counted, or fewer.
    """
    ends = np.cumsum(counts, dtype=np.int64)
    if (ends[-1] if len(ends) else 0) != len(samples):
        raise DamagedError(f"{SAMPLES} holds {len(samples)} iterations, {RUNS} counts others")
    starts = ends - counts + rows["warmup_iterations"]
    return middle_pairs(samples, starts, rows["iterations"])


def _reduced(rows: Any, counts: npt.NDArray[np.int32], samples: npt.NDArray[np.int64]) -> pa.Table:
    pairs = reduced_pairs(rows, counts, samples)
    return pa.Table.from_arrays([pa.array(pairs.low), pa.array(pairs.high)], schema=REDUCED_SCHEMA)


def _cut(table: pa.Table, ends: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    start = 0
    for end in ends.tolist():
        yield table.slice(start, end - start)
        start = end


def _sample_table(samples: npt.NDArray[np.int64]) -> pa.Table:
    return pa.Table.from_arrays([pa.array(samples)], schema=SAMPLE_SCHEMA)


def _groups(folder: Path, *names: str) -> Iterator[tuple[pa.Table, ...]]:
    """Yield the row groups of files that have as many."""
    with _readable(str(folder)):
        files = [_opened(folder / name) for name in names]
        for group in range(files[0].num_row_groups):
            yield tuple(file.read_row_group(group, use_threads=False) for file in files)


def _full(groups: Iterable[tuple[pa.Table, ...]]) -> Iterator[tuple[pa.Table, ...]]:
    """Put row groups together until the last table of each is as large as a full one."""
    held: list[tuple[pa.Table, ...]] = []
    for group in groups:
        held.append(group)
        if sum(tables[-1].nbytes for tables in held) >= 8 * GROUP_ITERATIONS:
            yield _together(held)
            held = []
    if held:
        yield _together(held)


def _together(groups: Iterable[tuple[pa.Table, ...]]) -> tuple[pa.Table, ...]:
    columns = zip(*groups, strict=True)
    return tuple(pa.concat_tables(tables).unify_dictionaries() for tables in columns)


def _parquet(schema: pa.Schema, groups: Iterable[pa.Table], options: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    with _writer(sink, schema, options) as writer:
        for group in groups:
            _write_group(writer, group)
    return sink.getvalue()


def _writer(sink: BinaryIO, schema: pa.Schema, options: dict[str, Any]) -> pq.ParquetWriter:
    """Return a writer that puts a checksum on every page."""
    how = {**options, "store_schema": False, "write_page_checksum": True}
    return pq.ParquetWriter(sink, schema, **how)


def _write_group(writer: pq.ParquetWriter, table: pa.Table) -> None:
    writer.write_table(table.cast(writer.schema), row_group_size=max(1, len(table)))


def _opened(path: Path) -> pq.ParquetFile:
    texts = list(TEXTS) if path.name == RUNS else None
    return pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts)


def _read(
    data: bytes, columns: list[str] | None = None, read_dictionary: list[str] | None = None
) -> pa.Table:
    """Read a whole file; `pq.read_table` would take three times as long for a small one."""
    file = pq.ParquetFile(io.BytesIO(data), read_dictionary=read_dictionary)
    return file.read(columns=columns, use_threads=False)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into one error."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise DamagedError(f"{what}: {error}") from error


def _numbers(column: Any) -> npt.NDArray[Any]:
    """Return the integers of a column without nulls; pyarrow's own way would import pandas."""
    whole = _combined(column)
    kind, buffer = whole.type.to_pandas_dtype(), whole.buffers()[1]
    values = np.frombuffer(buffer, kind) if buffer else np.empty(0, kind)
    return values[whole.offset : whole.offset + len(whole)]


def _flags(column: Any) -> npt.NDArray[np.bool_]:
    return _numbers(column.cast(pa.int8())).astype(np.bool_)


def _combined(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
