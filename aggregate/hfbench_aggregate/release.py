"""Releases: a pure function from accepted submissions and ledger to the files of a leaderboard.

The same inputs give the same bytes: nothing here reads a clock, and the release's moment is
that of the newest ledger entry.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hfbench_aggregate.aliases import Aliases
from hfbench_aggregate.archive import Archive
from hfbench_aggregate.audit import audit_row
from hfbench_aggregate.break_even import break_even_rows
from hfbench_aggregate.cells import cell_rows
from hfbench_aggregate.columnar import parquet_tables
from hfbench_aggregate.comparing.pooling import pooled_comparisons
from hfbench_aggregate.comparison import comparison_of, judge
from hfbench_aggregate.corroboration import Corroboration, corroborations
from hfbench_aggregate.coverage import coverage_rows
from hfbench_aggregate.difference import Edition, difference, edition_of, without_figures
from hfbench_aggregate.findings import finding_rows, under
from hfbench_aggregate.history.report import history_rows
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.loading import Accepted, aliased
from hfbench_aggregate.machines import machine_rows
from hfbench_aggregate.manifest import MANIFEST, NOTES, new_manifest
from hfbench_aggregate.notes import release_notes
from hfbench_aggregate.published import Published
from hfbench_aggregate.ranking import mode_boards, version_boards
from hfbench_aggregate.reduction import Family, families, suite_title
from hfbench_aggregate.release_tables import FindingRow
from hfbench_aggregate.resources import energy_rows, memory_rows
from hfbench_aggregate.selection import version_pairs
from hfbench_aggregate.statistics.constants import LEAST_CONTRIBUTORS
from hfbench_aggregate.tables import CorroborationRow, Manifest, SubmissionRow
from hfbench_aggregate.training.report import training_rows
from hfbench_aggregate.trust import Trusted, tier
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.submission import MEASURED_STATUSES, ROLES


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that a release is made from, beside the method.

    `submissions` are all that count, at least one, in the order of the ledger; the last entry of
    `ledger` is the one to pin. `trusted` are the accounts that vouch for submissions, as the
    registry says, whose sha256 is `registry_sha256`, None without one. `previous` is the release
    before, if any, and `archive` gives back what counted then. `libraries` are those to name.
    `aliases` are those to heed, whichever the submissions were read with.
    """

    submissions: Sequence[Accepted]
    ledger: Ledger
    trusted: Trusted
    registry_sha256: str | None
    previous: Published | None
    archive: Archive
    libraries: dict[str, str]
    aliases: Aliases = field(default_factory=dict)


def build_release(inputs: Inputs) -> dict[str, bytes]:
    """Return the bytes of every file of the next release, by file name.

    Raises:
        StoreError: the release before is not what it was.
    """
    submissions = aliased(inputs.submissions, inputs.aliases)
    found, previous = families(submissions), inputs.previous
    before = (previous.manifest, previous.sha256) if previous else None
    registry = inputs.trusted, inputs.registry_sha256
    manifest = new_manifest(submissions, inputs.ledger, registry, before, inputs.libraries, found)
    if inputs.aliases:
        manifest["aliases"] = dict(inputs.aliases)
    tables = _tables(submissions, found, inputs.trusted)
    tables |= _in_view_of_the_last(inputs, manifest, found, tables)
    files = {name: canonical_bytes(table) for name, table in tables.items()}
    files |= parquet_tables(tables)
    counts = _process_runs(submissions)
    files[NOTES] = release_notes(manifest, tables, counts).encode()
    manifest["tables"] = {name: sha256_hex(data) for name, data in sorted(files.items())}
    return {MANIFEST: canonical_bytes(manifest), **files}


def tables_of(submissions: Sequence[Accepted], trusted: Trusted) -> dict[str, Any]:
    """Return the tables that follow from submissions and registry alone, by file name."""
    return _tables(submissions, families(submissions), trusted)


