"""Publishing: the next release of a store, unless the last one says the same already.

A release is committed, then tagged. Whoever is killed in between leaves a release without a tag,
which the next publishing adds before anything else, so that no more than one can be lacking.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.loading import accepted_submissions
from hfbench_aggregate.registry import read_registry
from hfbench_aggregate.release import MANIFEST, build_release, says_the_same
from hfbench_aggregate.snapshot import Snapshot, newest
from hfbench_aggregate.stores.store import Change, Store, StoreError
from hfbench_aggregate.tables import Manifest
from hfbench_schema.canonical import StrictJSONError, strict_json
from hfbench_schema.tree import release_path


@dataclass(frozen=True)
class Publication:
    """A release of a store, and whether it was made now; `path` is its folder in the store."""

    version: str
    path: PurePosixPath
    new: bool


def publish(store: Store) -> Publication:
    """Make the next release of a store, or return the last one if nothing has changed.

    Raises:
        StoreError: there is no accepted submission, the ledger is broken, a document, the registry
            or the last release is corrupt, or somebody else wrote meanwhile; there is no new
            release then.
    """
    snapshot = newest(store)
    ledger = read_ledger(snapshot)
    previous = last_manifest(snapshot)
    if previous is not None:
        _tag_if_untagged(snapshot, previous["version"])
    submissions, trusted = accepted_submissions(snapshot, ledger), read_registry(snapshot).trusted
    files = build_release(submissions, ledger, previous, trusted)
    manifest: Manifest = strict_json(files[MANIFEST])
    new = previous is None or not says_the_same(manifest, previous)
    version = manifest["version"] if new or previous is None else previous["version"]
    path = release_path(version)
    if new:
        write = {path / name: data for name, data in files.items()}
        revision = store.commit(snapshot.revision, Change(f"Release {version}", write))
        store.tag(version, revision)
    return Publication(version, path, new)


def _tag_if_untagged(snapshot: Snapshot, version: str) -> None:
    """Name the revision that a release came with, or else one that holds it, after the release."""
    store, manifest = snapshot.store, release_path(version) / MANIFEST
    if store.tagged(version) is None:
        store.tag(version, store.last_change(manifest, snapshot.revision))


def last_manifest(snapshot: Snapshot) -> Manifest | None:
    """Return the manifest of the newest release, or None if there is none.

    Raises:
        StoreError: it is missing or corrupt.
    """
    versions = snapshot.releases()
    if not versions:
        return None
    path = release_path(versions[-1]) / MANIFEST
    try:
        manifest: Manifest = strict_json(snapshot.read(path))
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
