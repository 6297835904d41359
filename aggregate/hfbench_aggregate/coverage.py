"""Coverage: which cells of a suite each machine has measured in each environment, and which not.

What is missing looks like health on a leaderboard that does not say so.
"""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from hfbench_aggregate.environments import BUILD, Environment
from hfbench_aggregate.reduction import Family
from hfbench_aggregate.release_tables import CoverageGroup, CoverageRow
from hfbench_aggregate.statistics.constants import LEAST_PROCESS_RUNS
from hfbench_schema.submission import HOPELESS_STATUSES, MEASURED_STATUSES, SPAWN
from hfbench_schema.suites import Suite, find_suite

STATES: Final = ("measured", "few", "unsupported", "failed", "never_run")
MOST_GLOBS: Final = 6
"""Groups that a command names; to complete more of them, it measures the whole suite."""


def coverage_rows(family: Family) -> list[CoverageRow]:
    """Return a row for each environment of a family, from old to new; replicas have none.

    A suite of inference is covered by process runs of role latency, one of training by trainings.
    """
    suite = find_suite(family.suite, family.suite_version)
    if suite is None:
        return []
    statuses = _statuses(family)
    return [
        _row(family, suite, environment, statuses[environment])
        for environment in family.environments
        if not environment.replica
    ]


def _statuses(family: Family) -> dict[Environment, dict[str, list[str]]]:
    """Return the statuses of the process runs of each environment and cell."""
    found: dict[Environment, dict[str, list[str]]] = defaultdict(dict)
    for (environment, cell), runs in family.runs.items():
        found[environment][cell] = [run.status for run in runs]
    for environment, cell, trainings in family.of_role("training"):
        found[environment][cell] = [run["status"] for run in trainings]
    return found


def _row(
    family: Family, suite: Suite, environment: Environment, statuses: Mapping[str, list[str]]
) -> CoverageRow:
    devices, frameworks = _devices(family), environment.dimensions.keys()
    groups: dict[str, dict[str, list[str]]] = {}
    for cell in suite.cells:
        name = cell.id
        can_run = cell.framework in frameworks and cell.world_size <= devices.get(cell.device, 0)
        if can_run or name in statuses:
            group, shape = _place(name)
            states = groups.setdefault(group, {state: [] for state in STATES})
            states[_state(statuses.get(name, []))].append(shape)
    begun = [name for name, states in groups.items() if any(states[s] for s in STATES[:-1])]
    every = list(groups.values())
    return {
        "machine_key": family.machine_key,
        "machine": family.machine_title,
        "suite": family.suite_title,
        "environment": environment.title,
        "counts": {state: sum(len(states[state]) for states in every) for state in STATES},
        "groups": [_group(name, groups[name]) for name in begun],
        "never_run": [name for name in groups if name not in begun],
        "command": _command(family, environment, groups),
    }


def _devices(family: Family) -> dict[str, int]:
    """Return how many devices of each kind the machines of a family have; a core is one."""
    machine = family.machine
    there_are = {"cpu": machine["usable_cores"], "cuda": len(machine["accelerators"])}
    return {name: number * family.nodes for name, number in there_are.items()}


def _place(cell: str) -> tuple[str, str]:
    """Return group and shape: what follows the suite in a cell's id, and its last parts."""
    _, *group, shape = cell.split("/", 5)
    return "/".join(group), shape


def _state(statuses: Sequence[str]) -> str:
    """Return the state of a cell, given the status of each of its process runs."""
    measured = sum(status in MEASURED_STATUSES for status in statuses)
    if measured:
        return "measured" if measured >= LEAST_PROCESS_RUNS else "few"
    if not statuses:
        return "never_run"
    hopeless = all(status in HOPELESS_STATUSES for status in statuses)
    return "unsupported" if hopeless else "failed"


def _group(name: str, states: Mapping[str, list[str]]) -> CoverageGroup:
    return {
        "group": name,
        "measured": states["measured"],
        "few": states["few"],
        "unsupported": states["unsupported"],
        "failed": states["failed"],
        "never_run": states["never_run"],
    }


def _command(
    family: Family, environment: Environment, groups: Mapping[str, Mapping[str, list[str]]]
) -> str | None:
    """Return what to run for the cells that are missing; None if none is, or pip cannot do it."""
    names = [name for name, states in groups.items() if states["few"] or states["never_run"]]
    if not names or any(BUILD in version for _, version in environment.versions):
        return None
    packages = [f"{name}=={text.partition('+')[0]}" for name, text in environment.versions]
    words = ["hfbench-submit", "run", family.suite, "--with", " ".join(packages)]
    for name in names if len(names) <= MOST_GLOBS else ():
        words += ["--cells", f"{family.suite}/{name}/*"]
    words += [] if family.launch == SPAWN else ["--launch", family.launch]
    words += [] if family.nodes == 1 else ["--nodes", str(family.nodes)]
    return shlex.join(words)
