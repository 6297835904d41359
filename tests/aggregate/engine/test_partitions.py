"""Partitions: nothing is lost, little is taken, and damage does not pass unseen."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.aggregate.conftest import Maker
from tests.aggregate.engine.made_up_store import manifold

from hfbench_aggregate.engine.partitions import (
    REDUCED,
    RUNS,
    SAMPLES,
    SUBMISSIONS,
    DamagedError,
    Part,
    merged,
    read_runs,
    reduce_part,
    reduced_bytes,
    together,
)
from hfbench_aggregate.engine.runs import RUN, Runs
from hfbench_aggregate.engine.taking_in import part_of, take_in
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.contamination import was_watched
from hfbench_schema.submission import role_of, timed_iterations

CORPUS = sorted(Path("tests/schema/corpus").glob("submission-*/*.json"))


@pytest.fixture
def batch(maker: Maker) -> list[tuple[str, bytes]]:
    made = [canonical_bytes(document) for document in manifold(maker)]
    real = [path.read_bytes() for path in CORPUS]
    return [(sha256_hex(data), data) for data in [*made, *real]]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_every_iteration_of_every_document_is_kept(batch: list[tuple[str, bytes]]) -> None:
    documents, seen = {name: strict_json(data) for name, data in batch}, set()
    for draft in take_in(batch):
        tables = {name: pq.read_table(io.BytesIO(data)) for name, data in draft.files.items()}
        runs, samples = tables[RUNS].to_pylist(), tables[SAMPLES]["ns"].to_pylist()
        for row in tables[SUBMISSIONS].to_pylist():
            document = documents[row["sha256"]]
            latency = [
                (order, run)
                for order, run in enumerate(document["process_runs"])
                if role_of(run) == "latency"
            ]
            for order, run in latency:
                kept, runs = runs[0], runs[1:]
                times, samples = samples[: kept["samples"]], samples[kept["samples"] :]
                assert (kept["order"], kept["cell"]) == (order, run["cell"])
                assert (kept["status"], kept["reason"]) == (run["status"], run.get("reason"))
                assert times == run.get("iterations_ns", [])
            others = [run for run in document["process_runs"] if role_of(run) != "latency"]
            assert strict_json(row["other_runs"]) == others
            del document["process_runs"]
            assert strict_json(row["outline"]) == document
            seen.add(row["sha256"])
        assert (runs, samples) == ([], [])
    assert seen == set(documents)


def noisy(process_runs: int, iterations: int = 30) -> Part:
    """Return a partition with times of 1 ms to 2 s that scatter by 1 %, as those of machines do."""
    random = np.random.default_rng(2019)
    levels = np.exp(random.uniform(np.log(1e6), np.log(2e9), (process_runs, 1)))
    times = levels * np.exp(random.normal(0, 0.01, (process_runs, iterations)))
    rows = np.zeros(process_runs, RUN)
    rows["iterations"], rows["warmup_iterations"] = iterations - 3, 3
    rows["reason"] = -1
    counts = np.full(process_runs, iterations, np.int32)
    return Part([], Runs(rows, ["ok"]), counts, times.astype(np.int64).ravel())


def test_an_iteration_takes_three_bytes_and_groups_end_together(tmp_path: Path) -> None:
    part = noisy(80_000)
    folder = written(tmp_path / "part", part.files())
    samples, runs = (pq.ParquetFile(folder / name).metadata for name in (SAMPLES, RUNS))
    assert (folder / SAMPLES).stat().st_size / len(part.samples) < 3.4
    assert samples.num_row_groups == runs.num_row_groups == 3
    groups = [(meta.row_group(place).num_rows) for meta in (samples, runs) for place in range(3)]
    assert groups[:3] == [30 * count for count in groups[3:]]
    column = samples.row_group(0).column(0)
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert column.compression == "LZ4"
    assert samples.schema.column(0).max_definition_level == 0
    times = pq.read_table(folder / SAMPLES)["ns"].combine_chunks()
    np.testing.assert_array_equal(times.to_numpy(zero_copy_only=False), part.samples)
    middle = np.median(part.samples.reshape(-1, 30)[:, 3:], axis=1)
    np.testing.assert_array_equal(reduce_part(str(folder))["low_ns"].to_numpy(), middle)


def test_merging_changes_nothing_but_the_number_of_files(
    batch: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    drafts = [draft for one in batch for draft in take_in([one])]
    folders = [written(tmp_path / str(n), draft.files) for n, draft in enumerate(drafts)]
    target = tmp_path / "merged"
    target.mkdir()
    merged(folders, target)
    assert reduced_bytes(reduce_part(str(target))) == (target / REDUCED).read_bytes()
    whole = together([part_of(name, strict_json(data)) for name, data in batch]).files()
    for name in (SUBMISSIONS, RUNS, SAMPLES, REDUCED):
        assert pq.read_table(target / name).equals(pq.read_table(io.BytesIO(whole[name]))), name
    assert pq.ParquetFile(target / SAMPLES).num_row_groups == 1


def test_reduced_process_runs_are_what_documents_say(batch: list[tuple[str, bytes]]) -> None:
    for name, data in batch:
        files = part_of(name, document := strict_json(data)).files()
        runs = read_runs(files[RUNS], files[REDUCED])
        latency = [run for run in document["process_runs"] if role_of(run) == "latency"]
        for row, run in zip(runs.rows, latency, strict=True):
            timed = sorted(timed_iterations(run))
            count = len(timed)
            assert row["iterations"] == count
            middle = [timed[(count - 1) // 2], timed[count // 2]] if timed else [0, 0]
            assert [row["low_ns"], row["high_ns"]] == middle
            assert runs.text(row["reason"]) == run.get("reason")
            assert (row["block"], row["wall_ns"]) == (run["block"], run["wall_ns"])
            assert row["watched"] == was_watched(run)
            assert row["intra_op"] == run.get("threads", {"intra_op": -1})["intra_op"]


def test_changed_iterations_are_noticed(batch: list[tuple[str, bytes]], tmp_path: Path) -> None:
    """A byte in 97 of the samples is changed, each alone: pages have checksums."""
    (draft, *_) = take_in(batch)
    folder, data = written(tmp_path / "part", draft.files), draft.files[SAMPLES]
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        (folder / SAMPLES).write_bytes(bytes(changed))
        try:
            assert reduced_bytes(reduce_part(str(folder))) == draft.files[REDUCED]
        except DamagedError:
            continue
    for size in (0, 4, len(data) - 1):
        (folder / SAMPLES).write_bytes(data[:size])
        with pytest.raises(DamagedError):
            reduce_part(str(folder))
