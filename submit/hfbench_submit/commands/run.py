"""`hfbench-submit run`: from what a contributor asks for to a submission."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from hfbench_schema.canonical import strict_json
from hfbench_schema.cells import Cell
from hfbench_schema.submission import FORK_SERVER, RESULTS, Machine
from hfbench_schema.suites import Suite, latest_suite
from hfbench_schema.validation import validate
from hfbench_submit.commands.options import (
    Request,
    check_copies,
    check_request,
    destination_of,
    roles_of,
    run_options,
)
from hfbench_submit.commands.printing import print_submission, print_summary
from hfbench_submit.commands.together import (
    Meeting,
    follow_to_the_end,
    meeting_for,
    only_measurement,
    require_shared_cells,
    team_of,
)
from hfbench_submit.commands.upload import report
from hfbench_submit.environments.environments import Environment, build_environments, canary_of
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.meeting import Invitation
from hfbench_submit.machine.facts import machine_facts
from hfbench_submit.planning.estimates import Durations, estimate
from hfbench_submit.planning.plans import SittingPlan, framework_of
from hfbench_submit.planning.schedule import Schedule
from hfbench_submit.planning.seen import MOST_BLOCKS, PILOT
from hfbench_submit.planning.slots import Task, select_cells
from hfbench_submit.reporting.detection import detection_lines
from hfbench_submit.reporting.json_events import JsonProgress
from hfbench_submit.reporting.progress import ConsoleProgress, Progress
from hfbench_submit.reporting.wording import duration, short_cell
from hfbench_submit.sitting.document import check_plan, write_submission
from hfbench_submit.sitting.journal import (
    Journal,
    examples_folder,
    forget_examples,
    unfinished_journals,
)
from hfbench_submit.sitting.sitting import measure_sitting
from hfbench_submit.uploading.destinations import Destination
from hfbench_submit.uploading.documents import read_documents
from hfbench_submit.uploading.preflight import check_destination
from hfbench_submit.uploading.upload import upload

if TYPE_CHECKING:
    from hfbench_submit.examples.preparing import Prepared

INTERRUPTED = 130
_MOST_NAMED = 10


@click.command()
@run_options
def run(
    output: Path, as_json: bool, uploads: bool, store: Destination | None, **asked: Any
) -> None:
    """Run SUITE in isolated workers, interleaved over the environments, and write a submission.

    Interrupt it whenever you like: the same command goes on where it stopped. A suite of training
    needs the examples of its tasks, from the Hub or from --data.
    """
    console = Console(stderr=True, highlight=False, markup=False)
    destination = destination_of(uploads, store)
    selection = _selection(Request(**asked), console)
    # Building environments would disturb another measurement as well.
    with (
        meeting_for(selection.request, console.print) as meeting,
        only_measurement(meeting, f"suite {selection.suite.name}", console.print),
    ):
        if destination and not isinstance(meeting, Invitation):
            check_destination(destination, console.print)
        plan = _plan(selection, console, output)
        if isinstance(meeting, Invitation):
            follow_to_the_end(meeting, plan, console.print)
            forget_examples(output)
            return
        progress = _progress(plan, console, as_json)
        journal = _measure(plan, meeting, output, progress)
    path = _finish(plan, journal, output, progress, as_json)
    if others := unfinished_journals(output):
        console.print(f"unfinished: {', '.join(map(str, others))}, of other commands")
    _require_a_measurement(journal)
    if destination:
        _upload(path, destination, progress, as_json)


@dataclass(frozen=True)
class _Selection:
    """What the command line asks for, found to make sense on this machine."""

    request: Request
    suite: Suite
    roles: tuple[str, ...]
    machine: Machine
    cells: Sequence[Cell]


def _selection(request: Request, console: Console) -> _Selection:
    """Make sure that what is asked for can be measured, as far as is known at once."""
    suite, machine, nodes = latest_suite(request.suite), machine_facts(), request.nodes or 1
    check_request(request, suite)
    roles = roles_of(request, suite)
    cells = select_cells(suite, request.cells, machine, nodes)
    if not request.cells and (left_out := len(suite.cells) - len(cells)):
        console.print(f"{left_out} cells left out: this machine has no devices for them")
    if request.launch == FORK_SERVER:
        _require_forkable(cells)
    check_copies(request, cells)
    require_shared_cells(cells, nodes)
    return _Selection(request, suite, roles, machine, cells)


def _measure(plan: SittingPlan, meeting: Meeting, output: Path, progress: Progress) -> Journal:
    """Measure what the plan asks for, with the other machines if there are any."""
    _check_budget(plan, progress)
    with team_of(meeting, plan, progress.note) as team:
        return measure_sitting(plan, output, progress, team)


def _finish(
    plan: SittingPlan, journal: Journal, output: Path, progress: Progress, as_json: bool
) -> Path:
    """Write the submission and show it; return where it is."""
    path = write_submission(plan, journal, output)
    if plan.prepared:
        forget_examples(output)
    _report(path, progress, as_json)
    schedule = Schedule(plan, 0)
    _say_what_is_left_out(schedule.left_out(journal.process_runs), progress)
    if plan.is_adaptive and schedule.is_full(journal.process_runs):
        progress.note(
            "the submission is as large as one may be: select fewer cells with --cells, and "
            "measure the others in a sitting of their own"
        )
    return path


def _plan(selection: _Selection, console: Console, output: Path) -> SittingPlan:
    """Get all that is to be measured, environments last: they take longest."""
    request, suite, cells = selection.request, selection.suite, selection.cells
    prepared = _prepared(selection, console, output) if suite.tasks else None
    environments = build_environments(request.base, request.layers, console.print, request.named)
    canary = _canary(suite, cells, environments, selection.roles, selection.machine)
    if canary:
        environments = [*environments, canary_of(environments[0], environments)]
    chosen = request.budget_s or request.detect_ppm
    runs = MOST_BLOCKS if chosen else request.process_runs or suite.process_runs
    plan = SittingPlan(
        suite=suite,
        cells=cells,
        environments=environments,
        process_runs=runs,
        machine=selection.machine,
        roles=selection.roles,
        launch=request.launch,
        budget_s=request.budget_s,
        detect_ppm=request.detect_ppm,
        canary=canary,
        prepared=prepared,
        nodes=request.nodes or 1,
    )
    check_plan(plan)
    return plan


def _prepared(selection: _Selection, console: Console, output: Path) -> "Prepared":
    """Get the examples that the cells are trained on."""
    from hfbench_submit.examples.preparing import prepare_examples  # as nothing else needs it

    copies, folder = dict(selection.request.copies), examples_folder(output)
    return prepare_examples(selection.suite, selection.cells, copies, folder, console.print)


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
        for line in detection_lines(strict_json(path.read_bytes())):
            progress.note(line.strip())
        progress.note(f"wrote {path}")
        return
    print_submission(path, validate(path.read_bytes(), name=path.name))
    print_summary(path)
    click.echo(f"\nwrote {path}")


def _upload(path: Path, destination: Destination, progress: Progress, as_json: bool) -> None:
    """Propose the submission; interrupted, the same command would measure another one."""
    try:
        outcome = upload(read_documents([path]), destination, progress.note)
    except KeyboardInterrupt:
        progress.note(f"to go on: hfbench-submit upload {path} --store {destination}")
        raise SystemExit(INTERRUPTED) from None
    report(outcome, progress.note if as_json else click.echo)


def _require_a_measurement(journal: Journal) -> None:
    if not any(run["status"] in RESULTS for run in journal.process_runs):
        raise SubmitError("nothing was measured; the reasons stand above")
