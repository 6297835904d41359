"""The layout of a store: where each thing lies, relative to its root."""

from datetime import datetime
from pathlib import PurePosixPath

PROPOSALS = PurePosixPath("proposals")
REFUSED = PurePosixPath("refused")
SUBMISSIONS = PurePosixPath("submissions")
LEDGER = PurePosixPath("ledger")
RELEASES = PurePosixPath("releases")
SUBMITTERS = PurePosixPath("registry/submitters.json")
HARDWARE = PurePosixPath("registry/hardware.json")
SUBMISSION_PARTS = PurePosixPath("data/submissions")
PROCESS_RUN_TABLES = PurePosixPath("data/process_runs")


def month(moment: datetime) -> str:
    """Return `YYYY-MM`, the folder in which a store files what it received then."""
    return f"{moment:%Y-%m}"


def proposal_path(sha256: str) -> PurePosixPath:
    """Return where a document waits for intake."""
    return PROPOSALS / f"{sha256}.json"


def submission_path(received_at: datetime, sha256: str) -> PurePosixPath:
    """Return where an accepted document lies for ever."""
    return SUBMISSIONS / month(received_at) / sha256[:2] / f"{sha256}.json"


def ledger_path(moment: datetime) -> PurePosixPath:
    """Return the ledger file of that month."""
    return LEDGER / f"{month(moment)}.jsonl"


def release_path(version: str) -> PurePosixPath:
    """Return the folder of a release."""
    return RELEASES / version


def part_path(month_of_arrival: str, sha256: str) -> PurePosixPath:
    """Return where a part with documents of that month lies; `sha256` is that of its bytes."""
    return SUBMISSION_PARTS / f"{month_of_arrival}-{sha256[:16]}.parquet"


def process_run_table_path(part: PurePosixPath) -> PurePosixPath:
    """Return where the process runs of a part's documents lie as a table."""
    return PROCESS_RUN_TABLES / part.name
