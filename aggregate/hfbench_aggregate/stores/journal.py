"""Many files of a folder changed as one, whatever interrupts it.

What is to be written is first staged, then a marker says that the staging is whole, and only then
do the files move into place. A change that was interrupted before its marker has not happened; one
with its marker is completed by whoever comes next.
"""

import shutil
from pathlib import Path, PurePosixPath
from typing import Final

from hfbench_aggregate.stores.store import Change, Revision
from hfbench_schema.canonical import canonical_bytes, strict_json
from hfbench_schema.files import sync_folder, write_atomically
from hfbench_schema.tree import LEDGER

REVISION_FILE: Final = ".revision"
"""The file in the root of a store that holds the number of its newest revision."""

_STAGING: Final = ".commit"
_MARKER: Final = "marker.json"


def is_interrupted(root: Path) -> bool:
    """Tell whether a writer of this folder is at work, or was interrupted."""
    return (root / _STAGING).exists()


def write_together(root: Path, change: Change, revision: Revision) -> None:
    """Make a change, and `revision` the newest one. The caller is the only writer.

    The ledger is written after all else, so that whatever it names is there already.

    Raises:
        OSError: the disk is full, or not writable; `recover` then undoes or completes the change.
    """
    staging = root / _STAGING
    staging.mkdir()
    paths = sorted(change.write, key=_is_of_ledger)
    for number, path in enumerate(paths):
        write_atomically(staging / str(number), change.write[path])
    sync_folder(root)
    marker = {
        "delete": sorted(map(str, change.delete)),
        "revision": revision,
        "write": [str(path) for path in paths],
    }
    write_atomically(staging / _MARKER, canonical_bytes(marker))
    recover(root)


def recover(root: Path) -> None:
    """Complete the change that an interrupted writer had staged, or drop it. The caller is alone.

    Raises:
        OSError: the disk is full, or not writable.
    """
    staging = root / _STAGING
    if (staging / _MARKER).exists():
        _apply(root, staging)
    if staging.exists():
        shutil.rmtree(staging)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they survive a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _apply(root: Path, staging: Path) -> None:
    """Move into place what is staged; what is not there any more was moved before."""
    marker = strict_json((staging / _MARKER).read_bytes())
    written = [root / path for path in marker["write"]]
    deleted = [root / path for path in marker["delete"]]
    for number, path in enumerate(written):
        if (staged := staging / str(number)).exists():
            make_folder(path.parent)
            staged.replace(path)
    for path in deleted:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in written + deleted}:
        if folder.is_dir():
            sync_folder(folder)
    write_atomically(root / REVISION_FILE, f"{marker['revision']}\n".encode())


def _is_of_ledger(path: PurePosixPath) -> bool:
    return path.is_relative_to(LEDGER)
