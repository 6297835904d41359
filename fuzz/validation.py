"""Fuzz the validator: mutated documents, none of which may raise or take a second of CPU time.

    python -m fuzz.validation --documents 1000000

A document is made from (seed, number) alone, so each failure can be made again; its bytes are
also kept below build/fuzz. Exit 1 after a failure.
"""

import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Final

import click
from fuzz.mutations import mutated
from tests.schema.breaches import extended
from tests.schema.training_breaches import trained

from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import families
from hfbench_schema.canonical import canonical_bytes, sha256_hex, strict_json
from hfbench_schema.report_formats import reports_as_json, reports_as_sarif
from hfbench_schema.reports import Report
from hfbench_schema.validation import validate

NOW: Final = datetime(2027, 1, 1, tzinfo=UTC)
LONGEST_S: Final = 1.0
CHUNK: Final = 2000
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

    def add(self, other: "Tally") -> None:
        """Add the documents of another tally."""
        self.outcomes += other.outcomes
        self.rules += other.rules
        self.failures |= other.failures
        self.slowest_s = max(self.slowest_s, other.slowest_s)


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
    return mutated(large if number % _LARGE_EVERY == 0 else random.choice(small), random)


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
    tally = Tally()
    for number in range(first, first + count):
        try:
            report, seconds = examine(document(seed, number))
        except Exception as error:  # what is looked for, of whatever kind
            tally.failures[seed, number] = repr(error)
            continue
        tally.outcomes[_outcome(report)] += 1
        tally.rules.update({found.rule for found in report.findings})
        tally.slowest_s = max(tally.slowest_s, seconds)
        if seconds >= LONGEST_S:
            tally.failures[seed, number] = f"took {seconds:.1f} s"
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
    start, total = perf_counter(), Tally()
    with ProcessPoolExecutor(processes) as pool:
        parts = [
            pool.submit(fuzz, seed, first, min(CHUNK, documents - first))
            for first in range(0, documents, CHUNK)
        ]
        with click.progressbar(as_completed(parts), length=len(parts), label="fuzzing") as done:
            for part in done:
                total.add(part.result())
    _print(total, perf_counter() - start)
    if total.failures:
        raise SystemExit(1)


def _print(total: Tally, seconds: float) -> None:
    count = total.outcomes.total() + len(total.failures)
    outcomes = ", ".join(f"{number:,} {name}" for name, number in total.outcomes.most_common())
    print(f"{count:,} documents in {seconds:,.0f} s: {outcomes}")
    print(f"{len(total.rules)} rules found something; the slowest took {total.slowest_s:.3f} s")
    print(f"{len(total.failures)} failures")
    for (seed, number), what in sorted(total.failures.items()):
        data = document(seed, number)
        _KEPT.mkdir(parents=True, exist_ok=True)
        (_KEPT / sha256_hex(data)).write_bytes(data)
        print(f"  seed {seed} number {number}: {what}, kept as {_KEPT / sha256_hex(data)}")


if __name__ == "__main__":
    main()
