"""Reading accepted submissions back: what the ledger knows, if its bytes hash to its name."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, cast

from hfbench_aggregate.aliases import Aliases, counted_as, read_aliases
from hfbench_aggregate.ledger import Ledger
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema import tree
from hfbench_schema.canonical import StrictJSONError, sha256_hex, strict_json
from hfbench_schema.machine_key import machine_key
from hfbench_schema.submission import SUBMISSION_SCHEMA, ProcessRun, Submission, role_of

if TYPE_CHECKING:
    from hfbench_aggregate.engine.executors import Executor
    from hfbench_aggregate.engine.runs import Runs


class ReducedRuns(Protocol):
    """What an index holds of a submission's process runs."""

    @property
    def statuses(self) -> Counter[tuple[str, str]]:
        """How many of each role ended with each status."""

    def latency(self) -> "Runs":
        """Return those of role latency, reduced."""

    def others(self) -> list[ProcessRun]:
        """Return those of all other roles, as submitted."""


@dataclass(frozen=True, eq=False)
class Accepted:
    """One accepted submission, with what the ledger says about it.

    `document` may be an Outline; `reduced` is then what the index holds of its process runs.
    `aliases` are those of all machine keys.
    """

    sha256: str
    received_at: str
    submitter: str
    document: Submission
    reduced: ReducedRuns | None = None
    aliases: Aliases = field(default_factory=dict)

    @property
    def machine_key(self) -> str:
        """The machine key under which it counts."""
        return counted_as(self.own_machine_key, self.aliases)

    @cached_property
    def own_machine_key(self) -> str:
        """The machine key of its facts."""
        return machine_key(self.document["machine"])

    @property
    def latency_runs(self) -> "Runs":
        """The process runs of role latency, reduced, in the order of launching."""
        if self.reduced:
            return self.reduced.latency()
        # Here, so that whoever only reads documents does not load numpy and pyarrow.
        from hfbench_aggregate.engine.taking_in import reduced

        return reduced(self.document["process_runs"])

    @property
    def other_runs(self) -> list[ProcessRun]:
        """The process runs of all other roles, as submitted, in the order of launching."""
        if self.reduced:
            return self.reduced.others()
        return [run for run in self.document["process_runs"] if role_of(run) != "latency"]

    @property
    def statuses(self) -> Counter[tuple[str, str]]:
        """How many process runs of each role ended with each status."""
        if self.reduced:
            return self.reduced.statuses
        return Counter((role_of(run), run["status"]) for run in self.document["process_runs"])


class Outline(dict[str, Any]):
    """A submission without its process runs, which are read from the store when asked for.

    Nearly nobody asks: what else is computed from them is in the index. They are not kept, so that
    the iterations of many submissions are never in memory at once.
    """

    def __init__(self, content: dict[str, Any], whole: Callable[[], Submission]) -> None:
        super().__init__(content)
        self._whole = whole

    def __missing__(self, name: str) -> Any:
        if name != "process_runs":
            raise KeyError(name)
        return self._whole()["process_runs"]


