"""Submissions that are about to be uploaded: valid bytes, and what they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hfbench_schema import timestamps
from hfbench_schema.canonical import sha256_hex, strict_json
from hfbench_schema.submission import Submission
from hfbench_submit.sitting.acceptance import require_accepted

SHORT = 16
"""So many digits of a hash tell documents apart for people."""


@dataclass(frozen=True)
class Document:
    """The canonical bytes of a submission, and the submission that they are."""

    data: bytes = field(repr=False, compare=False)
    submission: Submission = field(repr=False, compare=False)
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "Document":
        """Take bytes that the validator has accepted."""
        return cls(data, strict_json(data), sha256_hex(data))

    @property
    def key(self) -> str:
        """The first digits of its hash."""
        return self.sha256[:SHORT]

    @property
    def since(self) -> datetime:
        """The moment at which it was finished, before which no store can have had it."""
        return timestamps.parse_moment(self.submission["sitting"]["finished_at"])


def read_documents(paths: Iterable[Path]) -> list[Document]:
    """Read submissions as the next intake will; equal ones once.

    Raises:
        SubmitError: one has errors; the message lists them.
        OSError: one cannot be read.
    """
    found = {}
    for path in paths:
        data = path.read_bytes()
        report = require_accepted(data, f"{path} would be refused", path.name)
        found[report.sha256] = Document.of(data)
    return list(found.values())
