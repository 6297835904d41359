"""Publishing: the next release of a store, unless the last one says the same already.

A release is committed, then tagged. Whoever is killed in between leaves a release without a tag,
which the next publishing adds before anything else, so that no more than one can be lacking.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.aliases import read_aliases
from hfbench_aggregate.archive import Archive
from hfbench_aggregate.difference import difference, edition_of
from hfbench_aggregate.engine.executors import Executor, serial
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.loading import accepted_submissions
from hfbench_aggregate.manifest import MANIFEST, present_libraries, says_the_same
from hfbench_aggregate.published import Published, newest_release, read_published
from hfbench_aggregate.registry import read_registry
from hfbench_aggregate.release import Inputs, build_release, tables_of
from hfbench_aggregate.release_tables import DiffRow
from hfbench_aggregate.snapshot import Snapshot, newest
from hfbench_aggregate.stores.store import Change, Store
from hfbench_aggregate.tables import Manifest
from hfbench_aggregate.trust import Trusted
from hfbench_schema.canonical import sha256_hex, strict_json
from hfbench_schema.tree import SUBMITTERS, release_path


@dataclass(frozen=True)
class Publication:
    """A release of a store, and whether it was made now; `path` is its folder in the store."""

    version: str
    path: PurePosixPath
    new: bool


def publish(store: Store, executor: Executor = serial) -> Publication:
    """Make the next release of a store, or return the last one if nothing has changed.

    `executor` reduces the documents that the index of the store has not seen.

    Raises:
        ExecutorError: the executor cannot be used here.
        StoreError: there is no accepted submission, the ledger is broken, a document, the registry
            or the last release is corrupt, or somebody else wrote meanwhile; there is no new
            release then.
    """
    snapshot = newest(store)
    previous = newest_release(snapshot)
    if previous is not None:
        _tag_if_untagged(snapshot, previous.version)
    files = build_release(_inputs(snapshot, previous, executor))
    manifest: Manifest = strict_json(files[MANIFEST])
    new = previous is None or not says_the_same(manifest, previous.manifest)
    version = manifest["version"] if new or previous is None else previous.version
    path = release_path(version)
    if new:
        write = {path / name: data for name, data in files.items()}
        revision = store.commit(snapshot.revision, Change(f"Release {version}", write))
        store.tag(version, revision)
    return Publication(version, path, new)


def _inputs(snapshot: Snapshot, previous: Published | None, executor: Executor) -> Inputs:
    """Return what the next release of a store is made from."""
    ledger = read_ledger(snapshot)
    submissions = accepted_submissions(snapshot, ledger, executor)
    trusted, registry_sha256 = registry_of(snapshot)
    archive, libraries = Archive(snapshot, ledger), present_libraries()
    return Inputs(
        submissions=submissions,
        ledger=ledger,
        trusted=trusted,
        registry_sha256=registry_sha256,
        previous=previous,
        archive=archive,
        libraries=libraries,
        aliases=read_aliases(snapshot),
    )


def _tag_if_untagged(snapshot: Snapshot, version: str) -> None:
    """Name the revision that a release came with, or else one that holds it, after the release."""
    store, manifest = snapshot.store, release_path(version) / MANIFEST
    if store.tagged(version) is None:
        store.tag(version, store.last_change(manifest, snapshot.revision))


def registry_of(snapshot: Snapshot) -> tuple[Trusted, str | None]:
    """Return the accounts that the registry trusts, and its sha256, None if there is none.

    Raises:
        StoreError: it is not what it should be.
    """
    trusted = read_registry(snapshot).trusted
    try:
        return trusted, sha256_hex(snapshot.read(SUBMITTERS))
    except FileNotFoundError:
        return trusted, None


def released_difference(snapshot: Snapshot, before: str, after: str) -> DiffRow:
    """Return how one release of a store differs from another, and why.

    Raises:
        StoreError: one of them is not there, or cannot be read.
    """
    ledger = read_ledger(snapshot)
    older, newer = (read_published(snapshot, version) for version in (before, after))
    pinned = ledger.until(newer.manifest["ledger_head"])
    editions = edition_of(older), edition_of(newer)
    return difference(*editions, pinned, Archive(snapshot, ledger), tables_of)
