"""What the pages of submissions show: each sitting, and every process run of it that failed."""

from collections import Counter
from dataclasses import dataclass

from hfbench_aggregate.tables import AliasRow, MachineRow, SubmissionRow
from hfbench_aggregate.trust import ATTESTED
from hfbench_leaderboard.release_reader import Release
from hfbench_leaderboard.words import TRUST_EXPLANATIONS, counted
from hfbench_schema.submission import MEASURED_STATUSES


@dataclass(frozen=True, order=True)
class Failure:
    """Why process runs of one cell in one environment gave no time."""

    cell: str
    environment: str
    status: str
    reason: str


@dataclass(frozen=True)
class Witness:
    """The submission of somebody else that agrees with one: in `agreeing` of `shared` cells."""

    sha256: str
    submitter: str
    agreeing: int
    shared: int


@dataclass(frozen=True)
class TrustView:
    """What stands behind a submission: the tier, what it means, and the evidence there is.

    `provenance` is what the registry said of the account, if that is of automation.
    """

    tier: str
    meaning: str
    provenance: str | None
    witness: Witness | None


@dataclass(frozen=True)
class SubmissionView:
    """One submission; `failures` counts the process runs of each.

    `alias` is the machine's key that its own facts make, if it counts under another; `trust` is
    None in releases that do not tell.
    """

    facts: SubmissionRow
    machine: MachineRow
    alias: AliasRow | None
    failures: list[tuple[Failure, str]]
    trust: TrustView | None

    @property
    def without_time(self) -> int:
        """How many of its process runs gave nothing that was asked for."""
        counts = self.facts["statuses"]
        return sum(n for status, n in counts.items() if status not in MEASURED_STATUSES)


def submission_views(release: Release) -> list[SubmissionView]:
    """Put together the submissions of a release, newest sitting first."""
    machines = {row["machine_key"]: row for row in release.machines}
    failures = _failures(release)
    views = [
        SubmissionView(
            facts=row,
            machine=machines[row["machine_key"]],
            alias=_alias(row, machines[row["machine_key"]]),
            failures=failures.get(row["sha256"], []),
            trust=_trust(row, release) if "trust" in row else None,
        )
        for row in release.submissions
    ]
    return sorted(views, key=lambda view: view.facts["started_at"], reverse=True)


def _alias(row: SubmissionRow, machine: MachineRow) -> AliasRow | None:
    own, aliases = row.get("own_machine_key"), machine.get("aliases", [])
    return next((alias for alias in aliases if alias["machine_key"] == own), None)


def _trust(row: SubmissionRow, release: Release) -> TrustView:
    tier, trusted = row["trust"], release.manifest.get("trusted")
    automation = trusted["automation"] if trusted else {}
    return TrustView(
        tier=tier,
        meaning=TRUST_EXPLANATIONS[tier],
        provenance=automation.get(row["submitter"]) if tier == ATTESTED else None,
        witness=_witness(row, release),
    )


def _witness(row: SubmissionRow, release: Release) -> Witness | None:
    seen = row.get("corroboration")
    if seen is None:
        return None
    (other,) = (one for one in release.submissions if one["sha256"] == seen["by"])
    return Witness(seen["by"], other["submitter"], seen["agreeing"], seen["shared"])


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
