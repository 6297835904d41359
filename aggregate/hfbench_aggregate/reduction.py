"""From submissions to families of process runs: one number a process run, grouped to compare.

A family is one suite version on one machine key, or on several such machines that train together,
launched in one way. Within it, the environments of different submissions are one if they have the
same title. Of the timed iterations of a process run the middle pair is kept, two integers, because
their logarithm may differ in the last bit from processor to processor.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hfbench_aggregate.environments import Environment, environment_of
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.run_table import Arm, Place, ReducedRun, RunTable
from hfbench_aggregate.statistics.constants import LEAST_ITERATIONS
from hfbench_schema.machine_key import machine_title
from hfbench_schema.submission import SPAWN, EnvironmentFacts, Machine, ProcessRun, role_of
from hfbench_schema.suites import find_suite

__all__ = ["Arm", "Family", "ReducedRun", "families", "suite_title"]

_LONGEST_REASON = 100
_NO_FAILURES = {"contaminated": "set aside", "skipped_dominated": "not tried"}


@dataclass(frozen=True, eq=False)
class Family:
    """All process runs of one suite version on one machine; `submissions` are its sittings.

    How workers were launched, and on how many machines, changes what they measure, so it makes
    another family.
    """

    machine_key: str
    suite: str
    suite_version: int
    launch: str = SPAWN
    nodes: int = 1
    submissions: list[Accepted] = field(default_factory=list)
    facts: dict[Environment, list[EnvironmentFacts]] = field(default_factory=dict)

    @cached_property
    def runs(self) -> RunTable:
        """The process runs of role latency, reduced, by environment and cell."""
        return RunTable.of(
            [(one.sha256, _environments(one), one.latency_runs) for one in self.submissions]
        )

    @property
    def suite_title(self) -> str:
        """The suite for people, as in `smoke-1` or `smoke-1, fork server`."""
        return suite_title(self.suite, self.suite_version, self.launch, self.nodes)

    @property
    def machine_keys(self) -> set[str]:
        """The machine key, and those aliases of it under which something was measured."""
        return {self.machine_key, *(one.own_machine_key for one in self.submissions)}

    @property
    def machine(self) -> Machine:
        """The facts of the machine."""
        return machine_of(self.submissions)

    @property
    def machine_title(self) -> str:
        """The machine for people."""
        return machine_title(self.machine)

    @property
    def environments(self) -> list[Environment]:
        """All environments, from old to new."""
        return sorted(self.facts, key=lambda environment: environment.sort_key)

    def cells(self, *environments: Environment) -> list[str]:
        """Return the cells that any of `environments` has process runs of, in the suite's order."""
        suite = find_suite(self.suite, self.suite_version)
        places = {cell: place for place, cell in enumerate(suite.cell_ids)} if suite else {}
        cells = {cell for environment, cell in self.runs if environment in environments}
        return sorted(cells, key=lambda cell: (places.get(cell, len(places)), cell))

    def of_role(self, role: str) -> list[tuple[Environment, str, list[ProcessRun]]]:
        """Return the process runs of a role by environment and cell, from old to new, by cell."""
        found: dict[Place, list[ProcessRun]] = {}
        for submission in self.submissions:
            environments = _environments(submission)
            for run in submission.other_runs:
                if role_of(run) == role:
                    place = environments[run["environment"]], run["cell"]
                    found.setdefault(place, []).append(run)
        listed = [(*place, runs) for place, runs in found.items()]
        return sorted(listed, key=lambda entry: (entry[0].sort_key, entry[1]))

    def runs_of(self, environment: Environment, cell: str) -> list[ReducedRun]:
        """Return all process runs, measured or not, in the order of submissions and launching."""
        return self.runs.get((environment, cell), [])

    def arm(self, environment: Environment, cells: list[str]) -> Arm:
        """Return the measured process runs of `environment`, one row for each of `cells`."""
        return self.runs.arm(environment, cells)


def suite_title(name: str, version: int, launch: str, nodes: int = 1) -> str:
    """Name a suite for people, with how workers were launched, and where, unless as usual."""
    title = f"{name}-{version}"
    title += "" if launch == SPAWN else f", {launch.replace('_', ' ')}"
    return title if nodes == 1 else f"{title}, {nodes} machines"


def machine_of(submissions: Sequence[Accepted]) -> Machine:
    """Return the facts of a machine as its latest submission tells them.

    Those under an alias are asked only if there are no others.
    """
    own = [one for one in submissions if one.own_machine_key == one.machine_key]
    return (own or submissions)[-1].document["machine"]


def families(submissions: Iterable[Accepted]) -> list[Family]:
    """Group submissions by machine key, suite version and how launched, sorted by these."""
    found: dict[tuple[str, str, int, str, int], Family] = {}
    for submission in submissions:
        document, suite = submission.document, submission.document["suite"]
        launch, nodes = document["protocol"]["launch"], document["protocol"].get("nodes", 1)
        key = (submission.machine_key, suite["name"], suite["version"], launch, nodes)
        _add(found.setdefault(key, Family(*key)), submission)
    order = sorted(found, key=lambda key: (*key[:3], key[3] != SPAWN, key[4]))
    return [found[key] for key in order]


def run_flags(runs: list[ReducedRun]) -> list[str]:
    """Say what is unusual about the process runs of one cell in one environment."""
    measured = [run for run in runs if run.middle_ns]
    unsteady = sum(run.status == "no_steady_state" for run in measured)
    few = sum(run.iterations < LEAST_ITERATIONS for run in measured)
    flags = [f"no_steady_state in {unsteady} of {len(measured)}"] if unsteady else []
    flags += [f"few_iterations in {few} of {len(measured)}"] if few else []
    flags += watch_flags([run.watched for run in measured])
    return flags + failure_flags((run.status, run.reason) for run in runs if not run.middle_ns)


def watch_flags(watched: list[bool]) -> list[str]:
    """Say of how many measured process runs nobody knows what other programs did meanwhile."""
    unwatched = watched.count(False)
    return [f"not watched in {unwatched} of {len(watched)}"] if unwatched else []


def failure_flags(failures: Iterable[tuple[str, str | None]]) -> list[str]:
    """Say how many process runs gave nothing, status by status, given (status, reason) of each."""
    return [_failed(*found) for found in sorted(failure_reasons(failures).items())]


def failure_reasons(failures: Iterable[tuple[str, str | None]]) -> dict[str, Counter[str]]:
    """Count the reasons of each status, in the order of the statuses' first appearance."""
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for status, reason in failures:
        reasons[status][reason or ""] += 1
    return reasons


def _failed(status: str, reasons: Counter[str]) -> str:
    """Say how many process runs ended with one status, and the most frequent reason."""
    count = reasons.total()
    noun = "process run" if count == 1 else "process runs"
    reason = reasons.most_common(1)[0][0]
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON] + "..."
    how = _NO_FAILURES.get(status, "failed")
    return f"{count} {noun} {how}: {status}" + (f" ({reason})" if reason else "")


def _add(family: Family, submission: Accepted) -> None:
    family.submissions.append(submission)
    pairs = zip(_environments(submission), submission.document["environments"], strict=True)
    for environment, facts in pairs:
        family.facts.setdefault(environment, []).append(facts)


def _environments(submission: Accepted) -> list[Environment]:
    return [environment_of(facts) for facts in submission.document["environments"]]
