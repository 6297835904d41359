"""Rules on what a well-formed submission says (HFB020 onwards). Each takes the document."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from hfbench_schema.privacy import find_private
from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import MEASURED_STATUSES, Submission, timed_iterations
from hfbench_schema.suites import Suite, find_suite
from hfbench_schema.timestamps import parse_moment

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Clocks are set while machines run; a step this small must not cost a contributor a sitting."""


def document_findings(document: Submission, now: datetime) -> Iterator[Finding]:
    """Check everything beyond the schema."""
    suite = _suite_of(document)
    if suite is None:
        reference = document["suite"]
        name = f"{reference['name']} {reference['version']} ({reference['sha256'][:12]})"
        yield finding("HFB020", "/suite", suite=name)
    else:
        yield from check_cells(document, suite)
    for rule in (check_environments, check_runs, check_copies, check_counts, check_privacy):
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
    """HFB025, HFB080: labels are unique; the compared packages are named."""
    labels = Counter(environment["label"] for environment in document["environments"])
    for index, environment in enumerate(document["environments"]):
        pointer, label = f"/environments/{index}", environment["label"]
        if labels[label] > 1:
            yield finding("HFB025", pointer, label=label)
        if "transformers" not in environment["packages"]:
            yield finding("HFB080", pointer, label=label, package="transformers")


def check_runs(document: Submission) -> Iterator[Finding]:
    """HFB024, HFB026, HFB031, HFB041: each process run, taken alone and once."""
    seen: set[tuple[str, int, int]] = set()
    for index, run in enumerate(document["process_runs"]):
        pointer = f"/process_runs/{index}"
        environment, key = run["environment"], (run["cell"], run["environment"], run["block"])
        if environment >= (count := len(document["environments"])):
            yield finding("HFB024", pointer, index=environment, count=count)
        if key in seen:
            yield finding("HFB026", pointer, cell=key[0], environment=key[1], block=key[2])
        seen.add(key)
        if (total := sum(run.get("iterations_ns", []))) > run["wall_ns"]:
            yield finding("HFB031", pointer, total_ns=total, wall_ns=run["wall_ns"])
        timed, wanted = len(timed_iterations(run)), document["protocol"]["iterations"]
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
    """HFB030, HFB032: moments exist, are in order, and lie in the past."""
    sitting = document["sitting"]
    moments = [sitting["invocations"][0]]
    moments += [run["started_at"] for run in document["process_runs"]]
    moments.append(sitting["finished_at"])
    previous: datetime | None = None
    for text in moments:
        try:
            moment = parse_moment(text)
        except ValueError:
            yield finding("HFB030", moment=text, detail="no such date")
            return
        if previous is not None and moment < previous - CLOCK_TOLERANCE:
            yield finding("HFB030", moment=text, detail="it is before the one that precedes it")
        previous = moment
    if previous is not None and previous > now + CLOCK_TOLERANCE:
        yield finding("HFB032", "/sitting/finished_at", moment=sitting["finished_at"])


def check_privacy(document: Submission) -> Iterator[Finding]:
    """HFB084: free text names no home folder and no address."""
    texts = {f"/environments/{i}/label": e["label"] for i, e in enumerate(document["environments"])}
    texts |= {
        f"/process_runs/{i}/reason": r.get("reason", "")
        for i, r in enumerate(document["process_runs"])
    }
    for pointer, text in texts.items():
        if (what := find_private(text)) is not None:
            yield finding("HFB084", pointer, what=what)
