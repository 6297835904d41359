"""Rules on copied times (HFB043, HFB103): no two process runs take the same times.

Equal to the nanosecond is refused. A copy that was disguised is set aside for a maintainer: chance
makes none, but an odd clock might.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
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
    every = enumerate(map(compared_times, document["process_runs"]))
    times = {index: some for index, some in every if _tells(some)}
    late = {index: _late(document["process_runs"][index], some) for index, some in times.items()}
    glances = {index: _glance(some, late[index]) for index, some in times.items()}
    by_gaps = _first_alike(times, {index: span for index, (span, _) in glances.items()}, _gaps)
    ends = {index: ends for index, (_, ends) in glances.items() if _tells(late[index])}
    by_order = _first_alike(late, ends, _order)
    for index, some in times.items():
        first, how = by_gaps.get(index), "the same gaps"
        if first is None:
            first, how = by_order.get(index), "the same order"
        if first is not None and times[first] != some:
            field = _durations(document["process_runs"][index])[0]
            pointer = f"/process_runs/{index}/{field}"
            yield finding("HFB103", pointer, other=f"/process_runs/{first}", how=how)


def compared_times(run: ProcessRun) -> list[int]:
    """Return the times of a process run in which a disguised copy shows, in ns; [] if in none.

    Of latency they are the timed iterations, of a training its first rank's steps. A cold start
    has five calls, which are too few to tell; equal ones are a copy (HFB043).
    """
    return run["training"]["steps_ns"][0] if "training" in run else timed_iterations(run)


def _late(run: ProcessRun, times: list[int]) -> list[int]:
    """Return those of the times whose order is chance: at first all trainings become quicker."""
    return times[len(times) // 2 :] if "training" in run else times


def _tells(times: list[int]) -> bool:
    """Whether there are enough different times to tell a copy from chance."""
    few = times[: 2 * LEAST_DISTINCT]
    return len(set(few)) >= LEAST_DISTINCT or len(set(times)) >= LEAST_DISTINCT


def _first_alike(
    times: Mapping[int, list[int]],
    glances: Mapping[int, Hashable],
    look: Callable[[list[int]], Hashable],
) -> dict[int, int]:
    """Return the first of the times that look the same, by the number of each later one.

    What looks the same is the same at a glance, which costs a tenth: only that is looked at.
    """
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, glance in glances.items():
        groups[glance].append(index)
    found: dict[int, int] = {}
    for group in (group for group in groups.values() if len(group) > 1):
        firsts: dict[Hashable, int] = {}
        for index in group:
            if (first := firsts.setdefault(look(times[index]), index)) < index:
                found[index] = first
    return found


def times_sketch(document: Submission) -> frozenset[str]:
    """Return at most 8 short hashes that stand for the times of all process runs of a document.

    Two documents that share a part of their times share about that part of their sketches, however
    the times were reordered or shifted; two that were measured share none. It is the bottom-k
    sketch of Broder, "On the resemblance and containment of documents" (1997).
    """
    hashes = {
        hashlib.sha256(repr(_gaps(times)).encode()).hexdigest()[:16]
        for times in map(compared_times, document["process_runs"])
        if _tells(times)
    }
    return frozenset(sorted(hashes)[:SKETCH_SIZE])


def _glance(times: list[int], late: list[int]) -> tuple[Hashable, Hashable]:
    """Return a part of what `_gaps` tells of all times, and of what `_order` tells of late ones.

    These are the span, and where the first shortest and the last longest time are.
    """
    shortest, longest = min(late), max(late)
    ends = len(late), late.index(shortest), late[::-1].index(longest)
    if late is not times:
        shortest, longest = min(times), max(times)
    return (len(times), longest - shortest), ends


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
