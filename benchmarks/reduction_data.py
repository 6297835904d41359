"""Iterations to reduce, in the layouts that each engine reads best; seeded, and written once."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from hfbench_aggregate.engine.partitions import RUNS, SAMPLES, Part
from hfbench_aggregate.engine.runs import NONE, RUN, Runs

ITERATIONS: Final = 30
PART_RUNS: Final = 130_000
"""Process runs of a part: those of 260 submissions of 500."""
_LIST: Final = pa.list_(pa.field("element", pa.int64(), nullable=False))


def make(folder: Path, iterations: int) -> int:
    """Write `iterations` iterations, about; return how many there are."""
    parts = max(1, round(iterations / (PART_RUNS * ITERATIONS)))
    done = folder / f"{parts}-parts"
    if not done.exists():
        for number in range(parts):
            times = made_up_times(np.random.default_rng([2019, number]), PART_RUNS)
            _write_flat(folder / "flat" / f"{number:03}", times)
            _write_peers(folder, number, times)
        done.touch()
    return parts * PART_RUNS * ITERATIONS


def made_up_times(random: np.random.Generator, process_runs: int) -> npt.NDArray[np.int64]:
    """Return ns, shape (process runs, ITERATIONS): 1 ms to 2 s, 1 % of noise, a tail upwards."""
    level = np.exp(random.uniform(np.log(1e6), np.log(2e9), (process_runs, 1)))
    noise = random.standard_normal((process_runs, ITERATIONS), np.float32) * 0.01
    tail = random.standard_exponential((process_runs, ITERATIONS), np.float32) * 0.005
    return np.asarray(level * (1 + noise + tail), np.int64)


def part_of_times(times: npt.NDArray[np.int64], warmup: int = 0) -> Part:
    """Return process runs as a partition, without submissions."""
    rows = np.zeros(len(times), RUN)
    rows["order"] = np.arange(len(times))
    rows["iterations"], rows["warmup_iterations"] = times.shape[1] - warmup, warmup
    rows["reason"] = NONE
    counts = np.full(len(times), times.shape[1], np.int32)
    return Part([], Runs(rows, ["ok"]), counts, times.ravel())


def _write_flat(folder: Path, times: npt.NDArray[np.int64]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in part_of_times(times).files().items():
        if name in (RUNS, SAMPLES):
            (folder / name).write_bytes(data)


def _write_peers(folder: Path, number: int, times: npt.NDArray[np.int64]) -> None:
    """Write a list a process run, and a row an iteration with the number of its process run."""
    offsets = np.arange(len(times) + 1, dtype=np.int32) * ITERATIONS
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(times.ravel()), type=_LIST)
    runs = np.repeat(np.arange(len(times), dtype=np.int32) + number * PART_RUNS, ITERATIONS)
    nested = pa.table({"ns": lists})
    long = pa.table({"run": pa.array(runs), "ns": pa.array(times.ravel())})
    split = {"ns.list.element": "BYTE_STREAM_SPLIT"}
    for name, table, columns in (
        ("nested", nested, {"use_dictionary": False, "column_encoding": split}),
        ("long", long, {"use_dictionary": ["run"], "column_encoding": {"ns": "BYTE_STREAM_SPLIT"}}),
    ):
        (folder / name).mkdir(exist_ok=True)
        path = folder / name / f"{number:03}.parquet"
        size = 35_000 * (ITERATIONS if name == "long" else 1)  # about a million iterations
        pq.write_table(table, path, compression="lz4", row_group_size=size, **columns)
