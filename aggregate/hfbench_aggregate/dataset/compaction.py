"""Compaction: move the accepted documents of past months into parts, losing not one byte.

Loose files are an inbox: a repository with a hundred thousand of them can no longer be listed.
Everything of a month goes in one commit, which adds its parts and tables and deletes the files;
before it, every part is read back and compared with what it is to replace.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from hfbench_aggregate.dataset.card import CARD, card
from hfbench_aggregate.dataset.parts import (
    PartError,
    StoredDocument,
    documents_of,
    in_parts,
    part_of,
)
from hfbench_aggregate.dataset.process_runs import process_run_table
from hfbench_aggregate.ledger import Ledger, read_ledger
from hfbench_aggregate.loading import corrupt
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import Change, ConflictError, Store, StoreError
from hfbench_aggregate.wording import counted
from hfbench_schema import tree
from hfbench_schema.canonical import sha256_hex

ATTEMPTS: Final = 5
"""How often the work is done anew because somebody else wrote meanwhile."""


@dataclass(frozen=True)
class Compacted:
    """What became of one month: how many documents, and the parts that hold them now."""

    month: str
    documents: int
    parts: list[PurePosixPath]


def compact(store: Store, before: str) -> Iterator[Compacted]:
    """Compact every month before `before` (`YYYY-MM`), one commit each; yield as they are done.

    Raises:
        StoreError: a document is not what was accepted, the ledger is broken, or others keep
            writing; months yielded before are done, and the same call goes on.
    """
    snapshot = Snapshot(store, store.head())
    for month in sorted({path.parts[1] for path in snapshot.submissions().values()}):
        if month < before:
            yield _with_patience(store, month)


def _with_patience(store: Store, month: str) -> Compacted:
    for _ in range(ATTEMPTS):
        try:
            return _compact_month(store, month)
        except ConflictError as error:
            conflict = error
    raise conflict


def _compact_month(store: Store, month: str) -> Compacted:
    snapshot = Snapshot(store, store.head())
    ledger = read_ledger(snapshot)
    paths = [path for path in snapshot.submissions().values() if path.parts[1] == month]
    write: dict[PurePosixPath, bytes] = {PurePosixPath(CARD): card(store.name)}
    parts = []
    for group in in_parts(_stored(snapshot, ledger, sorted(paths))):
        part = _checked(part_of(group), group)
        path = tree.part_path(month, sha256_hex(part))
        write |= {path: part, tree.process_run_table_path(path): process_run_table(group)}
        parts.append(path)
    message = f"Compact {month}: {counted(len(paths), 'document')} in {counted(len(parts), 'part')}"
    store.commit(snapshot.revision, Change(message, write, frozenset(paths)))
    return Compacted(month, len(paths), parts)


def _stored(
    snapshot: Snapshot, ledger: Ledger, paths: Iterable[PurePosixPath]
) -> Iterator[StoredDocument]:
    """Yield documents with what the ledger says of their arrival; each must be what it names."""
    arrivals = ledger.arrivals()
    for path in paths:
        data = snapshot.read(path)
        if sha256_hex(data) != path.stem:
            raise StoreError(corrupt(path, sha256_hex(data)))
        if path.stem not in arrivals:
            raise StoreError(
                f"{path} was never accepted: run hfbench-aggregate verify, then remove it"
            )
        entry = arrivals[path.stem]
        yield StoredDocument(entry["at"], entry["submitter"], data)


def _checked(part: bytes, group: list[StoredDocument]) -> bytes:
    """Return `part` if it gives back what went in.

    Raises:
        PartError: it does not; nothing has been written or deleted then.
    """
    if list(documents_of(part)) != sorted(group, key=lambda one: one.sha256):
        raise PartError("a part did not give back the documents that went into it")
    return part


def erasure(snapshot: Snapshot, sha256: str) -> Change:
    """Return what deletes the bytes of one document, wherever they lie."""
    paths = snapshot.submissions()
    if sha256 in paths:
        return Change("", {}, frozenset({paths[sha256]}))
    for path in snapshot.files(tree.SUBMISSION_PARTS):
        held = list(documents_of(snapshot.read(path)))
        if any(one.sha256 == sha256 for one in held):
            rest = [one for one in held if one.sha256 != sha256]
            return Change("", *_replaced(path, rest))
    return Change("")


def _replaced(
    path: PurePosixPath, rest: list[StoredDocument]
) -> tuple[dict[PurePosixPath, bytes], frozenset[PurePosixPath]]:
    """Return what to write and delete so that only `rest` is left of a part."""
    gone = frozenset({path, tree.process_run_table_path(path)})
    if not rest:
        return {}, gone
    part = part_of(rest)
    new = tree.part_path(path.name[: len("YYYY-MM")], sha256_hex(part))
    return {new: part, tree.process_run_table_path(new): process_run_table(rest)}, gone
