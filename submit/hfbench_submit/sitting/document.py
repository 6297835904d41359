"""From a complete journal to the submission document; the same journal gives the same bytes."""

from datetime import timedelta
from pathlib import Path

from hfbench_schema import __version__
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.cells import parse_cell
from hfbench_schema.files import write_atomically
from hfbench_schema.rules_bytes import MAXIMUM_BYTES
from hfbench_schema.submission import (
    SECOND_ATTEMPTS,
    SUBMISSION_SCHEMA,
    ProcessRun,
    Protocol,
    Submission,
    TaskData,
    wanted_process_runs,
)
from hfbench_schema.timestamps import format_moment, now, parse_moment
from hfbench_submit.errors import SubmitError
from hfbench_submit.planning.detection import LEAST_BLOCKS
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.slots import Task
from hfbench_submit.sitting.acceptance import require_accepted
from hfbench_submit.sitting.journal import Journal, finish_journal

_REFUSED = "the submission would be refused"
_MIB = 1 << 20


def submission_document(plan: SittingPlan, journal: Journal) -> Submission:
    """Assemble the submission of a complete journal."""
    suite = plan.suite
    last, tasks = journal.process_runs[-1], _tasks(plan, journal)
    # Rounded up to the next second: the sitting ended no earlier than its last process run.
    length = timedelta(seconds=last["wall_ns"] // 10**9 + 1)
    document: Submission = {
        "schema": SUBMISSION_SCHEMA,
        "client": {"name": "hfbench", "version": __version__},
        "suite": {"name": suite.name, "version": suite.version, "sha256": suite.sha256},
        "sitting": {
            "id": journal.header["sitting"],
            "seed": journal.header["seed"],
            "invocations": journal.invocations,
            "finished_at": format_moment(parse_moment(last["started_at"]) + length),
        },
        "protocol": _protocol(plan),
        "machine": journal.header["machine"],
        "environments": [environment.facts for environment in plan.environments],
        "process_runs": journal.process_runs,
    }
    if tasks:
        document["tasks"] = tasks
    if journal.anchors:
        document["anchors"] = journal.anchors
    return document


def _tasks(plan: SittingPlan, journal: Journal) -> dict[str, TaskData]:
    """Return what the examples of the journal's cells are."""
    trained = {parse_cell(run["cell"]).task for run in journal.process_runs}
    return {name: data for name, data in plan.data.items() if name in trained}


def _protocol(plan: SittingPlan) -> Protocol:
    protocol: Protocol = {
        "launch": plan.launch,
        "order": "abba",
        "roles": list(plan.roles),
        "process_runs": plan.process_runs,
        "timeout_s": plan.timeout_s,
    }
    if not plan.suite.tasks:
        protocol["iterations"] = plan.suite.iterations
    if plan.nodes > 1:
        protocol["nodes"] = plan.nodes
    if plan.budget_s is not None:
        protocol["budget_s"] = plan.budget_s
    if plan.detect_ppm is not None:
        protocol["detect_ppm"] = plan.detect_ppm
    return protocol


def check_plan(plan: SittingPlan) -> None:
    """Make sure before measuring that the submission will be valid: nobody loses hours to a label.

    Raises:
        SubmitError: a fact of this machine or of an environment would be refused.
    """
    moment = format_moment(now())
    unmeasured: ProcessRun = {
        "cell": plan.cells[0].id,
        "environment": 0,
        "block": 0,
        "role": plan.tasks[0].role,
        "started_at": moment,
        "wall_ns": 1,
        "status": "error",
        "reason": "not measured yet",
    }
    if caches := plan.tasks[0].caches[0]:
        unmeasured["caches"] = caches
    header = {"sitting": "0" * 32, "seed": 0, "machine": plan.machine}
    document = submission_document(plan, Journal(Path(), header, [moment], [unmeasured]))
    require_accepted(canonical_bytes(document), f"{_REFUSED}, so nothing is measured")
    _check_size(plan)


def _check_size(plan: SittingPlan) -> None:
    """Refuse a plan whose submission could be too large; one with a budget ends before."""
    if plan.budget_s is not None:
        return
    size = sum(plan.run_bytes(task) * _process_runs(plan, task) for task in plan.tasks)
    size += size // SECOND_ATTEMPTS
    if size > MAXIMUM_BYTES:
        raise SubmitError(
            f"the submission could have {size / _MIB:.1f} MiB, and {MAXIMUM_BYTES // _MIB} are "
            f"allowed: {_way_out(plan)}"
        )


def _process_runs(plan: SittingPlan, task: Task) -> int:
    """Return how many first attempts a task has; at least, where that is not known before."""
    blocks = wanted_process_runs(task.role, LEAST_BLOCKS if plan.detect else plan.process_runs)
    return blocks * len(task.environments) * len(task.caches)


def _way_out(plan: SittingPlan) -> str:
    """Say how to get a smaller submission."""
    if plan.detect:
        return "select fewer cells with --cells, or give a --budget"
    if not plan.suite.tasks:
        return "select fewer cells with --cells, fewer --process-runs, or give a --budget"
    largest = max(plan.tasks, key=plan.run_bytes)
    cell = plan.cell(largest.cell)
    share = plan.run_bytes(largest) / MAXIMUM_BYTES
    return (
        f"every step of every rank is kept, and one training of {cell.model} on {cell.task} takes "
        f"up to {100 * share:.1f} % of that. Select fewer cells for each sitting, as in "
        f"--cells '*/{cell.model}/*-w{cell.world_size}/{cell.task}', or fewer --process-runs; "
        "one store takes many sittings"
    )


def write_submission(plan: SittingPlan, journal: Journal, folder: Path) -> Path:
    """Write the submission to `folder`, named by its hash, and put its journal to rest.

    Raises:
        SubmitError: the disk is full, or the submission would be refused; the journal is then as
            it was.
    """
    data = canonical_bytes(submission_document(plan, journal))
    require_accepted(data, f"{_REFUSED}, so its process runs stay in {journal.path}")
    sha256 = sha256_hex(data)
    path = folder / f"{sha256}.json"
    try:
        write_atomically(path, data)
    except OSError as error:
        raise SubmitError(
            f"cannot write {path}: {error.strerror}. Nothing is lost, the journal has every "
            "process run: make room, and repeat the same command"
        ) from error
    finish_journal(journal, sha256)
    return path
