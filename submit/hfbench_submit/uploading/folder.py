"""Proposing to a store in a local folder."""

from pathlib import Path

from hfbench_schema.files import write_atomically
from hfbench_schema.tree import proposal_path
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading.documents import Document


def propose(document: Document, store: Path) -> Path:
    """Put a submission where the store's next intake finds it; the same bytes lie there once.

    Returns the path of the proposal.

    Raises:
        SubmitError: the store cannot be written.
    """
    path = store / proposal_path(document.sha256)
    try:
        write_atomically(path, document.data)
    except OSError as error:
        raise SubmitError(f"cannot write {path}: {error.strerror}") from error
    return path
