"""What the submissions page shows: each sitting, and every process run of it that failed."""

from collections import Counter
from dataclasses import dataclass

from hfbench_aggregate.tables import MachineRow, SubmissionRow
from hfbench_leaderboard.release_reader import Release
from hfbench_leaderboard.words import counted
from hfbench_schema.submission import MEASURED_STATUSES


@dataclass(frozen=True, order=True)
class Failure:
    """Why process runs of one cell in one environment gave no time."""

    cell: str
    environment: str
    status: str
    reason: str


@dataclass(frozen=True)
class SubmissionView:
    """One submission; `failures` counts the process runs of each."""

    facts: SubmissionRow
    machine: MachineRow
    failures: list[tuple[Failure, str]]


def submission_views(release: Release) -> list[SubmissionView]:
    """Put together the submissions of a release, newest sitting first."""
    machines = {row["machine_key"]: row for row in release.machines}
    failures = _failures(release)
    views = [
        SubmissionView(row, machines[row["machine_key"]], failures.get(row["sha256"], []))
        for row in release.submissions
    ]
    return sorted(views, key=lambda view: view.facts["started_at"], reverse=True)


def _failures(release: Release) -> dict[str, list[tuple[Failure, str]]]:
    """Return the failures of each submission, equal ones counted."""
    tallies: dict[str, Counter[Failure]] = {}
    for row in release.cells:
        for run in row["process_runs"]:
            if run["status"] not in MEASURED_STATUSES:
                reason = run["reason"] or "no reason given"
                failure = Failure(row["cell"], row["environment"], run["status"], reason)
                tallies.setdefault(run["submission"], Counter())[failure] += 1
    return {
        sha256: [(failure, counted(tally[failure], "process run")) for failure in sorted(tally)]
        for sha256, tally in tallies.items()
    }