def _tables(
    submissions: Sequence[Accepted], found: Sequence[Family], trusted: Trusted
) -> dict[str, Any]:
    witnessed = [corroborations(family, trusted.maintainers) for family in found]
    seen = {name: best for family in witnessed for name, best in family.items()}
    rows = [submission_row(one, seen.get(one.sha256), trusted) for one in submissions]
    trust = {row["sha256"]: row["trust"] for row in rows}
    judged = [judge(pair) for family in found for pair in version_pairs(family)]
    tables: dict[str, Any] = {
        "machines.json": machine_rows(submissions),
        "submissions.json": rows,
        "cells.json": [row for family in found for row in cell_rows(family)],
        "comparisons.json": [comparison_of(one) for one in judged],
        "ranks.json": [board for family in found for board in version_boards(family, trust)],
        "coverage.json": [row for family in found for row in coverage_rows(family)],
    }
    further = _further_tables(found) | {
        "mode_ranks.json": [board for family in found for board in mode_boards(family, trust)],
        "pooled.json": [
            pooled
            for pooled in pooled_comparisons(judged)
            if len(pooled["studies"]) >= LEAST_CONTRIBUTORS
        ],
        "history.json": history_rows(found),
        "training.json": training_rows(submissions),
    }
    return tables | {name: rows for name, rows in further.items() if rows}


def _in_view_of_the_last(
    inputs: Inputs, manifest: Manifest, found: Sequence[Family], tables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return findings, audit, and the difference from the release before, if there is one."""
    previous, comparisons = inputs.previous, tables["comparisons.json"]
    titles = {row["machine_key"]: row["title"] for row in tables["machines.json"]}
    said: list[FindingRow] = previous.table("findings.json") if previous else []
    before = under(inputs.aliases, said)
    now = manifest["version"], manifest["as_of"]
    pooled = tables.get("pooled.json", ())
    findings = finding_rows(comparisons, pooled, titles, now, before)
    last = (previous.version, before) if previous else None
    view = {
        "findings.json": findings,
        "audit.json": audit_row(found, comparisons, findings, last),
    }
    if previous:
        this = Edition(manifest, tables)
        diff = difference(edition_of(previous), this, inputs.ledger, inputs.archive, tables_of)
        view["diff.json"] = without_figures(diff)
    return view


def _further_tables(found: Sequence[Family]) -> dict[str, list[Any]]:
    """Return the tables of what only some submissions measure; a release leaves out empty ones."""
    return {
        "break_even.json": [row for family in found for row in break_even_rows(family)],
        "memory.json": [row for family in found for row in memory_rows(family)],
        "energy.json": [row for family in found for row in energy_rows(family)],
    }


def _process_runs(submissions: Sequence[Accepted]) -> dict[str, tuple[int, int]]:
    """Count the process runs of each role: measured, and not."""
    tally = Counter(
        (role, status in MEASURED_STATUSES)
        for submission in submissions
        for role, status in submission.statuses.elements()
    )
    held = [role for role in ROLES if tally[role, True] + tally[role, False]]
    return {role: (tally[role, True], tally[role, False]) for role in held}


def submission_row(
    submission: Accepted, seen: Corroboration | None, trusted: Trusted
) -> SubmissionRow:
    """Return the row of one submission, and who else measured what it did."""
    document = submission.document
    statuses = Counter(status for _, status in submission.statuses.elements())
    row: SubmissionRow = {
        "sha256": submission.sha256,
        "received_at": submission.received_at,
        "submitter": submission.submitter,
        "machine_key": submission.machine_key,
        "suite": suite_title(
            document["suite"]["name"],
            document["suite"]["version"],
            document["protocol"]["launch"],
            document["protocol"].get("nodes", 1),
        ),
        "client": f"{document['client']['name']} {document['client']['version']}",
        "started_at": document["sitting"]["invocations"][0],
        "finished_at": document["sitting"]["finished_at"],
        "environments": document["environments"],
        "process_runs": statuses.total(),
        "statuses": dict(statuses),
        "trust": tier(submission.submitter, seen, trusted),
        "corroboration": _corroboration_row(seen) if seen else None,
    }
    if submission.own_machine_key != submission.machine_key:
        row["own_machine_key"] = submission.own_machine_key
    return row


def _corroboration_row(seen: Corroboration) -> CorroborationRow:
    return {"by": seen.by, "shared": seen.shared, "agreeing": seen.agreeing}
