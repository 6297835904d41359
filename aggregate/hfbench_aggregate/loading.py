"""Reading accepted submissions back: what the ledger knows, if its bytes hash to its name."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.store import LocalStore, StoreError
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.submission import SUBMISSION_SCHEMA, Submission


@dataclass(frozen=True, eq=False)
class Accepted:
    """One accepted submission, with what the ledger says about it."""

    sha256: str
    received_at: str
    submitter: str
    document: Submission


def accepted_submissions(store: LocalStore, ledger: Ledger) -> list[Accepted]:
    """Return every accepted submission, in the order of the ledger.

    Raises:
        StoreError: there is none, or one is missing or not what was accepted.
    """
    paths = store.submissions()
    accepted = []
    for sha256, entry in ledger.accepted().items():
        if sha256 not in paths:
            raise StoreError(missing(sha256))
        document = read_submission(store, paths[sha256])
        accepted.append(Accepted(sha256, entry["at"], entry["submitter"], document))
    if not accepted:
        raise StoreError(
            f"{store.root} holds no accepted submission. To take in what was proposed: "
            f"hfbench-aggregate intake {store.root}"
        )
    return accepted


def read_submission(store: LocalStore, path: PurePosixPath) -> Submission:
    """Read one document below `submissions/`; its bytes must hash to its name.

    What hashes to an accepted name has been validated when it was accepted, and is not again.

    Raises:
        StoreError: the bytes are others, or of a schema that this version does not read.
        OSError: it cannot be read.
    """
    data = store.read(path)
    if sha256_hex(data) != path.stem:
        raise StoreError(corrupt(path, sha256_hex(data)))
    try:
        document: Submission = strict_json(data)
        schema = document["schema"]
    except (StrictJSONError, TypeError, KeyError) as error:
        raise StoreError(f"{path} is no submission: it was never taken in") from error
    if schema != SUBMISSION_SCHEMA:
        raise StoreError(f"{path} has schema {schema}; this version reads {SUBMISSION_SCHEMA}")
    return document


def missing(sha256: str) -> str:
    """Say that an accepted document is not there, and how to mend it."""
    return (
        f"submission {sha256} was accepted and is missing. To mend it: restore it from a backup, "
        f"or propose the document again"
    )


def corrupt(path: PurePosixPath, sha256: str) -> str:
    """Say that a stored document has changed, and how to mend it."""
    return (
        f"{path} was changed after it was stored: its bytes hash to {sha256}. To mend it: "
        f"restore it from a backup, or delete it and propose the original again"
    )
