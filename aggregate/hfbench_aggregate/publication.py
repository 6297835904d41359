"""Publishing: the next release of a store, unless the last one says the same already."""

from dataclasses import dataclass
from pathlib import Path

from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.loading import accepted_submissions
from hfbench_aggregate.release import MANIFEST, build_release, says_the_same
from hfbench_aggregate.store import LocalStore, StoreError
from hfbench_aggregate.tables import Manifest
from hfbench_schema.canonical import StrictJSONError, strict_json
from hfbench_schema.tree import release_path


@dataclass(frozen=True)
class Publication:
    """A release of a store, and whether it was made now; `path` is its folder."""

    version: str
    path: Path
    new: bool


def publish(store: LocalStore) -> Publication:
    """Make the next release of a store, or return the last one if nothing has changed.

    Raises:
        StoreError: there is no accepted submission, the ledger is broken, a document or the
            last release is corrupt, or another process goes on writing.
        OSError: the disk is full, or not writable; there is no new release then.
    """
    with store.locked():
        ledger = read_ledger(store)
        submissions = accepted_submissions(store, ledger)
        previous = last_manifest(store)
        files = build_release(submissions, ledger, previous)
        manifest: Manifest = strict_json(files[MANIFEST])
        if previous is not None and says_the_same(manifest, previous):
            path = store.root / release_path(previous["version"])
            return Publication(previous["version"], path, new=False)
        path = store.write_release(manifest["version"], files)
        return Publication(manifest["version"], path, new=True)


def last_manifest(store: LocalStore) -> Manifest | None:
    """Return the manifest of the newest release, or None if there is none.

    Raises:
        StoreError: it is missing or corrupt.
    """
    versions = store.releases()
    if not versions:
        return None
    path = release_path(versions[-1]) / MANIFEST
    try:
        manifest: Manifest = strict_json(store.read(path))
        complete = manifest.keys() >= Manifest.__required_keys__
    except (OSError, StrictJSONError, AttributeError) as error:
        raise StoreError(_unreadable(path.parent.name, str(error))) from error
    if not complete or manifest["version"] != versions[-1]:
        raise StoreError(_unreadable(versions[-1], "its manifest is of another release or age"))
    return manifest


def _unreadable(version: str, detail: str) -> str:
    return (
        f"release {version} cannot be read: {detail}. To mend it: restore "
        f"{release_path(version)} from a backup, or delete that folder to have it made anew"
    )
