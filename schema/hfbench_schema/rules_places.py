"""Rules on the places of process runs in the plan: which were filled, and by what."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from hfbench_schema.cells import Cell, dominates, parse_cell
from hfbench_schema.reports import Finding, finding
from hfbench_schema.submission import (
    FORK_SERVER,
    HOPELESS_STATUSES,
    OUT_OF_MEMORY,
    RESULTS,
    SECOND_ATTEMPTS,
    ProcessRun,
    Submission,
    is_adaptive,
    role_of,
    wanted_process_runs,
)

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
    """HFB029, HFB049: places are measured again where contaminated, and not too many of them."""
    contaminated: set[Place] = set()
    for index, run in enumerate(document["process_runs"]):
        place = place_of(run)
        if not run.get("attempt", 0):
            contaminated |= {place} if run["status"] == "contaminated" else set()
        elif place not in contaminated:
            yield finding("HFB029", f"/process_runs/{index}/attempt", cell=run["cell"])
    count = sum(run.get("attempt", 0) for run in document["process_runs"])
    planned = _planned_process_runs(document)
    if count > (limit := max(1, planned // SECOND_ATTEMPTS)):
        yield finding("HFB049", "/process_runs", count=count, planned=planned, limit=limit)


def _planned_process_runs(document: Submission) -> int:
    """Return how many first attempts were planned at most.

    That is more than there are where cells were given up. Where process runs were chosen as the
    sitting went, what was begun was planned.
    """
    protocol, runs = document["protocol"], document["process_runs"]
    begun: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for run in runs:
        begun[run["cell"], role_of(run)].add(run["block"])
    planned = 0
    for cell, _, role in {(run["cell"], run["environment"], role_of(run)) for run in runs}:
        wanted = wanted_process_runs(role, protocol["process_runs"])
        blocks = len(begun[cell, role]) if is_adaptive(protocol) else wanted
        # Of the two states of caches that a cold start has, the second may never be reached.
        planned += blocks * (2 if role == "cold" else 1)
    return planned


def check_roles(document: Submission) -> Iterator[Finding]:
    """HFB036, HFB037: roles were asked for, and those that fill compile caches say which."""
    asked = document["protocol"].get("roles", ["latency"])
    for index, run in enumerate(document["process_runs"]):
        pointer, role = f"/process_runs/{index}", role_of(run)
        if role not in asked:
            yield finding("HFB036", pointer, role=role, asked=", ".join(asked))
        if has := _wrong_caches(role, run.get("caches")):
            yield finding("HFB037", pointer, role=role, has=has)


def _wrong_caches(role: str, caches: str | None) -> str:
    """Return what is wrong about the state of compile caches; the empty text if nothing is."""
    if role not in ("cold", "training"):
        return "" if caches is None else "a"
    if caches is None:
        return "no"
    # What a training takes until its end must not depend on what was trained before it.
    return "a warm" if (role, caches) == ("training", "warm") else ""


def check_counts(document: Submission) -> Iterator[Finding]:
    """HFB040: as many process runs were measured as were asked for.

    Where process runs were chosen as the sitting went, what was tried is what was asked for. A
    cell that cannot be measured says so itself.
    """
    protocol = document["protocol"]
    labels = [environment["label"] for environment in document["environments"]]
    tried: defaultdict[tuple[str, int, str, str | None], set[Place]] = defaultdict(set)
    measured: Counter[tuple[str, int, str, str | None]] = Counter()
    hopeless: set[tuple[str, int, str, str | None]] = set()
    for run in document["process_runs"]:
        key = run["cell"], run["environment"], role_of(run), run.get("caches")
        tried[key].add(place_of(run))
        measured[key] += run["status"] in RESULTS
        if run["status"] in HOPELESS_STATUSES:
            hopeless.add(key)
    for key, places in tried.items():
        cell, index, role, _ = key
        wanted = wanted_process_runs(role, protocol["process_runs"])
        if is_adaptive(protocol):
            wanted = len(places)
        lacking = (count := measured[key]) < wanted and key not in hopeless
        if lacking and index < len(labels):
            yield finding(
                "HFB040", cell=cell, environment=labels[index], role=role, count=count,
                wanted=wanted,
            )  # fmt: skip


def check_launches(document: Submission) -> Iterator[Finding]:
    """HFB035, HFB039: what took no time was not launched, and what cannot be forked was not."""
    forked = document["protocol"]["launch"] == FORK_SERVER
    for index, run in enumerate(document["process_runs"]):
        pointer, cell = f"/process_runs/{index}", cell_of(run)
        if run["wall_ns"] == 0 and run["status"] not in HOPELESS_STATUSES:
            yield finding("HFB035", pointer, status=run["status"])
        forkable = cell is None or (cell.framework, cell.device) == ("torch", "cpu")
        forkable = forkable and role_of(run) not in ("cold", "training")
        if forked and not forkable:
            yield finding("HFB039", pointer, cell=run["cell"], role=role_of(run))


def check_skipped(document: Submission) -> Iterator[Finding]:
    """HFB038: a skipped cell names a smaller one that ran out of memory in its environment."""
    exhausted = {
        (run["environment"], role_of(run), run["cell"])
        for run in document["process_runs"]
        if run["status"] in OUT_OF_MEMORY
    }
    for index, run in enumerate(document["process_runs"]):
        if run["status"] == "skipped_dominated":
            named = (word.strip(".,:;()") for word in run["reason"].split())
            place = run["environment"], role_of(run)
            smaller = [name for name in named if (*place, name) in exhausted]
            if not any(_is_dominated(run["cell"], name) for name in smaller):
                yield finding("HFB038", f"/process_runs/{index}/reason", cell=run["cell"])


def _is_dominated(cell: str, smaller: str) -> bool:
    """Whether a cell that needs too much memory shows that another does; no ids show nothing."""
    try:
        return dominates(parse_cell(smaller), parse_cell(cell))
    except ValueError:
        return False


def cell_of(run: ProcessRun) -> Cell | None:
    """Return the cell of a process run; None if its id is none, which another rule reports."""
    try:
        return parse_cell(run["cell"])
    except ValueError:
        return None
