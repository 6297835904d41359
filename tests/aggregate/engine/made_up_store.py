"""A store with all that an index has to hold, and its submissions read without any index."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.aggregate.conftest import NEW, OLD, Document, Maker, propose
from tests.aggregate.made_up_training import AMP, FP32, Trainer, Truth

from hfbench_aggregate.aliases import Aliases
from hfbench_aggregate.archive import Archive
from hfbench_aggregate.engine.executors import Executor, serial
from hfbench_aggregate.engine.index import Index
from hfbench_aggregate.engine.places import index_folder
from hfbench_aggregate.intake import take_in
from hfbench_aggregate.ledger import Ledger, read_ledger
from hfbench_aggregate.loading import Accepted, Documents, accepted_submissions
from hfbench_aggregate.manifest import present_libraries
from hfbench_aggregate.release import Inputs, build_release
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.trust import Trusted

LAST_MONTH = datetime(2026, 11, 28, tzinfo=UTC)
THIS_MONTH = datetime(2026, 12, 10, tzinfo=UTC)
CPUS = ("AMD EPYC 9R14", "Intel Xeon 8488C", "Ampere Altra")


def take(folder: Path, *documents: Document, moment: datetime = THIS_MONTH) -> list[str]:
    """Take documents in; return their names."""
    names = [propose(folder, document) for document in documents]
    result = take_in(LocalStore(folder), lambda: moment)
    assert {decision.outcome for decision in result.decisions} == {"accepted"}
    return names


def manifold(maker: Maker) -> list[Document]:
    """Return sittings on three machines, with failures, other roles, and a training."""
    documents = [maker.document(process_runs=3) for _ in range(4)]
    for place, document in enumerate(documents[:3]):
        document["machine"]["cpu"]["name"] = CPUS[place]
    failing, roles, alone = documents[1], documents[2], maker.document([OLD, NEW, OLD])
    for run, status in zip(failing["process_runs"], ("timeout", "unsupported"), strict=False):
        for name in ("iterations_ns", "warmup_iterations", "threads", "output_sha256"):
            del run[name]
        run.update(status=status, reason=f"made up: {status}")
    first = roles["process_runs"][0]
    sizes = {"host_imported": 2**29, "host_built": 2**30, "host_peak": 2**31}
    memory = {"cell": first["cell"], "environment": 0, "block": 0, "role": "memory"}
    memory |= {"started_at": first["started_at"], "wall_ns": 9 * 10**9, "status": "ok"}
    roles["process_runs"].insert(4, {**memory, "memory": sizes})
    roles["protocol"]["roles"] = ["latency", "memory"]
    training = Trainer().document({FP32: Truth(), AMP: Truth(step_ms=13)}, seeds=3, memory=True)
    return [*documents, alone, training]


def ledger_of(folder: Path) -> Ledger:
    """Return the ledger as it is."""
    return read_ledger(newest(LocalStore(folder)))


def index_of(folder: Path, executor: Executor = serial) -> Index:
    """Return the index of a store, which is where commands look for it."""
    documents = Documents(newest(LocalStore(folder)))
    return Index(index_folder(documents.name), documents, ledger_of(folder), executor)


def from_documents(folder: Path) -> list[Accepted]:
    """Return the accepted submissions, each parsed from its document."""
    documents = Documents(newest(LocalStore(folder)))
    return [
        Accepted(sha256, entry["at"], entry["submitter"], documents.read(sha256))
        for sha256, entry in ledger_of(folder).accepted().items()
    ]


def from_index(folder: Path, executor: Executor = serial) -> list[Accepted]:
    """Return the accepted submissions as commands get them."""
    return accepted_submissions(newest(LocalStore(folder)), ledger_of(folder), executor)


def released(
    folder: Path, submissions: Sequence[Accepted], aliases: Aliases | None = None
) -> dict[str, bytes]:
    """Return the files of a release of these submissions."""
    ledger = ledger_of(folder)
    archive = Archive(newest(LocalStore(folder)), ledger)
    libraries = present_libraries()
    inputs = Inputs(submissions, ledger, Trusted(), None, None, archive, libraries, aliases or {})
    return build_release(inputs)
