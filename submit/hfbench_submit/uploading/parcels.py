"""Parcels: documents of the outbox that go one way together."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib import metadata
from typing import Final

from hfbench_schema import timestamps
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.failures import Failure
from hfbench_submit.uploading.hub import Whereabouts
from hfbench_submit.uploading.outbox import QUEUED, Entry, Outbox

MOST_DOCUMENTS: Final = 50
"""In one pull request: the Hub advises fewer than 100 files a commit."""
MOST_BYTES: Final = 32 << 20
"""In one commit, which the Hub gives a minute."""
_CLIENTS: Final = ("hfbench", "huggingface-hub")


class Parcel:
    """Documents that go one way together; whatever is learned of them is on the disk at once.

    Methods raise SubmitError if the outbox cannot be written.

    Attributes:
        store: where all of them go.
        push: whether they go there without a pull request.
    """

    def __init__(
        self, outbox: Outbox, entries: Sequence[Entry], documents: Sequence[Document]
    ) -> None:
        self.store, self.push = entries[0].store, entries[0].push
        self._outbox = outbox
        self._entries = {entry.sha256: entry for entry in entries}
        self._documents = documents

    @property
    def entries(self) -> list[Entry]:
        """What is known of all documents."""
        return list(self._entries.values())

    @property
    def waiting(self) -> list[Document]:
        """The documents that the store is not known to have."""
        return [one for one in self._documents if self._entries[one.sha256].status == QUEUED]

    def sends(self) -> None:
        """Record that what waits is sent now, so that from now on it is in doubt."""
        now, clients = timestamps.format_moment(timestamps.now()), _versions()
        for entry in self._queued():
            self._save(replace(entry, attempts=entry.attempts + 1, sent_at=now, clients=clients))

    def was_not_taken(self) -> None:
        """Record that what waits is in doubt no more: the Hub did not take it."""
        for entry in self._queued():
            self._save(replace(entry, sent_at=None))

    def in_doubt(self, doubt: timedelta) -> bool:
        """Tell whether something that waits was sent so recently that it may still arrive."""
        sent = [timestamps.parse_moment(entry.sent_at) for entry in self._queued() if entry.sent_at]
        return any(moment > timestamps.now() - doubt for moment in sent)

    def is_at(self, places: Mapping[str, Whereabouts]) -> None:
        """Record where the store has documents, by hash."""
        for entry in self._queued():
            if place := places.get(entry.sha256):
                told = replace(entry, sent_at=None, last_error=None, request_id=None)
                self._save(
                    replace(told, status=place.status, proposal=place.address, note=place.note)
                )

    def failed(self, failure: Failure) -> None:
        """Record what went wrong."""
        for entry in self._queued():
            self._save(replace(entry, last_error=failure.words, request_id=failure.request_id))

    def _queued(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.status == QUEUED]

    def _save(self, entry: Entry) -> None:
        self._outbox.save(entry)
        self._entries[entry.sha256] = entry


def packed(documents: Sequence[Document]) -> list[list[Document]]:
    """Divide documents into as few as one commit can hold; one that is too large goes alone."""
    parcels: list[list[Document]] = []
    size = 0
    for document in documents:
        size += len(document.data)
        if not parcels or len(parcels[-1]) == MOST_DOCUMENTS or size > MOST_BYTES:
            parcels.append([])
            size = len(document.data)
        parcels[-1].append(document)
    return parcels


def _versions() -> dict[str, str]:
    """Return the versions of what sends."""
    found = {}
    for name in _CLIENTS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
