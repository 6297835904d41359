"""Rules on copied times (HFB043, HFB103): no two process runs take the same times.

Equal to the nanosecond is refused. A copy that was disguised is set aside for a maintainer: chance
makes none, but an odd clock might.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Final

from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import ProcessRun, Submission, timed_iterations

LEAST_DISTINCT: Final = 10
"""Fewer different times may fall into one order by chance; ten do so once in 3.6 million pairs."""
SKETCH_SIZE: Final = 8


def check_copies(document: Submission) -> Iterator[Finding]:
    """HFB043: no two process runs took the same times throughout, to the nanosecond."""
    seen: dict[tuple[int, ...], int] = {}
    for index, run in enumerate(document["process_runs"]):
        field, durations = _durations(run)
        if durations and (first := seen.setdefault(durations, index)) != index:
            pointer = f"/process_runs/{index}/{field}"
            yield finding("HFB043", pointer, other=f"/process_runs/{first}")


def check_disguised_copies(document: Submission) -> Iterator[Finding]:
    """HFB103: no times are another process run's, put in another order, shifted or scaled."""
    runs = document["process_runs"]
    gaps: dict[tuple[int, ...], int] = {}
    orders: dict[tuple[int, ...], int] = {}
    for index, times in enumerate(map(timed_iterations, runs)):
        if len(set(times)) < LEAST_DISTINCT:
            continue
        by_gaps = gaps.setdefault(_gaps(times), index)
        by_order = orders.setdefault(_order(times), index)
        first, how = (by_gaps, "the same gaps") if by_gaps < index else (by_order, "the same order")
        if first < index and timed_iterations(runs[first]) != times:
            pointer = f"/process_runs/{index}/iterations_ns"
            yield finding("HFB103", pointer, other=f"/process_runs/{first}", how=how)


def times_sketch(document: Submission) -> frozenset[str]:
    """Return at most 8 short hashes that stand for the times of all process runs of a document.

    Two documents that share a part of their times share about that part of their sketches, however
    the times were reordered or shifted; two that were measured share none. It is the bottom-k
    sketch of Broder, "On the resemblance and containment of documents" (1997).
    """
    hashes = {
        hashlib.sha256(repr(_gaps(times)).encode()).hexdigest()[:16]
        for times in map(timed_iterations, document["process_runs"])
        if len(set(times)) >= LEAST_DISTINCT
    }
    return frozenset(sorted(hashes)[:SKETCH_SIZE])


def _gaps(times: list[int]) -> tuple[int, ...]:
    """Return what neither another order nor a shift changes."""
    return tuple(later - sooner for sooner, later in pairwise(sorted(times)))


def _order(times: list[int]) -> tuple[int, ...]:
    """Return what neither a shift, a scale nor a little noise changes."""
    return tuple(sorted(range(len(times)), key=times.__getitem__))


def _durations(run: ProcessRun) -> tuple[str, tuple[int, ...]]:
    """Return what was timed, call by call, step by step or window by window, after its field."""
    if "training" in run:
        return "training", tuple(chain.from_iterable(run["training"]["steps_ns"]))
    if "energy" in run:
        windows = [*run["energy"]["busy"], *run["energy"]["idle"]]
        return "energy", tuple(window["duration_ns"] for window in windows)
    return "iterations_ns", tuple(run.get("iterations_ns", ()))
