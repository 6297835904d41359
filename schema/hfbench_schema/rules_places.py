"""Rules on the places of process runs in the plan: which were filled, and by what."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import (
    FORK_SERVER,
    MEASURED_STATUSES,
    ProcessRun,
    Submission,
    role_of,
    wanted_process_runs,
)

NOT_LAUNCHED: tuple[str, ...] = ("skipped_dominated", "unsupported")
"""The statuses that can be given without launching a worker."""
OUT_OF_MEMORY: tuple[str, ...] = ("oom_device", "oom_host")

Place = tuple[str, int, int, str, str | None]


def check_places(document: Submission) -> Iterator[Finding]:
    """HFB024, HFB026, HFB027: each process run has a place in the plan, and it alone."""
    environments, blocks = len(document["environments"]), document["protocol"]["process_runs"]
    seen: set[tuple[Place, int]] = set()
    for index, run in enumerate(document["process_runs"]):
        pointer, cell, block = f"/process_runs/{index}", run["cell"], run["block"]
        if (environment := run["environment"]) >= environments:
            yield finding("HFB024", pointer, index=environment, count=environments)
        if block >= blocks:
            yield finding("HFB027", pointer, block=block, count=blocks)
        key = (place_of(run), run.get("attempt", 0))
        if key in seen:
            yield finding(
                "HFB026", pointer, cell=cell, environment=environment, block=block,
                role=role_of(run),
            )  # fmt: skip
        seen.add(key)


def place_of(run: ProcessRun) -> Place:
    """Return what a process run was planned as; both attempts have the same place."""
    return run["cell"], run["environment"], run["block"], role_of(run), run.get("caches")


def check_attempts(document: Submission) -> Iterator[Finding]:
    """HFB029: a place is measured again only where the first attempt was contaminated."""
    contaminated: set[Place] = set()
    for index, run in enumerate(document["process_runs"]):
        place = place_of(run)
        if not run.get("attempt", 0):
            contaminated |= {place} if run["status"] == "contaminated" else set()
        elif place not in contaminated:
            yield finding("HFB029", f"/process_runs/{index}/attempt", cell=run["cell"])


def check_roles(document: Submission) -> Iterator[Finding]:
    """HFB036, HFB037: roles were asked for, and those that fill compile caches say which."""
    asked = document["protocol"].get("roles", ["latency"])
    for index, run in enumerate(document["process_runs"]):
        pointer, role = f"/process_runs/{index}", role_of(run)
        if role not in asked:
            yield finding("HFB036", pointer, role=role, asked=", ".join(asked))
        if (role == "cold") != ("caches" in run):
            yield finding("HFB037", pointer, role=role, has="no" if role == "cold" else "a")


def check_counts(document: Submission) -> Iterator[Finding]:
    """HFB040: as many process runs were measured as were asked for.

    A budget asks for what fits into it, so that what was tried is what was asked for.
    """
    protocol = document["protocol"]
    labels = [environment["label"] for environment in document["environments"]]
    tried: defaultdict[tuple[str, int, str, str | None], set[Place]] = defaultdict(set)
    measured: Counter[tuple[str, int, str, str | None]] = Counter()
    for run in document["process_runs"]:
        key = run["cell"], run["environment"], role_of(run), run.get("caches")
        tried[key].add(place_of(run))
        measured[key] += run["status"] in MEASURED_STATUSES
    for key, places in tried.items():
        cell, index, role, _ = key
        wanted = wanted_process_runs(role, protocol["process_runs"])
        if "budget_s" in protocol:
            wanted = len(places)
        if (count := measured[key]) < wanted and index < len(labels):
            yield finding(
                "HFB040", cell=cell, environment=labels[index], role=role, count=count,
                wanted=wanted,
            )  # fmt: skip


def check_launches(document: Submission) -> Iterator[Finding]:
    """HFB035, HFB039: what took no time was not launched, and only torch on a CPU is forked."""
    forked = document["protocol"]["launch"] == FORK_SERVER
    for index, run in enumerate(document["process_runs"]):
        pointer, cell = f"/process_runs/{index}", cell_of(run)
        if run["wall_ns"] == 0 and run["status"] not in NOT_LAUNCHED:
            yield finding("HFB035", pointer, status=run["status"])
        if forked and cell and (cell.framework, cell.device) != ("torch", "cpu"):
            yield finding("HFB039", pointer, cell=run["cell"])


def check_skipped(document: Submission) -> Iterator[Finding]:
    """HFB038: a skipped cell names a smaller one that ran out of memory in its environment."""
    exhausted = {
        (run["environment"], run["cell"])
        for run in document["process_runs"]
        if run["status"] in OUT_OF_MEMORY
    }
    for index, run in enumerate(document["process_runs"]):
        if run["status"] == "skipped_dominated":
            named = (word.strip(".,:;()") for word in run["reason"].split())
            smaller = [name for name in named if (run["environment"], name) in exhausted]
            if not any(_dominates(name, run["cell"]) for name in smaller):
                yield finding("HFB038", f"/process_runs/{index}/reason", cell=run["cell"])


def _dominates(smaller: str, larger: str) -> bool:
    """Whether a cell that needs too much memory shows that another does."""
    try:
        a, b = parse_cell(smaller), parse_cell(larger)
    except ValueError:
        return False
    same_kind = replace(a, batch_size=b.batch_size, sequence_length=b.sequence_length) == b
    fits = a.batch_size <= b.batch_size and a.sequence_length <= b.sequence_length
    return same_kind and fits


def cell_of(run: ProcessRun) -> Cell | None:
    """Return the cell of a process run; None if its id is none, which another rule reports."""
    try:
        return parse_cell(run["cell"])
    except ValueError:
        return None
