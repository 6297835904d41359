"""Verification of a whole store: the chain of its ledger, and every name against its bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import NO_ENTRY, Ledger, read_ledger
from hfbench_aggregate.loading import Documents, corrupt, missing
from hfbench_aggregate.manifest import MANIFEST
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.tables import Manifest
from hfbench_schema import tree
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json


@dataclass(frozen=True)
class Verification:
    """What was looked at, and every problem found, each with how to mend it."""

    submissions: int
    entries: int
    releases: int
    problems: list[str]


def verify_store(snapshot: Snapshot) -> Verification:
    """Check a store at one revision, without changing it.

    Raises:
        StoreError: a folder cannot be read.
    """
    problems: list[str] = []
    ledger, documents = Ledger([], [], {}), Documents(snapshot)
    try:
        ledger = read_ledger(snapshot)
        problems += _ledger_problems(documents, ledger)
    except StoreError as error:  # a broken chain, or a part that is not what it was
        problems.append(str(error))
    problems += _submission_problems(snapshot)
    problems += _refused_problems(snapshot)
    for version in snapshot.releases():
        problems += _release_problems(snapshot, version, ledger)
    arrived, releases = len(ledger.arrivals()), len(snapshot.releases())
    return Verification(arrived, len(ledger.entries), releases, problems)


def _ledger_problems(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Compare an unbroken ledger with the documents it speaks of."""
    arrived, erased, present = ledger.arrivals().keys(), ledger.erased(), documents.paths
    if ledger.torn is not None:
        yield (
            f"{ledger.torn}: the last line is torn, as by a crash while it was written; "
            f"the next intake drops it and decides again"
        )
    yield from (missing(sha256) for sha256 in arrived if sha256 not in documents)
    for sha256 in sorted(present.keys() & erased):
        yield f"{present[sha256]} was erased, and is there again: remove it"
    for sha256 in sorted(present.keys() - arrived - erased):
        yield (
            f"{present[sha256]} was never accepted. If an intake was interrupted, run it again; "
            f"else move the file to {tree.PROPOSALS}/ to have it decided about"
        )


def _submission_problems(snapshot: Snapshot) -> Iterator[str]:
    """Check that every file lies once, where its name says, with the bytes its name says."""
    seen: dict[str, PurePosixPath] = {}
    for path in snapshot.files(tree.SUBMISSIONS):
        if path.suffix != ".json" or path.parent.name != path.stem[:2] or len(path.parts) != 4:
            yield f"{path} does not belong there: remove it"
            continue
        if (first := seen.setdefault(path.stem, path)) != path:
            yield f"{path} is there twice, also as {first}: remove the later one"
        yield from _hash_problem(snapshot, path)


def _refused_problems(snapshot: Snapshot) -> Iterator[str]:
    for path in snapshot.files(tree.REFUSED):
        if path.suffix == ".json" and path.parent == tree.REFUSED:
            yield from _hash_problem(snapshot, path)


def _hash_problem(snapshot: Snapshot, path: PurePosixPath) -> Iterator[str]:
    try:
        sha256 = sha256_hex(snapshot.read(path))
    except (OSError, StoreError) as error:
        yield f"{path} cannot be read ({error}): restore it from a backup"
        return
    if sha256 != path.stem:
        yield corrupt(path, sha256)


def _release_problems(snapshot: Snapshot, version: str, ledger: Ledger) -> Iterator[str]:
    """Check a release against its manifest, and the ledger it was made from."""
    folder = tree.release_path(version)
    mend = f"restore {folder} from a backup, or delete it and make the release anew"
    try:
        manifest: Manifest = strict_json(snapshot.read(folder / MANIFEST))
        tables, head = manifest["tables"], manifest["ledger_head"]
        broken = [
            name for name in tables if sha256_hex(snapshot.read(folder / name)) != tables[name]
        ]
    except (OSError, StoreError, StrictJSONError, KeyError, TypeError, AttributeError) as error:
        yield f"release {version} cannot be read ({error}): {mend}"
        return
    if broken:
        yield f"release {version} was changed after it was made ({', '.join(broken)}): {mend}"
    if ledger.entries and head not in {NO_ENTRY, *ledger.hashes}:
        yield (
            f"release {version} was made from a ledger entry that is not in the ledger any more: "
            f"its end was cut off or changed. Restore {tree.LEDGER}/ from a backup"
        )
    yield from _order_problem(snapshot, manifest, mend)


def _order_problem(snapshot: Snapshot, manifest: Manifest, mend: str) -> Iterator[str]:
    """Check that the release before is still the one that this one followed."""
    previous = manifest.get("previous")
    if previous is None or previous not in snapshot.releases():
        return
    try:
        before = snapshot.read(tree.release_path(previous) / MANIFEST)
    except (OSError, StoreError):  # said of that release
        return
    if sha256_hex(before) != manifest.get("previous_sha256"):
        yield f"release {manifest['version']} followed another release {previous}: {mend}"
