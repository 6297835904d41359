"""Rules on what a well-formed submission says (HFB020 onwards). Each takes the document."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Final

from hfbench_schema.privacy import find_address, find_private, find_secret, suspects
from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_bytes import is_numbers
from hfbench_schema.rules_contamination import check_contamination, check_watched
from hfbench_schema.rules_copies import check_copies, check_disguised_copies
from hfbench_schema.rules_measurements import (
    check_durations,
    check_energy,
    check_iterations,
    check_memory,
    check_outputs,
)
from hfbench_schema.rules_physics import check_physics
from hfbench_schema.rules_places import (
    check_attempts,
    check_counts,
    check_launches,
    check_places,
    check_roles,
    check_skipped,
)
from hfbench_schema.rules_tasks import (
    check_examples,
    check_kind,
    check_labels,
    check_protocol,
    check_tasks,
)
from hfbench_schema.rules_training import check_training_ends, check_trainings
from hfbench_schema.submission import EnvironmentFacts, Submission, compared_versions
from hfbench_schema.suites import Suite, find_suite
from hfbench_schema.timestamps import parse_moment

SHA256_DIGITS: Final = 64

CLOCK_TOLERANCE: Final = timedelta(minutes=10)
"""Clocks are set while machines run; a step this small must not cost a contributor a sitting."""


def document_findings(document: Submission, now: datetime) -> Iterator[Finding]:
    """Check everything beyond the schema."""
    suite = _suite_of(document)
    if suite is None:
        reference = document["suite"]
        name = f"{reference['name']} {reference['version']} ({reference['sha256'][:12]})"
        yield finding("HFB020", "/suite", suite=name)
    else:
        for suite_rule in SUITE_RULES:
            yield from suite_rule(document, suite)
    for rule in DOCUMENT_RULES:
        yield from rule(document)
    yield from check_moments(document, now)
    # A report ends at MOST_FINDINGS: what is less than an error must never crowd one out.
    if suite is not None:
        yield from check_physics(document, suite)
    yield from check_watched(document)
    yield from check_counts(document)


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
        yield from _check_sources(environment, pointer)


def _check_sources(environment: EnvironmentFacts, pointer: str) -> Iterator[Finding]:
    """HFB082: what has a source is installed, and its content is a hash of that kind."""
    for name, source in environment.get("sources", {}).items():
        place = f"{pointer}/sources/{name}"
        if name not in environment["packages"]:
            yield finding("HFB082", place, name=name, what="that is not among its packages")
        elif source["kind"] != "git" and len(source["content"]) != SHA256_DIGITS:
            yield finding("HFB082", place, name=name, what="whose content is no SHA-256")


def check_machine(document: Submission) -> Iterator[Finding]:
    """HFB081: no more cores can be used than there are."""
    machine = document["machine"]
    if (usable := machine["usable_cores"]) > (cores := machine["cpu"]["logical_cores"]):
        yield finding("HFB081", "/machine/usable_cores", usable=usable, cores=cores)


def check_anchors(document: Submission) -> Iterator[Finding]:
    """HFB024, HFB030: each anchor was measured in an environment there is, at some moment."""
    count = len(document["environments"])
    for index, anchor in enumerate(document.get("anchors", [])):
        pointer = f"/anchors/{index}"
        if anchor["environment"] >= count:
            yield finding("HFB024", pointer, index=anchor["environment"], count=count)
        try:
            parse_moment(anchor["started_at"])
        except ValueError as error:
            yield finding("HFB030", pointer, detail=error)


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
    """HFB084, HFB085: no text names a person or a host, or holds a secret."""
    doubtful = suspects(_distinct_texts(document))
    if not doubtful:
        return
    secret, private, address = map(cache, (find_secret, find_private, find_address))
    for pointer, text in _texts(document):
        if text not in doubtful:
            continue
        if kind := secret(text):
            yield finding("HFB085", pointer, what=kind)
        what = private(text)
        if what is None and pointer.endswith("/reason"):
            what = address(text)
        if what is not None:
            yield finding("HFB084", pointer, what=what)


def _distinct_texts(document: Submission) -> set[str]:
    """Return every string in a document, keys left out."""
    found: set[str] = set()
    waiting: list[Iterable[object]] = [document.values()]
    while waiting:
        for item in waiting.pop():
            if isinstance(item, str):
                found.add(item)
            elif isinstance(item, dict):
                waiting.append(item.values())
            elif isinstance(item, list) and not is_numbers(item):
                waiting.append(item)
    return found


def _texts(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in a JSON value with its pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{pointer}/{key}")
    elif isinstance(value, list) and not is_numbers(value):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")


SUITE_RULES: Final = (
    check_cells,
    check_kind,
    check_protocol,
    check_examples,
    check_trainings,
    check_training_ends,
)
"""Rules that need the suite as well, and say nothing where it is unknown."""

DOCUMENT_RULES: Final = (
    check_environments,
    check_machine,
    check_places,
    check_attempts,
    check_roles,
    check_launches,
    check_skipped,
    check_durations,
    check_iterations,
    check_copies,
    check_disguised_copies,
    check_outputs,
    check_memory,
    check_energy,
    check_tasks,
    check_labels,
    check_contamination,
    check_anchors,
    check_privacy,
)
