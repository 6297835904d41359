"""Fuzz the validator: mutated documents, none of which may raise or take a second of CPU time.

    python -m fuzz.validation --documents 1000000

A document is made from (seed, number) alone, so each failure can be made again; its bytes are
also kept below build/fuzz. Exit 1 after a failure. What is done is kept there too: interrupted,
the same command goes on, as long as neither validator nor mutations were changed.
"""

import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any, Final

import click
from fuzz import mutations
from tests.schema.breaches import extended
from tests.schema.training_breaches import trained

import hfbench_schema
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import families
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.report_formats import reports_as_json, reports_as_sarif
from hfbench_schema.reports import Report
from hfbench_schema.validation import validate

NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
LONGEST_S: Final = 1.0
CHUNK: Final = 2000
REPORT_EVERY: Final = 10  # chunks
_CORPUS: Final = Path("tests/schema/corpus/submission-1")
_LARGE_EVERY: Final = 50
_KEPT: Final = Path("build/fuzz")


@dataclass
class Tally:
    """What became of some documents; `failures` maps (seed, number) to what went wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[int, int], str] = field(default_factory=dict)
    slowest_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def count(self) -> int:
        """How many documents."""
        return self.outcomes.total()

    def add(self, other: "Tally") -> None:
        """Add the documents of another tally."""
        self.outcomes += other.outcomes
        self.rules += other.rules
        self.failures |= other.failures
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.cpu_s += other.cpu_s


@cache
def seeds() -> tuple[bytes, ...]:
    """Return the documents to start from, small ones first, the largest last."""
    small, large = sorted((path.read_bytes() for path in _CORPUS.glob("*.json")), key=len)
    measured = strict_json(small)
    for run in measured["process_runs"]:
        run["contamination"] = {"foreign_cpu_ms": 0}
    made = [extended(measured), trained(measured)]
    return (small, *(canonical_bytes(document) for document in made), large)


def document(seed: int, number: int) -> bytes:
    """Return the bytes of one mutated document; the large one is every fiftieth's start."""
    random = Random(f"{seed} {number}")
    *small, large = seeds()
    return mutations.mutated(large if number % _LARGE_EVERY == 0 else random.choice(small), random)


def examine(data: bytes) -> tuple[Report, float]:
    """Validate, report and, if accepted, reduce a document; return how long validation took.

    In seconds of this process's CPU time: a document is not slow because the machine is busy.
    """
    start = process_time()
    report = validate(data, now=NOW)
    seconds = process_time() - start
    for form in (reports_as_json, reports_as_sarif):
        json.dumps(form({"document": report}))
    if report.accepted:
        submission = strict_json(data)
        assert canonical_bytes(submission) == data
        families([Accepted(report.sha256, "2027-01-01T00:00:00Z", "fuzz", submission)])
    return report, seconds


def fuzz(seed: int, first: int, count: int) -> Tally:
    """Examine documents `first` to `first + count`."""
    tally, start = Tally(), process_time()
    for number in range(first, first + count):
        try:
            report, seconds = examine(document(seed, number))
        except Exception as error:  # what is looked for, of whatever kind
            tally.failures[seed, number] = repr(error)
            tally.outcomes["failed"] += 1
            continue
        tally.outcomes[_outcome(report)] += 1
        tally.rules.update({found.rule for found in report.findings})
        tally.slowest_s = max(tally.slowest_s, seconds)
        if seconds >= LONGEST_S:
            tally.failures[seed, number] = f"took {seconds:.1f} s"
    tally.cpu_s = process_time() - start
    return tally


def _outcome(report: Report) -> str:
    if not report.accepted:
        return "refused"
    return "quarantined" if report.quarantined else "accepted"


@click.command()
@click.option("--documents", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--processes", type=click.IntRange(1), default=os.cpu_count() or 1)
def main(documents: int, seed: int, processes: int) -> None:
    """Fuzz the validator with mutated documents."""
    start, done = perf_counter(), read_journal(seed)
    total = Tally()
    for kept in done.values():
        total.add(kept)
    before = total.count
    chunks = [(first, min(CHUNK, documents - first)) for first in range(0, documents, CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        parts = {pool.submit(fuzz, seed, *chunk): chunk for chunk in chunks if chunk not in done}
        for number, part in enumerate(as_completed(parts), 1):
            write_journal(seed, parts[part], part.result())
            total.add(part.result())
            if number % REPORT_EVERY == 0:
                _print_progress(total, documents, (perf_counter() - start) / (total.count - before))
    _print(total)
    if total.failures:
        raise SystemExit(1)


def journal(seed: int) -> Path:
    """Return where the tallies of `seed` are kept, for this very validator and these mutations."""
    package = Path(hfbench_schema.__file__).parent
    sources = [*sorted(package.rglob("*.py")), *sorted(package.rglob("*.json"))]
    digests = [sha256_hex(path.read_bytes()) for path in [*sources, Path(mutations.__file__)]]
    return _KEPT / f"{seed}-{sha256_hex(''.join(digests).encode())[:16]}.jsonl"


def read_journal(seed: int) -> dict[tuple[int, int], Tally]:
    """Return the tally of each chunk (first, count) that was finished before."""
    if not journal(seed).exists():
        return {}
    lines = map(json.loads, journal(seed).read_text().splitlines())
    return {(line["first"], line["count"]): _tally(seed, line) for line in lines}


def write_journal(seed: int, chunk: tuple[int, int], tally: Tally) -> None:
    """Add the tally of a chunk (first, count)."""
    line = vars(tally) | {"first": chunk[0], "count": chunk[1]}
    line["failures"] = {number: what for (_, number), what in tally.failures.items()}
    _KEPT.mkdir(parents=True, exist_ok=True)
    with journal(seed).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _tally(seed: int, line: dict[str, Any]) -> Tally:
    failures = {(seed, int(number)): what for number, what in line["failures"].items()}
    outcomes, rules = Counter(line["outcomes"]), Counter(line["rules"])
    return Tally(outcomes, rules, failures, line["slowest_s"], line["cpu_s"])


def _print_progress(total: Tally, documents: int, seconds_each: float) -> None:
    left = timedelta(seconds=round((documents - total.count) * seconds_each))
    print(
        f"{total.count:,} of {documents:,} documents, {len(total.failures)} failures, "
        f"slowest {total.slowest_s:.3f} s, {left} left",
        flush=True,
    )


def _print(total: Tally) -> None:
    outcomes = ", ".join(f"{number:,} {name}" for name, number in total.outcomes.most_common())
    print(f"{total.count:,} documents in {total.cpu_s:,.0f} CPU seconds: {outcomes}")
    print(f"{len(total.rules)} rules found something; the slowest took {total.slowest_s:.3f} s")
    print(f"{len(total.failures)} failures")
    for (seed, number), what in sorted(total.failures.items()):
        data = document(seed, number)
        _KEPT.mkdir(parents=True, exist_ok=True)
        (_KEPT / sha256_hex(data)).write_bytes(data)
        print(f"  seed {seed} number {number}: {what}, kept as {_KEPT / sha256_hex(data)}")


if __name__ == "__main__":
    main()
