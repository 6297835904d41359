"""What one more submission costs in an index that holds many.

The stored ones are written as segments, with 504 process runs each and without having been
documents; their machines are drawn from as many as a tenth of their number. What is added are real
documents, one at a time.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from time import perf_counter, process_time
from typing import Any, Final

import click
import msgspec
import numpy as np
from benchmarks.reduction_data import part_of_times
from tests.aggregate.conftest import Maker

from hfbench_aggregate.engine.executors import serial
from hfbench_aggregate.engine.index import Index
from hfbench_aggregate.engine.manifest import Manifest, Segment
from hfbench_aggregate.engine.segments import SegmentFolder
from hfbench_aggregate.engine.taking_in import bucket_of
from hfbench_aggregate.engine.update import MOST_SEGMENTS
from hfbench_aggregate.ledger import NO_ENTRY, Ledger
from hfbench_aggregate.ledger_entries import ACCEPTED, Draft, Entry
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.machine_key import machine_key

PROCESS_RUNS: Final = 504
ADDED: Final = 40
Cost = tuple[float, float]
"""Seconds, and seconds of CPU."""
_AT: Final = "2026-11-25T00:00:00Z"


@dataclass(frozen=True, eq=False)
class Given:
    """Documents in memory, as a store would have them in files."""

    name: str
    held: dict[str, bytes] = field(default_factory=dict)
    parts: tuple[PurePosixPath, ...] = ()

    @property
    def paths(self) -> dict[str, PurePosixPath]:
        """Return where each document would lie."""
        return dict.fromkeys(self.held, PurePosixPath())

    def read_bytes(self, sha256: str) -> bytes:
        """Return a document; its hash is compared, as a store does."""
        if sha256_hex(self.held[sha256]) != sha256:
            raise ValueError(sha256)
        return self.held[sha256]

    def part_names(self, path: PurePosixPath) -> list[str]:
        """There is no part."""
        raise FileNotFoundError(path)

    def read_part(self, path: PurePosixPath) -> dict[str, bytes]:
        """There is no part."""
        raise FileNotFoundError(path)


def tell_the_cost_of_one_more(folder: Path, most: int) -> None:
    """Print what adding one submission costs, and reading the bucket of its machine after that."""
    costs: dict[int, tuple[Cost, Cost]] = {}
    for stored in (most // 100, most // 10, most):
        costs[stored] = cost_of_one_more(folder, stored)
        shutil.rmtree(folder)
        update, read = costs[stored]
        click.echo(
            f"one more at {stored:>7,} stored: {1e3 * update[0]:5.1f} ms to take it in"
            f" ({1e3 * update[1]:.1f} of CPU), {1e3 * read[0]:5.1f} ms to read its bucket"
            f" ({1e3 * read[1]:.1f})"
        )
    few, many = costs[most // 100], costs[most]
    for name, which in (("", 0), (" in CPU", 1)):
        taken = many[0][which] / few[0][which]
        both = (many[0][which] + many[1][which]) / (few[0][which] + few[1][which])
        click.echo(
            f"at {most:,} it takes {taken:.2f} times as long as at {most // 100:,}{name}"
            f" (target: at most 1.5), with its bucket {both:.2f} times"
        )
    click.echo("reading the ledger is not in this")


def cost_of_one_more(folder: Path, stored: int) -> tuple[Cost, Cost]:
    """Return the cost of an update with one new document, and of reading its bucket."""
    folder.mkdir(parents=True)
    names = fill(folder, stored)
    maker, documents = Maker(), Given("a store")
    entries = [_entry(number, name) for number, name in enumerate(names, start=1)]
    ledger = Ledger(entries, list(names), {})
    Index(folder, documents, ledger, serial).update()  # sees the ledger so far
    updates, reads = [], []
    for number in range(ADDED):
        document = maker.document(process_runs=PROCESS_RUNS // 6, iterations=27)
        document["machine"]["cpu"]["name"] = f"made up {number}"
        sha256 = sha256_hex(data := canonical_bytes(document))
        documents.held[sha256] = data
        entries.append(_entry(len(entries) + 1, sha256))
        ledger.hashes.append(sha256)
        index, bucket = Index(folder, documents, ledger, serial), _bucket(document)
        updates.append(_cost(index.update))
        reads.append(_cost(partial(index.bucket, bucket)))
        if sha256 not in index.bucket(bucket):
            raise click.ClickException("what was added is not there")
    return _typical(updates), _typical(reads)


def _bucket(document: Any) -> str:
    return bucket_of(machine_key(document["machine"]))


def _cost(work: Callable[[], object]) -> Cost:
    start, cpu = perf_counter(), process_time()
    work()
    return perf_counter() - start, process_time() - cpu


def _typical(costs: list[Cost]) -> Cost:
    """Return the lower quartile: some updates also merge, and others are disturbed."""
    wall, cpu = (sorted(column)[len(costs) // 4] for column in zip(*costs, strict=True))
    return wall, cpu


def fill(folder: Path, stored: int) -> list[str]:
    """Write an index of so many submissions; return their names."""
    random = np.random.default_rng(2019)
    names = [f"{number:064x}" for number in range(stored)]
    machines = random.integers(0, max(1, stored // 10), stored).tolist()
    buckets: dict[str, list[tuple[str, str]]] = {}
    for name, machine in zip(names, machines, strict=True):
        key = f"m1-{sha256_hex(str(machine).encode())[:16]}"
        buckets.setdefault(bucket_of(key), []).append((name, key))
    manifest = Manifest(folder / "manifest.sqlite")
    segments = SegmentFolder(folder)
    for bucket, held in buckets.items():
        manifest.add(
            (_written(segments, bucket, group), [name for name, _ in group])
            for group in _groups(held)
        )
    manifest.close()
    return names


def _groups(held: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield full segments, then single submissions, as a growing store would have them."""
    size = MOST_SEGMENTS + 1
    full = len(held) // size * size
    yield from (held[start : start + size] for start in range(0, full, size))
    yield from ([one] for one in held[full:])


def _written(folder: SegmentFolder, bucket: str, group: list[tuple[str, str]]) -> Segment:
    outline = msgspec.json.encode({"made": "up", "packages": {str(n): "1.0" for n in range(80)}})
    rows = [
        {
            "sha256": name,
            "machine_key": key,
            "process_runs": PROCESS_RUNS,
            "outline": outline,
            "statuses": b"[]",
            "other_runs": b"[]",
        }
        for name, key in group
    ]
    times = np.random.default_rng(1).integers(10**6, 10**9, (PROCESS_RUNS * len(group), 1))
    part = part_of_times(times)
    whole = replace(part, submissions=rows)
    segment = folder.write(bucket, whole.files())
    return replace(segment, level=int(len(group) > 1))


def _entry(number: int, sha256: str) -> Entry:
    return Draft(ACCEPTED, sha256).entry(number, NO_ENTRY, _AT)
