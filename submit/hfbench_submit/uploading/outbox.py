"""The outbox: what is to be uploaded, on the disk before anything is sent.

`<sha256>.json` holds a document, `<sha256>.state.json` what is known of its way. The document is
written first and its state next: without a state it was never taken in. Once the store has it, the
state alone stays, as the receipt. Writers hold the outbox's one lock as long as they send.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import platformdirs
from filelock import FileLock, Timeout

from hfbench_schema import timestamps
from hfbench_schema.canonical import sha256_hex
from hfbench_schema.files import write_atomically
from hfbench_submit.errors import SubmitError
from hfbench_submit.uploading.documents import SHORT, Document

QUEUED: Final = "queued"
PROPOSED: Final = "proposed"
ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
_STATE = ".state.json"
_STATE_NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(_STATE)}")
_LEAST_DIGITS = 8


@dataclass(frozen=True)
class Entry:
    """What is known of one document's way to its store.

    Attributes:
        sha256: of the document.
        store: where it goes, as in `hf://datasets/organization/results`.
        push: whether it goes straight to the store's main branch, without a pull request.
        queued_at: when it was taken in.
        status: queued, proposed, accepted or refused, as far as is known.
        attempts: how often it was sent.
        sent_at: since when nobody knows whether the store took it, if so.
        last_error: why it could not be delivered the last time.
        request_id: what the Hub calls the request that failed last.
        proposal: where the proposal is: a pull request, or a file.
        note: what the store says of it.
        clients: the versions of what sent it last.
    """

    sha256: str
    store: str
    push: bool
    queued_at: str
    status: str = QUEUED
    attempts: int = 0
    sent_at: str | None = None
    last_error: str | None = None
    request_id: str | None = None
    proposal: str | None = None
    note: str | None = None
    clients: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The first digits of the document's hash."""
        return self.sha256[:SHORT]

    @property
    def since(self) -> datetime:
        """The moment at which it was taken in, before which it was proposed nowhere."""
        return timestamps.parse_moment(self.queued_at)


def outbox_folder() -> Path:
    """Return where the user's outbox is."""
    return Path(platformdirs.user_data_dir("hfbench")) / "outbox"


@dataclass(frozen=True)
class Outbox:
    """The outbox in one folder, which need not exist."""

    folder: Path = field(default_factory=outbox_folder)

    @contextlib.contextmanager
    def locked(self, say: Callable[[str], None]) -> Iterator[None]:
        """Be the only process that sends; clear away what killed ones left.

        Raises:
            SubmitError: the outbox cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                say("waiting: another hfbench-submit is uploading")
                lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def add(self, document: Document, entry: Entry) -> None:
        """Take a document in; on the disk when this returns.

        Raises:
            SubmitError: the disk is full, or cannot be written.
        """
        self._write(self._document(document.sha256), document.data)
        self.save(entry)

    def save(self, entry: Entry) -> None:
        """Write what is known of a document's way, and let go of it once the store has it.

        Raises:
            SubmitError: the disk is full, or cannot be written.
        """
        state = json.dumps(asdict(entry), indent=2).encode() + b"\n"
        self._write(self._state(entry.sha256), state)
        if entry.status != QUEUED:
            self._document(entry.sha256).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Return all, the one that was queued first in front.

        Raises:
            SubmitError: one cannot be read.
        """
        found = filter(None, map(self._read, self._states()))
        return sorted(found, key=lambda entry: (entry.queued_at, entry.sha256))

    def find(self, sha256: str) -> Entry | None:
        """Return what is known of a document; None if it was never here."""
        return self._read(self._state(sha256))

    def document(self, entry: Entry) -> Document:
        """Return the document of a queued entry.

        Raises:
            SubmitError: it is not there, or has changed.
        """
        with contextlib.suppress(OSError):
            data = self._document(entry.sha256).read_bytes()
            if sha256_hex(data) == entry.sha256:
                return Document.of(data)
        raise SubmitError(
            f"{self._document(entry.sha256)} is gone or damaged: upload the document again, or "
            f"forget it: hfbench-submit outbox drop {entry.key}"
        )

    def drop(self, digits: str) -> str:
        """Forget the document whose hash begins with these digits; return the hash.

        Raises:
            SubmitError: there is none, or several; or they are too few.
        """
        states = [path for path in self._states() if path.name.startswith(digits)]
        if len(digits) < _LEAST_DIGITS or len(states) != 1:
            raise SubmitError(
                f"{digits}: {len(states)} documents in the outbox have such a hash; give at least "
                f"{_LEAST_DIGITS} digits of one, as hfbench-submit outbox list shows them"
            )
        sha256 = states[0].name.removesuffix(_STATE)
        states[0].unlink(missing_ok=True)
        self._document(sha256).unlink(missing_ok=True)
        return sha256

    def _document(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.json"

    def _state(self, sha256: str) -> Path:
        return self.folder / (sha256 + _STATE)

    def _states(self) -> list[Path]:
        """Return the files that hold states; there are none where there is no outbox."""
        found = self.folder.glob(f"*{_STATE}")
        return [path for path in found if _STATE_NAME.fullmatch(path.name)]

    def _read(self, path: Path) -> Entry | None:
        try:
            state: Any = json.loads(path.read_bytes())
            return Entry(**state)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise SubmitError(
                f"{path} is no state that this hfbench wrote: delete it, and upload the document "
                "again, which is safe"
            ) from error

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_atomically(path, data)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> SubmitError:
        return SubmitError(
            f"cannot write the outbox {self.folder}: {error.strerror}. Mend that, and repeat the "
            "same command"
        )

    def _sweep(self) -> None:
        """Delete what killed writers left: parts of files, documents that nothing is to do with."""
        for part in self.folder.glob(".writing-*"):
            part.unlink(missing_ok=True)
        for path in self.folder.glob("*.json"):
            if not path.name.endswith(_STATE) and not self._is_queued(path.stem):
                path.unlink(missing_ok=True)

    def _is_queued(self, sha256: str) -> bool:
        try:
            entry = self.find(sha256)
        except SubmitError:
            return True  # nobody knows, so it is kept
        return entry is not None and entry.status == QUEUED
