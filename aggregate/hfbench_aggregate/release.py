"""Releases: a pure function from accepted submissions and ledger to the files of a leaderboard.

The same inputs give the same bytes: nothing here reads a clock, and the release's moment is
that of the newest ledger entry.
"""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from hfbench_aggregate.break_even import break_even_rows
from hfbench_aggregate.cells import cell_rows
from hfbench_aggregate.comparison import compare_pair
from hfbench_aggregate.corroboration import Corroboration, corroborations
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.notes import release_notes
from hfbench_aggregate.reduction import Family, families, suite_title
from hfbench_aggregate.resources import energy_rows, memory_rows
from hfbench_aggregate.selection import version_pairs
from hfbench_aggregate.statistics import constants
from hfbench_aggregate.tables import (
    RELEASE_SCHEMA,
    CellRow,
    CorroborationRow,
    MachineRow,
    Manifest,
    SubmissionRow,
    SuiteRow,
)
from hfbench_aggregate.training.report import training_rows
from hfbench_aggregate.trust import Trusted, tier
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.machine_key import machine_key, machine_title
from hfbench_schema.reports import RULES_VERSION
from hfbench_schema.submission import MEASURED_STATUSES, ROLES
from hfbench_schema.timestamps import parse_moment

METHOD_VERSION: Final = "2"
"""Of the way from submissions to tables; goes up whenever the same inputs may give other tables."""

MANIFEST: Final = "manifest.json"
NOTES: Final = "NOTES.md"
_LIBRARIES = ("hfbench", "numpy", "scipy")


def build_release(
    submissions: Sequence[Accepted],
    ledger: Ledger,
    previous: Manifest | None,
    trusted: Trusted,
) -> dict[str, bytes]:
    """Return the bytes of every file of the next release, by file name.

    Args:
        submissions: all accepted submissions, at least one, in the order of the ledger.
        ledger: where they were accepted.
        previous: the manifest of the release before, or None.
        trusted: the accounts that vouch for submissions.
    """
    found = families(submissions)
    machines = machine_rows(submissions)
    witnessed = [corroborations(family, trusted.maintainers) for family in found]
    seen = {name: best for family in witnessed for name, best in family.items()}
    cells: list[CellRow] = [row for family in found for row in cell_rows(family)]
    comparisons = [compare_pair(pair) for family in found for pair in version_pairs(family)]
    tables: dict[str, Any] = {
        "machines.json": machines,
        "submissions.json": [
            submission_row(one, seen.get(one.sha256), trusted) for one in submissions
        ],
        "cells.json": cells,
        "comparisons.json": comparisons,
    }
    further = _further_tables(found) | {"training.json": training_rows(submissions)}
    tables |= {name: rows for name, rows in further.items() if rows}
    files = {name: canonical_bytes(table) for name, table in tables.items()}
    manifest = _manifest(submissions, ledger, previous, _suites(found))
    counts = _process_runs(submissions)
    files[NOTES] = release_notes(manifest, previous, machines, counts, comparisons).encode()
    manifest["trusted"] = trusted.row()
    manifest["tables"] = {name: sha256_hex(data) for name, data in sorted(files.items())}
    return {MANIFEST: canonical_bytes(manifest), **files}


def _further_tables(found: list[Family]) -> dict[str, list[Any]]:
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


def says_the_same(a: Manifest, b: Manifest) -> bool:
    """Whether two releases have the same inputs, method and tables, whatever their versions."""
    return _substance(a) == _substance(b)


def machine_rows(submissions: Sequence[Accepted]) -> list[MachineRow]:
    """Return one row a machine key, with the facts of its latest submission."""
    rows: dict[str, MachineRow] = {}
    for submission in submissions:
        facts = submission.document["machine"]
        key = machine_key(facts)
        earlier = rows[key]["submissions"] if key in rows else []
        rows[key] = {
            "machine_key": key,
            "title": machine_title(facts),
            "facts": facts,
            "submissions": [*earlier, submission.sha256],
        }
    return [rows[key] for key in sorted(rows)]


def submission_row(
    submission: Accepted, seen: Corroboration | None, trusted: Trusted
) -> SubmissionRow:
    """Return the row of one submission, and who else measured what it did."""
    document = submission.document
    statuses = Counter(status for _, status in submission.statuses.elements())
    return {
        "sha256": submission.sha256,
        "received_at": submission.received_at,
        "submitter": submission.submitter,
        "machine_key": machine_key(document["machine"]),
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


def _corroboration_row(seen: Corroboration) -> CorroborationRow:
    return {"by": seen.by, "shared": seen.shared, "agreeing": seen.agreeing}


def _manifest(
    submissions: Sequence[Accepted],
    ledger: Ledger,
    previous: Manifest | None,
    suites: list[SuiteRow],
) -> Manifest:
    """Return the manifest, its `tables` still to be filled."""
    as_of = ledger.entries[-1]["at"]
    return {
        "schema": RELEASE_SCHEMA,
        "version": _next_version(as_of, previous),
        "previous": previous["version"] if previous else None,
        "as_of": as_of,
        "ledger_head": ledger.head,
        "inputs": [{"sha256": s.sha256, "received_at": s.received_at} for s in submissions],
        "rules_version": RULES_VERSION,
        "method_version": METHOD_VERSION,
        "constants": _constants(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "suites": suites,
        "tables": {},
    }


def _next_version(as_of: str, previous: Manifest | None) -> str:
    """Return `YYYY.MM.N`; the ledger's moments never go back, so counting on from one suffices."""
    month = f"{parse_moment(as_of):%Y.%m}"
    if previous is None or previous["version"].rpartition(".")[0] != month:
        return f"{month}.1"
    return f"{month}.{int(previous['version'].rpartition('.')[2]) + 1}"


def _constants() -> dict[str, float]:
    """Return every number behind the statistics; a tuple's, numbered from 1."""
    found: dict[str, float] = {}
    for name in filter(str.isupper, vars(constants)):
        value = getattr(constants, name)
        if isinstance(value, tuple):
            found |= {f"{name}_{number}": item for number, item in enumerate(value, start=1)}
        else:
            found[name] = value
    return found


def _suites(found: list[Family]) -> list[SuiteRow]:
    """Return every suite version that occurs, once."""
    rows: dict[str, SuiteRow] = {}
    for family in found:
        suite = family.submissions[0].document["suite"]
        rows[f"{family.suite}-{family.suite_version}"] = {
            "name": suite["name"],
            "version": suite["version"],
            "sha256": suite["sha256"],
        }
    return [rows[title] for title in sorted(rows)]


def _substance(manifest: Manifest) -> tuple[Any, ...]:
    tables = {name: sha256 for name, sha256 in manifest["tables"].items() if name != NOTES}
    return (
        manifest["inputs"],
        manifest["rules_version"],
        manifest["method_version"],
        manifest["constants"],
        manifest["suites"],
        tables,
    )
