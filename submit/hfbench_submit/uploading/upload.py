"""Uploading: into the outbox first, and from there to the store, in this process or a later one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby

from hfbench_schema import timestamps
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading import folder, wording
from hfbench_submit.uploading.delivery import Patience, Way, deliver
from hfbench_submit.uploading.destinations import Destination, HubDataset
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.failures import HubRefusalError, NotNowError
from hfbench_submit.uploading.hub import HubRepository
from hfbench_submit.uploading.outbox import QUEUED, REFUSED, Entry, Outbox
from hfbench_submit.uploading.parcels import Parcel, packed
from hfbench_submit.uploading.pull_requests import PullRequests
from hfbench_submit.uploading.pushes import Pushes

Say = Callable[[str], None]
DELIVERED, FAILED, TRY_LATER = 0, 1, 75
"""Exit codes; the last one is what sysexits.h calls a temporary failure."""


@dataclass
class Outcome:
    """What became of documents: receipts of what a store has, what waits and why, an exit code."""

    receipts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    exit_code: int = DELIVERED


def upload(
    documents: Sequence[Document],
    destination: Destination,
    say: Say,
    *,
    push: bool = False,
    outbox: Outbox | None = None,
    patience: Patience | None = None,
) -> Outcome:
    """Propose documents to a store; those for the Hub are in the outbox before anything is sent.

    Args:
        documents: valid submissions.
        destination: the store.
        say: is told what it waits for.
        push: commit on the store's main branch, without a pull request; on the Hub only.
        outbox: the user's own if not given.
        patience: how long to wait for the Hub.

    Raises:
        SubmitError: the folder or the outbox cannot be written.
    """
    if not isinstance(destination, HubDataset):
        return Outcome([f"proposed {folder.propose(one, destination)}" for one in documents])
    outbox = outbox or Outbox()
    with outbox.locked(say):
        entries = [_enqueue(outbox, one, str(destination), push, say) for one in documents]
        return _send(outbox, entries, patience or Patience(), say)


def flush(say: Say, outbox: Outbox | None = None, patience: Patience | None = None) -> Outcome:
    """Deliver whatever waits in the outbox.

    Raises:
        SubmitError: the outbox cannot be read or written.
    """
    outbox = outbox or Outbox()
    with outbox.locked(say):
        queued = [entry for entry in outbox.entries() if entry.status == QUEUED]
        return _send(outbox, queued, patience or Patience(), say)


def _enqueue(outbox: Outbox, document: Document, store: str, push: bool, say: Say) -> Entry:
    """Take a document in, or in again: what it was sent before is not forgotten."""
    known = outbox.find(document.sha256)
    if known and known.store == store:
        entry = replace(known, status=QUEUED, push=push)
    else:
        if known and known.status == QUEUED:
            say(f"{known.key} waited for {known.store}, and goes to {store} now")
        moment = timestamps.format_moment(timestamps.now())
        entry = Entry(document.sha256, store, push, moment)
    outbox.add(document, entry)
    return entry


def _send(outbox: Outbox, entries: Sequence[Entry], patience: Patience, say: Say) -> Outcome:
    """Deliver entries store by store; where one parcel fails, its store's others wait too."""
    outcome, known = Outcome(), dict[str, Entry]()
    for (store, push), group in groupby(sorted(entries, key=_way), key=_way):
        connect = _connection(store, push)
        documents = _documents(outbox, group, outcome)
        known |= {entry.sha256: entry for entry in documents.values()}
        for some in packed(list(documents)):
            parcel = Parcel(outbox, [documents[one] for one in some], some)
            delivered = _deliver(parcel, connect, patience, say, outcome)
            known |= {entry.sha256: entry for entry in parcel.entries}
            if not delivered:
                break
    _report(list(known.values()), outcome)
    return outcome


def _way(entry: Entry) -> tuple[str, bool]:
    return entry.store, entry.push


def _documents(outbox: Outbox, entries: Iterable[Entry], outcome: Outcome) -> dict[Document, Entry]:
    """Return those of the documents that are still there, with what is known of them."""
    found = {}
    for entry in entries:
        try:
            found[outbox.document(entry)] = entry
        except SubmitError as error:
            outcome.problems.append(str(error))
            outcome.exit_code = FAILED
    return found


def _connection(store: str, push: bool) -> Callable[[], Way]:
    """Return what connects with a store, once it succeeds."""

    @cache
    def connect() -> Way:
        repository = HubRepository(HubDataset.of(store))
        repository.probe()
        return Pushes(repository) if push else PullRequests(repository)

    return connect


def _deliver(
    parcel: Parcel, connect: Callable[[], Way], patience: Patience, say: Say, outcome: Outcome
) -> bool:
    """Tell whether the store has a parcel now."""
    try:
        deliver(parcel, connect, patience, say)
    except NotNowError:
        outcome.exit_code = outcome.exit_code or TRY_LATER
        return False
    except HubRefusalError:
        outcome.exit_code = FAILED
        return False
    return True


def _report(entries: Sequence[Entry], outcome: Outcome) -> None:
    """Tell of what the store has, and of what waits."""
    waiting = [entry for entry in entries if entry.status == QUEUED]
    outcome.problems += wording.receipts(waiting)
    outcome.receipts = wording.receipts(entry for entry in entries if entry.status != QUEUED)
    if any(entry.status == REFUSED for entry in entries):
        outcome.exit_code = FAILED
