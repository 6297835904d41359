"""One sitting: take up or start a journal, and measure what remains."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfbench_schema.canonical import document_sha256
from hfbench_schema.submission import ProcessRun
from hfbench_submit.launching.nodes import Team
from hfbench_submit.planning.domination import dominating_cell
from hfbench_submit.planning.past import from_header, past_spreads, to_header
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.schedule import Schedule
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.epochs import epochs_to
from hfbench_submit.reporting.progress import Progress
from hfbench_submit.sitting.clock import SittingClock
from hfbench_submit.sitting.foresight import Foresight
from hfbench_submit.sitting.journal import (
    Journal,
    caches_folder,
    create_journal,
    journal_path,
    open_journal,
)
from hfbench_submit.sitting.measuring import Measurer, skipped


def measure_sitting(
    plan: SittingPlan, folder: Path, progress: Progress, team: Team | None = None
) -> Journal:
    """Measure every process run of the plan that no earlier invocation has measured.

    Returns the complete journal; its path is under `folder`/journals.

    Args:
        plan: what to measure.
        folder: the output folder.
        progress: is told how it goes.
        team: the other machines, where several train together.

    Raises:
        SubmitError: the disk is full, the journal is damaged, or another machine is gone.
    """
    path = journal_path(folder, document_sha256(plan.identity()))
    journal = open_journal(path) or create_journal(path, _header(plan, folder))
    schedule = Schedule(plan, journal.header["seed"], from_header(journal.header))
    if schedule.remaining(journal.process_runs):
        progress.begin(schedule.expected(journal.process_runs), journal.process_runs)
        os.sync()  # else what pip has just installed is written out during the first blocks
        clock = SittingClock(journal.last_moment())
        journal.add_invocation(clock.moment())
        try:
            with Measurer(plan, caches_folder(journal).absolute(), team) as measurer:
                _measure_all(plan, journal, schedule, measurer, progress, clock)
        finally:
            progress.end(journal.process_runs)
    return journal


def _measure_all(
    plan: SittingPlan,
    journal: Journal,
    schedule: Schedule,
    measurer: Measurer,
    progress: Progress,
    clock: SittingClock,
) -> None:
    """Measure slot after slot; the anchor workload before, amid and after them."""
    done = journal.process_runs
    anchors = _Anchors(plan, journal, measurer, progress, clock)
    foresight = Foresight(plan, schedule, progress)
    anchors.measure(at_most=1)
    while remaining := schedule.remaining(done):
        foresight.look(remaining, done)
        slot = remaining[0]
        if dominating := dominating_cell(slot, done):
            run = skipped(slot, dominating, clock.moment())
        else:
            progress.launch(slot)
            heard = epochs_to(progress) if slot.role == "training" else None
            run = measurer.measure(slot, clock.moment(), heard)
        journal.add_process_run(run)
        progress.finish(run)
        if _is_halfway(plan, done, foresight.left):
            anchors.measure(at_most=2)
    anchors.measure(at_most=3)


def _is_halfway(plan: SittingPlan, done: Sequence[ProcessRun], left: Sequence[Slot]) -> bool:
    if plan.budget_s is not None and 2 * _seconds(done) >= plan.budget_s:
        return True
    # With a budget alone nobody knows what is left.
    return (plan.budget_s is None or plan.detect is not None) and len(done) >= len(left)


def _seconds(done: Sequence[ProcessRun]) -> float:
    return sum(run["wall_ns"] for run in done) / 1e9


@dataclass
class _Anchors:
    """The anchor workload of a sitting; once it fails it is left out, and costs nothing else."""

    plan: SittingPlan
    journal: Journal
    measurer: Measurer
    progress: Progress
    clock: SittingClock
    works: bool = True

    def measure(self, at_most: int) -> None:
        """Measure it in the first environment, unless the journal has enough already."""
        wanted = self.plan.suite.controls and self.works
        if not wanted or len(self.journal.anchors) >= at_most:
            return
        anchor = self.measurer.anchor(0, self.clock.moment())
        if anchor is None:
            self.works = False
            self.progress.note("the anchor workload could not be measured")
            return
        self.journal.add_anchor(anchor)
        self.progress.anchor(anchor)


def _header(plan: SittingPlan, folder: Path) -> dict[str, Any]:
    past = {"past": to_header(past_spreads(folder, plan))} if plan.detect else {}
    return {
        "plan": plan.identity(),
        "sitting": secrets.token_hex(16),
        "seed": secrets.randbits(32),
        "machine": plan.machine,
        **past,
    }
