"""Reading accepted submissions back: what the ledger knows, if its bytes hash to its name."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema import tree
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.submission import SUBMISSION_SCHEMA, Submission


@dataclass(frozen=True, eq=False)
class Accepted:
    """One accepted submission, with what the ledger says about it."""

    sha256: str
    received_at: str
    submitter: str
    document: Submission


@dataclass(frozen=True)
class Documents:
    """The documents of a store, by sha256: as files, or within the parts they were moved to."""

    snapshot: Snapshot

    @cached_property
    def paths(self) -> dict[str, PurePosixPath]:
        """Where documents lie as files."""
        return self.snapshot.submissions()

    @cached_property
    def compacted(self) -> dict[str, bytes]:
        """The documents within parts.

        Raises:
            StoreError: a part is not what it was.
        """
        found: dict[str, bytes] = {}
        paths = self.snapshot.files(tree.SUBMISSION_PARTS)
        if not paths:
            return found
        # Here, so that whoever has no part does not load pyarrow.
        from hfbench_aggregate.dataset.parts import PartError, documents_of

        for path in paths:
            try:
                held = list(documents_of(self.snapshot.read(path)))
            except PartError as error:
                raise StoreError(f"{path}: {error}. To mend it: restore it") from error
            found |= {one.sha256: one.data for one in held}
        return found

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self.paths or sha256 in self.compacted

    def read(self, sha256: str) -> Submission:
        """Return a document.

        What hashes to an accepted name has been validated when it was accepted, and is not again.

        Raises:
            StoreError: it is missing, its bytes are others, or of a schema that this version
                does not read.
        """
        if sha256 in self.paths:
            return _parsed(self.snapshot.read(self.paths[sha256]), self.paths[sha256])
        if sha256 in self.compacted:
            return _parsed(self.compacted[sha256], PurePosixPath(f"{sha256}.json"))
        raise StoreError(missing(sha256))


def accepted_submissions(snapshot: Snapshot, ledger: Ledger) -> list[Accepted]:
    """Return every accepted submission, in the order of the ledger.

    Raises:
        StoreError: there is none, or one is missing or not what was accepted.
    """
    documents = Documents(snapshot)
    accepted = [
        Accepted(sha256, entry["at"], entry["submitter"], documents.read(sha256))
        for sha256, entry in ledger.accepted().items()
    ]
    if not accepted:
        raise StoreError(
            f"{snapshot.store.name} holds no accepted submission. To take in what was proposed: "
            f"hfbench-aggregate intake {snapshot.store.name}"
        )
    return accepted


def _parsed(data: bytes, path: PurePosixPath) -> Submission:
    """Parse a document whose bytes must hash to the name of its path."""
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