@dataclass(frozen=True)
class Documents:
    """The documents of a store, by sha256: as files, or within the parts they were moved to."""

    snapshot: Snapshot

    @property
    def name(self) -> str:
        """The store, for people."""
        return self.snapshot.store.name

    @cached_property
    def paths(self) -> dict[str, PurePosixPath]:
        """Where documents lie as files."""
        return self.snapshot.submissions()

    @cached_property
    def parts(self) -> list[PurePosixPath]:
        """The parts."""
        return self.snapshot.files(tree.SUBMISSION_PARTS)

    @cached_property
    def compacted(self) -> dict[str, bytes]:
        """The documents within parts.

        Raises:
            StoreError: a part is not what it was.
        """
        found: dict[str, bytes] = {}
        for path in self.parts:
            found |= self.read_part(path)
        return found

    def read_part(self, path: PurePosixPath) -> dict[str, bytes]:
        """Return every document of a part; each must hash to its name.

        Raises:
            StoreError: it is not what it was.
        """
        # Here, so that whoever has no part does not load pyarrow.
        from hfbench_aggregate.dataset.parts import PartError, documents_of

        try:
            return {one.sha256: one.data for one in documents_of(self.snapshot.read(path))}
        except PartError as error:
            raise StoreError(f"{path}: {error}. To mend it: restore it") from error

    def part_names(self, path: PurePosixPath) -> list[str]:
        """Return the sha256 of every document of a part, none of which is looked at.

        Raises:
            StoreError: it is no part.
        """
        from hfbench_aggregate.dataset.parts import PartError, names_in

        try:
            return names_in(self.snapshot.read(path))
        except PartError as error:
            raise StoreError(f"{path}: {error}. To mend it: restore it") from error

    def read_bytes(self, sha256: str) -> bytes:
        """Return the bytes of a document that is a file; they must hash to its name.

        Raises:
            StoreError: they do not.
        """
        path = self.paths[sha256]
        data = self.snapshot.read(path)
        if sha256_hex(data) != sha256:
            raise StoreError(corrupt(path, sha256_hex(data)))
        return data

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self.paths or sha256 in self.compacted

    def read(self, sha256: str) -> Submission:
        """Return a document.

        What hashes to an accepted name has been validated when it was accepted, and is not again.

        Raises:
            StoreError: it is missing, its bytes are others, or of a schema that this version
                does not read.
        """
        if sha256 in self.paths:
            return _parsed(self.read_bytes(sha256), self.paths[sha256])
        if sha256 in self.compacted:
            return _parsed(self.compacted[sha256], PurePosixPath(f"{sha256}.json"))
        raise StoreError(missing(sha256))


def accepted_submissions(
    snapshot: Snapshot, ledger: Ledger, executor: "Executor | None" = None
) -> list[Accepted]:
    """Return every accepted submission, in the order of the ledger, with the store's aliases.

    They come from the index of the store, which is brought up to date first: by `executor`, or
    serially.

    Raises:
        StoreError: there is none, or one is missing or not what was accepted, or the aliases are
            not what they should be.
        ExecutorError: the executor cannot be used here.
    """
    # Here, so that whoever only reads documents does not load numpy and pyarrow.
    from hfbench_aggregate.engine.executors import serial
    from hfbench_aggregate.engine.index import Index
    from hfbench_aggregate.engine.places import index_folder

    documents, name, aliases = Documents(snapshot), snapshot.store.name, read_aliases(snapshot)
    index = Index(index_folder(name), documents, ledger, executor or serial)
    indexed = index.submissions()
    accepted = []
    for sha256, entry in ledger.accepted().items():
        outline = Outline(indexed[sha256].outline, partial(documents.read, sha256))
        document, reduced = cast(Submission, outline), indexed[sha256]
        came = entry["at"], entry["submitter"]
        accepted.append(Accepted(sha256, *came, document, reduced, aliases))
    if not accepted:
        raise StoreError(
            f"{name} holds no accepted submission. To take in what was proposed: "
            f"hfbench-aggregate intake {name}"
        )
    return accepted


def aliased(submissions: Iterable[Accepted], aliases: Aliases) -> list[Accepted]:
    """Return submissions with these aliases in place of those that they were read with."""
    return [replace(submission, aliases=aliases) for submission in submissions]


def _parsed(data: bytes, path: PurePosixPath) -> Submission:
    """Parse the bytes of a document that hash to the name of its path."""
    try:
        document: Submission = strict_json(data)
        schema = document["schema"]
    except (StrictJSONError, TypeError, KeyError) as error:
        raise StoreError(f"{path} is no submission: it was never taken in") from error
    if schema != SUBMISSION_SCHEMA:
        raise StoreError(f"{path} has schema {schema}; this version reads {SUBMISSION_SCHEMA}")
    return document


def missing(sha256: str) -> str:
    """Say that an accepted document is not there, and how to mend it."""
    return (
        f"submission {sha256} was accepted and is missing. To mend it: restore it from a backup, "
        f"or propose the document again"
    )


def corrupt(path: PurePosixPath, sha256: str) -> str:
    """Say that a stored document has changed, and how to mend it."""
    return (
        f"{path} was changed after it was stored: its bytes hash to {sha256}. To mend it: "
        f"restore it from a backup, or delete it and propose the original again"
    )
