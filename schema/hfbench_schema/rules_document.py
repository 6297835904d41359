"""Rules on what a well-formed submission says (HFB020 onwards). Each takes the document."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate

from hfbench_schema.privacy import find_address, find_private
from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import (
    MEASURED_STATUSES,
    Submission,
    compared_versions,
    timed_iterations,
)
from hfbench_schema.suites import Suite, find_suite
from hfbench_schema.timestamps import parse_moment

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Clocks are set while machines run; a step this small must not cost a contributor a sitting."""

WORKER_END_NS = 60 * 10**9
"""What killing a worker, or waiting for its end, may take beyond its time."""


def document_findings(document: Submission, now: datetime) -> Iterator[Finding]:
    """Check everything beyond the schema."""
    suite = _suite_of(document)
    if suite is None:
        reference = document["suite"]
        name = f"{reference['name']} {reference['version']} ({reference['sha256'][:12]})"
        yield finding("HFB020", "/suite", suite=name)
    else:
        yield from check_cells(document, suite)
    for rule in DOCUMENT_RULES:
        yield from rule(document)
    yield from check_moments(document, now)


def _suite_of(document: Submission) -> Suite | None:
    reference = document["suite"]
    suite = find_suite(reference["name"], reference["version"])
    return suite if suite is not None and suite.sha256 == reference["sha256"] else None


def check_cells(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB021: every cell belongs to the suite."""
    known = set(suite.cell_ids)
    for index, run in enumerate(document["process_runs"]):
        if run["cell"] not in known:
            pointer = f"/process_runs/{index}/cell"
            yield finding("HFB021", pointer, cell=run["cell"], suite=suite.name)


def check_environments(document: Submission) -> Iterator[Finding]:
    """HFB025, HFB028, HFB080: environments can be told apart by what they are compared by."""
    labels = Counter(environment["label"] for environment in document["environments"])
    identities: dict[tuple[object, ...], str] = {}
    for index, environment in enumerate(document["environments"]):
        pointer, label = f"/environments/{index}", environment["label"]
        if labels[label] > 1:
            yield finding("HFB025", pointer, label=label)
        if (other := identities.setdefault(compared_versions(environment), label)) != label:
            yield finding("HFB028", pointer, label=label, other=other)
        if "transformers" not in environment["packages"]:
            yield finding("HFB080", pointer, label=label, package="transformers")


def check_machine(document: Submission) -> Iterator[Finding]:
    """HFB081: no more cores can be used than there are."""
    machine = document["machine"]
    if (usable := machine["usable_cores"]) > (cores := machine["cpu"]["logical_cores"]):
        yield finding("HFB081", "/machine/usable_cores", usable=usable, cores=cores)


def check_places(document: Submission) -> Iterator[Finding]:
    """HFB024, HFB026, HFB027: each process run has a place in the plan, and it alone."""
    environments, blocks = len(document["environments"]), document["protocol"]["process_runs"]
    seen: set[tuple[str, int, int]] = set()
    for index, run in enumerate(document["process_runs"]):
        pointer = f"/process_runs/{index}"
        key = cell, environment, block = run["cell"], run["environment"], run["block"]
        if environment >= environments:
            yield finding("HFB024", pointer, index=environment, count=environments)
        if block >= blocks:
            yield finding("HFB027", pointer, block=block, count=blocks)
        if key in seen:
            yield finding("HFB026", pointer, cell=cell, environment=environment, block=block)
        seen.add(key)


def check_durations(document: Submission) -> Iterator[Finding]:
    """HFB031, HFB033, HFB041: iterations fit into their process run, and it into its time."""
    protocol = document["protocol"]
    longest_ns = protocol["timeout_s"] * 10**9 + WORKER_END_NS
    for index, run in enumerate(document["process_runs"]):
        pointer = f"/process_runs/{index}"
        if (total := sum(run.get("iterations_ns", []))) > run["wall_ns"]:
            yield finding("HFB031", pointer, total_ns=total, wall_ns=run["wall_ns"])
        if run["wall_ns"] > longest_ns:
            timeout_s = protocol["timeout_s"]
            yield finding("HFB033", pointer, wall_ns=run["wall_ns"], timeout_s=timeout_s)
        timed, wanted = len(timed_iterations(run)), protocol["iterations"]
        if run["status"] in MEASURED_STATUSES and timed < wanted:
            yield finding("HFB041", pointer, count=timed, wanted=wanted)


def check_copies(document: Submission) -> Iterator[Finding]:
    """HFB043: no two process runs took the same time in every iteration, to the nanosecond."""
    seen: dict[tuple[int, ...], int] = {}
    for index, run in enumerate(document["process_runs"]):
        iterations = tuple(run.get("iterations_ns", ()))
        if iterations and (first := seen.setdefault(iterations, index)) != index:
            pointer = f"/process_runs/{index}/iterations_ns"
            yield finding("HFB043", pointer, other=f"/process_runs/{first}")


def check_counts(document: Submission) -> Iterator[Finding]:
    """HFB040: as many process runs were measured as were asked for."""
    wanted = document["protocol"]["process_runs"]
    measured: Counter[tuple[str, int]] = Counter()
    for run in document["process_runs"]:
        measured[run["cell"], run["environment"]] += run["status"] in MEASURED_STATUSES
    labels = [environment["label"] for environment in document["environments"]]
    for (cell, index), count in measured.items():
        if count < wanted and index < len(labels):
            yield finding(
                "HFB040", cell=cell, environment=labels[index], count=count, wanted=wanted
            )


def check_moments(document: Submission, now: datetime) -> Iterator[Finding]:
    """HFB030, HFB032, HFB034: moments exist, are in order, lie in the past, and span the runs."""
    sitting, runs = document["sitting"], document["process_runs"]
    texts = [sitting["invocations"][0], *(run["started_at"] for run in runs)]
    try:
        moments = [parse_moment(text) for text in [*texts, sitting["finished_at"]]]
        resumed = [parse_moment(text) for text in sitting["invocations"]]
    except ValueError as error:
        yield finding("HFB030", detail=error)
        return
    for series in (moments, [*resumed, moments[-1]]):
        latest = accumulate(series, max)
        if any(
            before - moment > CLOCK_TOLERANCE for before, moment in zip(latest, series, strict=True)
        ):
            yield finding("HFB030", detail="a moment lies before one that precedes it")
    if moments[-1] - now > CLOCK_TOLERANCE:
        yield finding("HFB032", "/sitting/finished_at", moment=sitting["finished_at"])
    span, total = moments[-1] - moments[0], sum(run["wall_ns"] for run in runs) / 1e9
    if total > (span + CLOCK_TOLERANCE).total_seconds():
        yield finding("HFB034", total_s=round(total), span_s=round(span.total_seconds()))


def check_privacy(document: Submission) -> Iterator[Finding]:
    """HFB084: no text names a home folder or an e-mail address, and no reason an address."""
    for pointer, text in _texts(document):
        what = find_private(text)
        if what is None and pointer.endswith("/reason"):
            what = find_address(text)
        if what is not None:
            yield finding("HFB084", pointer, what=what)


def _texts(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in a JSON value with its pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{pointer}/{key}")
    elif isinstance(value, list) and not (value and isinstance(value[0], int)):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")


DOCUMENT_RULES = (
    check_environments,
    check_machine,
    check_places,
    check_durations,
    check_copies,
    check_counts,
    check_privacy,
)
