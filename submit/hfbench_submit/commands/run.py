"""`hfbench-submit run`: from what a contributor asks for to a submission."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from hfbench_schema.cells import Cell
from hfbench_schema.submission import (
    FORK_SERVER,
    MEASURED_STATUSES,
    ROLES,
    SPAWN,
    Machine,
    ProcessRun,
)
from hfbench_schema.suites import Suite, latest_suite
from hfbench_schema.validation import validate
from hfbench_submit.commands.printing import print_submission, print_summary
from hfbench_submit.environments.environments import (
    DEFAULT_BASE,
    Environment,
    build_environments,
    canary_of,
)
from hfbench_submit.errors import SubmitError
from hfbench_submit.machine.facts import machine_facts
from hfbench_submit.planning.budget import MOST_BLOCKS, PILOT
from hfbench_submit.planning.estimates import Durations, estimate
from hfbench_submit.planning.plans import SittingPlan, framework_of
from hfbench_submit.planning.schedule import Schedule
from hfbench_submit.planning.slots import Task, select_cells
from hfbench_submit.reporting.json_events import JsonProgress
from hfbench_submit.reporting.progress import ConsoleProgress, Progress
from hfbench_submit.reporting.wording import duration, short_cell
from hfbench_submit.sitting.document import check_plan, write_submission
from hfbench_submit.sitting.journal import Journal, unfinished_journals
from hfbench_submit.sitting.only_measurement import only_measurement_on_this_machine
from hfbench_submit.sitting.sitting import measure_sitting

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MOST_NAMED = 10


class Duration(click.ParamType[int]):
    """A length of time in seconds, written as in `20m`, `1h30m` or `90s`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds; refuse what is no length of time."""
        found = _DURATION.fullmatch(str(value))
        hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0,) * 3
        total = 3600 * hours + 60 * minutes + seconds
        if not total:
            self.fail(f"{value!r} is no length of time; write 20m, 1h30m or 90s", param, ctx)
        return total


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    suite: str
    layers: tuple[str, ...]
    named: tuple[str, ...]
    base: str
    cells: tuple[str, ...]
    roles: tuple[str, ...]
    process_runs: int | None
    budget_s: int | None
    launch: str


@click.command()
@click.argument("suite")
@click.option(
    "--with",
    "layers",
    multiple=True,
    metavar="REQUIREMENTS",
    help="An environment to measure: pip requirements, local paths or git commits, as in "
    "transformers==5.23.0, ./transformers or git+https://host/repository@commit. Naming torch or "
    "tensorflow chooses its base. Repeat it to compare; the same one twice measures this "
    "machine's own noise (A/A).",
)
@click.option(
    "--env", "named", multiple=True, metavar="NAME", help="An environment from `envs create`."
)
@click.option(
    "--base",
    default=DEFAULT_BASE,
    show_default=True,
    metavar="REQUIREMENTS",
    help="The framework of environments that name none, installed once.",
)
@click.option(
    "--cells",
    multiple=True,
    metavar="GLOB",
    help="Only cells whose id matches, as in 'inference/bert-*/torch-*/cpu/fp32/b1-*'. Repeatable.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(ROLES),
    default=["latency"],
    show_default=True,
    help="What to measure, each in process runs of its own. Repeatable.",
)
@click.option("--process-runs", type=click.IntRange(1, 1000), help="Instead of the suite's number.")
@click.option(
    "--budget",
    "budget_s",
    type=Duration(),
    help="Choose the process runs that buy most in this time, as in 20m.",
)
@click.option(
    "--launch",
    type=click.Choice([SPAWN, FORK_SERVER]),
    default=SPAWN,
    show_default=True,
    help="A fresh interpreter for every process run, or a fork of one that has imported the "
    "framework: quicker on a CPU, and never compared with the other.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hfbench-results"),
    show_default=True,
    help="Where the journal and the submission go.",
)
@click.option("--json", "as_json", is_flag=True, help="Write events as JSON lines, for programs.")
def run(output: Path, as_json: bool, **asked: Any) -> None:
    """Run SUITE in isolated workers, interleaved over the environments, and write a submission.

    Interrupt it whenever you like: the same command goes on where it stopped.
    """
    request = Request(**asked)
    _check_request(request)
    console = Console(stderr=True, highlight=False, markup=False)
    # Building environments would disturb another measurement as well.
    with only_measurement_on_this_machine(f"suite {request.suite}"):
        plan = _plan(console, request)
        progress = _progress(plan, console, as_json)
        _check_budget(plan, progress)
        journal = measure_sitting(plan, output, progress)
    path = write_submission(plan, journal, output)
    _report(path, progress, as_json)
    _say_what_is_left_out(Schedule(plan, 0).left_out(journal.process_runs), progress)
    if others := unfinished_journals(output):
        console.print(f"unfinished: {', '.join(map(str, others))}, of other commands")
    _require_a_measurement(journal)


def _check_request(request: Request) -> None:
    if not request.layers and not request.named:
        raise click.UsageError(
            "name an environment to measure: --with transformers==5.23.0, or --env NAME"
        )
    if request.budget_s and request.process_runs:
        raise click.UsageError("--budget chooses the process runs: leave --process-runs out")
    if request.launch == FORK_SERVER and "cold" in request.roles:
        raise click.UsageError("--launch fork_server imports beforehand: it has no role cold")


def _plan(console: Console, request: Request) -> SittingPlan:
    """Make sure that everything asked for can be measured, environments last: they take longest."""
    suite, machine = latest_suite(request.suite), machine_facts()
    cells = select_cells(suite, request.cells, machine)
    if not request.cells and (left_out := len(suite.cells) - len(cells)):
        console.print(f"{left_out} cells left out: this machine has no device for them")
    if request.launch == FORK_SERVER:
        _require_forkable(cells)
    environments = build_environments(request.base, request.layers, console.print, request.named)
    canary = _canary(suite, cells, environments, request.roles, machine)
    if canary:
        environments = [*environments, canary_of(environments[0], environments)]
    runs = MOST_BLOCKS if request.budget_s else request.process_runs or suite.process_runs
    plan = SittingPlan(
        suite=suite,
        cells=cells,
        environments=environments,
        process_runs=runs,
        machine=machine,
        roles=tuple(role for role in ROLES if role in request.roles),
        launch=request.launch,
        budget_s=request.budget_s,
        canary=canary,
    )
    check_plan(plan)
    return plan


def _require_forkable(cells: Sequence[Cell]) -> None:
    """Refuse cells whose framework or device does not survive a fork."""
    others = [cell.id for cell in cells if (cell.framework, cell.device) != ("torch", "cpu")]
    if others:
        raise click.UsageError(
            f"--launch fork_server measures torch on a CPU only, not {others[0]}: "
            "select with --cells '*/torch-*/cpu/*'"
        )


def _canary(
    suite: Suite,
    cells: Sequence[Cell],
    environments: Sequence[Environment],
    roles: Sequence[str],
    machine: Machine,
) -> str | None:
    """Return the cell to measure in a copy of the first environment, if the suite asks for one.

    It is the quickest one that the first environment can measure: what an A/A comparison tells
    of the machine's noise hardly depends on the cell. Where replicas are asked for there is an
    A/A comparison already.
    """
    if (
        not suite.controls
        or "latency" not in roles
        or any(e.facts["replica"] for e in environments)
    ):
        return None
    framework = framework_of(environments[0])
    fitting = [c for c in cells if (c.framework, c.mode, c.device) == (framework, "eager", "cpu")]
    cores = machine["usable_cores"]
    quickest = min(fitting, key=lambda c: estimate(suite, c, cores).seconds, default=None)
    return quickest.id if quickest else None


def _progress(plan: SittingPlan, console: Console, as_json: bool) -> Progress:
    facts = [environment.facts for environment in plan.environments]
    cores = plan.machine["usable_cores"]
    clock = Durations(plan.suite, cores)
    if as_json:
        return JsonProgress(sys.stdout, facts, cores, clock)
    return ConsoleProgress(console, facts, cores, clock)


def _check_budget(plan: SittingPlan, progress: Progress) -> None:
    """Say what the budget leaves out; refuse one that buys nothing."""
    schedule = Schedule(plan, 0)
    if not schedule.remaining([]):
        raise SubmitError(
            f"{duration(plan.budget_s or 0)} is too little for {PILOT} process runs of any cell: "
            "give a larger --budget, or see hfbench-submit suites show for cells that take less"
        )
    _say_what_is_left_out(schedule.left_out([]), progress)


def _say_what_is_left_out(tasks: Sequence[Task], progress: Progress) -> None:
    """Say which cells the budget leaves without enough process runs."""
    if tasks:
        named = [f"{short_cell(task.cell)} {task.role}" for task in tasks[:_MOST_NAMED]]
        more = f" and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else ""
        progress.note(f"too little time for {', '.join(named)}{more}")


def _report(path: Path, progress: Progress, as_json: bool) -> None:
    if as_json:
        progress.note(f"wrote {path}")
        return
    print_submission(path, validate(path.read_bytes(), name=path.name))
    print_summary(path)
    click.echo(f"\nwrote {path}")


def _require_a_measurement(journal: Journal) -> None:
    if not any(_is_measured(run) for run in journal.process_runs):
        raise SubmitError("nothing was measured; the reasons stand above")


def _is_measured(run: ProcessRun) -> bool:
    return run["status"] in MEASURED_STATUSES
