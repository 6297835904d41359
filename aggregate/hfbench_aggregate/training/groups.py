"""From submissions to groups of arms: what may be compared with what.

Process runs are pooled only if they trained the same model in the same shape on the same data, on
one kind of machine in one environment. Several machines that trained together are another arm, not
another group, so that they can be compared with one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from hfbench_aggregate.environments import Environment, environment_of
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import suite_title
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.training.arms import ArmKey
from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.machine_key import machine_title
from hfbench_schema.submission import SPAWN, ProcessRun, TaskData, Training, role_of
from hfbench_schema.suites import Model, Suite, TrainingTask, find_suite
from hfbench_schema.training_figures import Speed, speed


@dataclass(frozen=True)
class SeedRun:
    """One process run of role training; `sitting` is the number of its submission."""

    sitting: int
    seed: int
    run: ProcessRun
    speed: Speed | None

    @property
    def training(self) -> Training | None:
        """What was recorded; None if the training did not come to an end of its own."""
        return self.run.get("training")


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to train, with all process runs in the order of submissions and launching."""

    key: ArmKey
    cell: Cell
    runs: list[SeedRun] = field(default_factory=list)
    memory: list[ProcessRun] = field(default_factory=list)

    @cached_property
    def timed(self) -> list[SeedRun]:
        """The process runs that say how fast it is: ended, undisturbed, with a steady state."""
        return [run for run in self.runs if run.speed is not None]

    @cached_property
    def speeds(self) -> list[Speed]:
        """The figures of those."""
        return [run.speed for run in self.runs if run.speed is not None]

    @cached_property
    def scored(self) -> dict[int, SeedRun]:
        """The training that says how good it is, by seed.

        The first recorded one: contaminated ones count, because load changes no arithmetic, and
        diverged ones do, so that no seed is chosen by its result.
        """
        found: dict[int, SeedRun] = {}
        for run in self.runs:
            if run.training is not None:
                found.setdefault(run.seed, run)
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class GroupKey:
    """What all arms of a group share, beside machine, suite and environment."""

    model: str
    task: str
    framework: str
    device: str
    batch_size: int
    sequence_length: int
    sha256: str


@dataclass(frozen=True, eq=False)
class Group:
    """All ways to train one model on one task's data; `submissions` go by sitting."""

    key: GroupKey
    model: Model
    task: TrainingTask
    arms: dict[ArmKey, Arm] = field(default_factory=dict)
    submissions: dict[int, Accepted] = field(default_factory=dict)

    @property
    def data(self) -> TaskData:
        """What it trained on, from the hub if any submission has it from there."""
        found = [s.document["tasks"][self.key.task] for s in self.submissions.values()]
        return min(found, key=lambda data: data["source"] != "hub")

    @property
    def measured(self) -> list[Arm]:
        """The arms with a training on record, in the order of the report."""
        ordered = [self.arms[key] for key in sorted(self.arms)]
        return [arm for arm in ordered if arm.scored]


@dataclass(frozen=True)
class FamilyKey:
    """What all groups of a family share."""

    machine_key: str
    suite: str
    version: int
    launch: str
    environment: Environment

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Orders families by machine and suite, environments from old to new."""
        unusual = self.launch != SPAWN
        return self.machine_key, self.suite, self.version, unusual, self.environment.sort_key


@dataclass(frozen=True, eq=False)
class TrainingFamily:
    """All groups of one suite on one machine in one environment.

    What variances are learnt from, and what the false discovery rate is held over.
    """

    key: FamilyKey
    suite: Suite
    machine_title: str
    groups: dict[GroupKey, Group] = field(default_factory=dict)

    @property
    def suite_title(self) -> str:
        """The suite for people."""
        return suite_title(self.key.suite, self.key.version, self.key.launch)


def training_families(submissions: Iterable[Accepted]) -> list[TrainingFamily]:
    """Return everything that was trained, by machine, suite and environment.

    Raises:
        StoreError: a submission is of a suite that this version does not know.
    """
    found: dict[FamilyKey, TrainingFamily] = {}
    for sitting, submission in enumerate(submissions):
        # Only what was trained has tasks; of all others the process runs need not be read.
        others = submission.other_runs if submission.document.get("tasks") else []
        runs = [(parse_cell(run["cell"]), run) for run in others]
        trained = [(cell, run) for cell, run in runs if cell.task]
        # Only what was trained needs its suite to be known.
        own = _families(found, submission) if trained else []
        for cell, run in trained:
            _add(own[run["environment"]], submission, sitting, cell, run)
    families = [found[key] for key in sorted(found, key=lambda key: key.sort_key)]
    for family in families:
        _tidy(family)
    return [family for family in families if family.groups]


def _families(found: dict[FamilyKey, TrainingFamily], submission: Accepted) -> list[TrainingFamily]:
    """Return the family of each environment of a submission."""
    document, suite = submission.document, _suite(submission)
    place = (submission.machine_key, suite.name, suite.version, document["protocol"]["launch"])
    keys = [FamilyKey(*place, environment_of(facts)) for facts in document["environments"]]
    title = machine_title(document["machine"])
    return [found.setdefault(key, TrainingFamily(key, suite, title)) for key in keys]


def _suite(submission: Accepted) -> Suite:
    name, version = submission.document["suite"]["name"], submission.document["suite"]["version"]
    suite = find_suite(name, version)
    if suite is None:
        raise StoreError(
            f"{submission.sha256} is of suite {name}-{version}, which this version of hfbench "
            f"does not know. To mend it: install the version that accepted it"
        )
    return suite


def _add(
    family: TrainingFamily, submission: Accepted, sitting: int, cell: Cell, run: ProcessRun
) -> None:
    document, suite = submission.document, family.suite
    sha256 = document["tasks"][cell.task]["sha256"]
    shape = (cell.batch_size, cell.sequence_length)
    key = GroupKey(cell.model, cell.task, cell.framework, cell.device, *shape, sha256)
    group = family.groups.setdefault(
        key, Group(key, suite.models[cell.model], suite.tasks[cell.task])
    )
    group.submissions[sitting] = submission
    arm_key = ArmKey.of(cell, document["protocol"].get("nodes", 1))
    arm = group.arms.setdefault(arm_key, Arm(arm_key, cell))
    if role_of(run) == "memory":
        arm.memory.append(run)
    else:
        seed = suite.seed + run["block"]
        arm.runs.append(SeedRun(sitting, seed, run, speed(run, cell)))


def _tidy(family: TrainingFamily) -> None:
    """Drop groups of which only memory was measured, and put the others in the suite's order."""
    cells = {cell: place for place, cell in enumerate(family.suite.cell_ids)}
    order = {
        key: min(cells.get(arm.cell.id, len(cells)) for arm in group.arms.values())
        for key, group in family.groups.items()
        if any(arm.runs for arm in group.arms.values())
    }
    held = {key: family.groups[key] for key in sorted(order, key=lambda k: (order[k], k.sha256))}
    family.groups.clear()
    family.groups.update(held)
