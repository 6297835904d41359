"""Verification of a whole store: the chain of its ledger, and every name against its bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from hfbench_aggregate.ledger import NO_ENTRY, REFUSED, Ledger, LedgerError, read_ledger
from hfbench_aggregate.loading import corrupt, missing
from hfbench_aggregate.release import MANIFEST
from hfbench_aggregate.store import LocalStore
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


def verify_store(store: LocalStore) -> Verification:
    """Check a store without changing it.

    Raises:
        OSError: a folder cannot be read.
    """
    problems: list[str] = []
    ledger = Ledger([], [], None)
    try:
        ledger = read_ledger(store)
        problems += _ledger_problems(store, ledger)
    except LedgerError as error:
        problems.append(str(error))
    problems += _submission_problems(store)
    problems += _refused_problems(store)
    for version in store.releases():
        problems += _release_problems(store, version, ledger)
    return Verification(
        len(store.submissions()), len(ledger.entries), len(store.releases()), problems
    )


def _ledger_problems(store: LocalStore, ledger: Ledger) -> Iterator[str]:
    """Compare an unbroken ledger with the documents it speaks of."""
    accepted, present = ledger.accepted().keys(), store.submissions()
    if ledger.torn is not None:
        yield (
            f"{ledger.torn.file}: the last line is torn, as by a crash while it was written; "
            f"the next intake drops it and decides again"
        )
    yield from (missing(sha256) for sha256 in accepted - present.keys())
    for sha256 in sorted(present.keys() - accepted):
        yield (
            f"{present[sha256]} was never accepted. If an intake was interrupted, run it again; "
            f"else move the file to {tree.PROPOSALS}/ to have it decided about"
        )
    settled = {
        path.stem
        for path in store.files(tree.REFUSED)
        if path.suffix == ".txt" and path.parent == tree.REFUSED
    }
    for sha256 in sorted({e["sha256"] for e in ledger.entries if e["event"] == REFUSED} - settled):
        yield f"the report on {sha256}, refused, is missing from {tree.REFUSED}/; restore it"


def _submission_problems(store: LocalStore) -> Iterator[str]:
    """Check that every file lies once, where its name says, with the bytes its name says."""
    seen: dict[str, PurePosixPath] = {}
    for path in store.files(tree.SUBMISSIONS):
        if path.suffix != ".json" or path.parent.name != path.stem[:2] or len(path.parts) != 4:
            yield f"{path} does not belong there: remove it"
            continue
        if (first := seen.setdefault(path.stem, path)) != path:
            yield f"{path} is there twice, also as {first}: remove the later one"
        yield from _hash_problem(store, path)


def _refused_problems(store: LocalStore) -> Iterator[str]:
    for path in store.files(tree.REFUSED):
        if path.suffix == ".json" and path.parent == tree.REFUSED:
            yield from _hash_problem(store, path)


def _hash_problem(store: LocalStore, path: PurePosixPath) -> Iterator[str]:
    try:
        sha256 = sha256_hex(store.read(path))
    except OSError as error:
        yield f"{path} cannot be read ({error.strerror}): restore it from a backup"
        return
    if sha256 != path.stem:
        yield corrupt(path, sha256)


def _release_problems(store: LocalStore, version: str, ledger: Ledger) -> Iterator[str]:
    """Check a release against its manifest, and the ledger it was made from."""
    folder = tree.release_path(version)
    mend = f"restore {folder} from a backup, or delete it and make the release anew"
    try:
        manifest: Manifest = strict_json(store.read(folder / MANIFEST))
        tables, head = manifest["tables"], manifest["ledger_head"]
        broken = [name for name in tables if sha256_hex(store.read(folder / name)) != tables[name]]
    except (OSError, StrictJSONError, KeyError, TypeError, AttributeError) as error:
        yield f"release {version} cannot be read ({error}): {mend}"
        return
    if broken:
        yield f"release {version} was changed after it was made ({', '.join(broken)}): {mend}"
    if ledger.entries and head not in {NO_ENTRY, *ledger.hashes}:
        yield (
            f"release {version} was made from a ledger entry that is not in the ledger any more: "
            f"its end was cut off or changed. Restore {tree.LEDGER}/ from a backup"
        )
