"""One way to reduce all iterations, in a process of its own: its time and its peak of memory.

python -m benchmarks.reduction_ways WAY FOLDER warm|cold
"""

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

THREADS: Final = 2
Reduction = Callable[[], tuple[int, float]]
"""Returns the number of process runs, and the sum of their medians in ns."""


def flat(folder: Path) -> Reduction:
    """By hfbench, in threads."""
    import pyarrow.compute as pc

    from hfbench_aggregate.engine.executors import threads
    from hfbench_aggregate.engine.partitions import reduce_part

    def reduce() -> tuple[int, float]:
        tables = list(threads(reduce_part, map(str, sorted((folder / "flat").iterdir()))))
        sums = [pc.sum(column).as_py() for table in tables for column in table.columns]
        return sum(map(len, tables)), sum(sums) / 2

    return reduce


def duckdb_nested(folder: Path) -> Reduction:
    """By DuckDB from lists."""
    return _duckdb(folder / "nested", "SELECT list_median(ns) m FROM read_parquet(?)")


def duckdb_long(folder: Path) -> Reduction:
    """By DuckDB from a row an iteration."""
    return _duckdb(folder / "long", "SELECT median(ns) m FROM read_parquet(?) GROUP BY run")


def _duckdb(folder: Path, query: str) -> Reduction:
    import duckdb

    base = duckdb.connect()
    base.execute(f"SET threads = {THREADS}")

    def reduce() -> tuple[int, float]:
        medians = base.execute(query, [f"{folder}/*.parquet"]).fetchnumpy()["m"]
        return len(medians), float(medians.sum())

    return reduce


def polars_nested(folder: Path) -> Reduction:
    """By Polars from lists."""
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    lists = pl.scan_parquet(f"{folder}/nested/*.parquet").select(pl.col("ns").list.median())

    def reduce() -> tuple[int, float]:
        medians = lists.collect(engine="streaming")["ns"]
        return len(medians), float(medians.sum())

    return reduce


def reading(folder: Path) -> Reduction:
    """Read the bytes and do nothing with them."""
    paths = sorted((folder / "flat").glob("*/*.parquet"))

    def read() -> tuple[int, float]:
        with ThreadPoolExecutor(THREADS) as pool:
            return 0, float(sum(pool.map(_read, paths)))

    return read


def _read(path: Path) -> int:
    buffer, size = bytearray(1 << 20), 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            size += count
    return size


WAYS: Final[dict[str, Callable[[Path], Reduction]]] = {
    way.__name__: way for way in (flat, duckdb_nested, duckdb_long, polars_nested, reading)
}


def forget(folder: Path) -> None:
    """Take the files of all layouts out of the page cache."""
    for path in folder.rglob("*.parquet"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def peak_mib() -> float:
    """Return the most memory this process had in use, by the kernel's own count."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(name: str, folder: Path, cache: str) -> None:
    """Reduce once, and print what it took."""
    way = WAYS[name](folder)
    if cache == "cold":
        forget(folder)
    start, cpu = perf_counter(), process_time()
    groups, total = way()
    seconds, cpu_s = perf_counter() - start, process_time() - cpu
    print(json.dumps([seconds, cpu_s, peak_mib(), groups, total]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
