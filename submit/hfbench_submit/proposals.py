"""Proposing a submission to a store."""

from pathlib import Path

from hfbench_schema.files import write_atomically
from hfbench_schema.tree import proposal_path
from hfbench_submit.errors import SubmitError
from hfbench_submit.sitting.acceptance import require_accepted


def propose(document: Path, store: Path) -> Path:
    """Put a submission where the store's next intake finds it; the same bytes lie there once.

    Returns the path of the proposal.

    Raises:
        SubmitError: the document has errors, or the store cannot be written.
    """
    data = document.read_bytes()
    report = require_accepted(data, f"{document} would be refused", document.name)
    path = store / proposal_path(report.sha256)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise SubmitError(f"cannot write {path}: {error.strerror}") from error
    return path
