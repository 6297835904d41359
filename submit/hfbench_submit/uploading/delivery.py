"""Delivering documents: locate, then create, until the store is known to have them.

The Hub's commit call does the same thing twice if it is sent twice, and its answer may be lost. So
nothing is sent before one has looked whether it is there, and whatever goes wrong, one looks again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from hfbench_submit.errors import SubmitError
from hfbench_submit.hub_access import within
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.failures import (
    Failure,
    HubRefusalError,
    NotNowError,
    refusal,
    understand,
)
from hfbench_submit.uploading.hub import Whereabouts
from hfbench_submit.uploading.parcels import Parcel

_LONGEST_PAUSE: Final = 16
_DOUBT: Final = 60
"""The Hub gives up a commit after a minute; until then one whose answer was lost may appear."""
_IN_DOUBT: Final = Failure("it was sent, and the answer lost, so that it may still arrive")


@dataclass(frozen=True)
class Patience:
    """How long to wait for the Hub.

    Attributes:
        pause_s: seconds before the second try; all other pauses are multiples of it.
        deadline_s: no try begins after so many seconds, and after half as many more all is left
            alone, whatever it waits for.
    """

    pause_s: float = 1.0
    deadline_s: float = 120.0

    @property
    def limit_s(self) -> float:
        """Seconds after which all is left alone."""
        return 1.5 * self.deadline_s

    @property
    def doubt(self) -> timedelta:
        """For how long something that was sent may still arrive."""
        return timedelta(seconds=_DOUBT * self.pause_s)

    def pauses(self) -> Iterator[float]:
        """Yield seconds to wait before each further try, without end."""
        factor = 1
        while True:
            yield factor * self.pause_s
            factor = min(2 * factor, _LONGEST_PAUSE)


class Way(Protocol):
    """A way to a store.

    Attributes:
        repeatable: whether it does no harm to send again what may still arrive.
    """

    repeatable: bool

    def locate(self, documents: Sequence[Document]) -> Mapping[str, Whereabouts]:
        """Return where the store has documents, by hash."""

    def propose(self, documents: Sequence[Document]) -> Mapping[str, Whereabouts]:
        """Send documents that it does not have; return where they are, as far as is known."""


def deliver(
    parcel: Parcel, connect: Callable[[], Way], patience: Patience, say: Callable[[str], None]
) -> None:
    """Bring a parcel to its store, or leave it in the outbox for another time.

    Raises:
        NotNowError: the store does not take it now.
        HubRefusalError: the store will not take it as it is.
        SubmitError: the outbox cannot be written, or something is missing on this machine.
    """
    delivery = _Delivery(parcel, connect, patience, say)
    try:
        within(patience.limit_s, delivery.keep_trying)
    except TimeoutError as error:
        # What is left of it ends with this process, and has recorded all that it sent.
        parcel.failed(Failure(str(error)))
        raise NotNowError(Failure(str(error))) from error
    except (NotNowError, HubRefusalError) as error:
        parcel.failed(error.failure)
        raise


class _Delivery:
    """One parcel's way, tried until it succeeds, fails for good, or the deadline has come."""

    def __init__(
        self,
        parcel: Parcel,
        connect: Callable[[], Way],
        patience: Patience,
        say: Callable[[str], None],
    ) -> None:
        self._parcel, self._connect, self._say = parcel, connect, say
        self._patience = patience

    def keep_trying(self) -> None:
        """Try; look whether it has arrived; pause; and try again."""
        until = time.monotonic() + self._patience.deadline_s
        for pause in self._patience.pauses():
            failure = self._try()
            if not self._parcel.waiting:
                return
            self._parcel.failed(failure)
            if failure.final:
                raise refusal(failure, self._parcel.store, push=self._parcel.push)
            wait = max(pause, failure.wait_s)
            if time.monotonic() + wait > until:
                raise NotNowError(failure)
            self._say(f"{failure.words}; looking again in {wait:g} s")
            time.sleep(wait)

    def _try(self) -> Failure:
        """Locate what waits, send what is not there; return why something waits still, if it does.

        Raises:
            SubmitError: it is of no use to try again.
        """
        parcel = self._parcel
        try:
            way = self._connect()
            parcel.is_at(way.locate(parcel.waiting))
            if parcel.waiting and (way.repeatable or not parcel.in_doubt(self._patience.doubt)):
                self._send(way)
        except SubmitError:
            raise
        except Exception as error:  # of one of three HTTP libraries
            return understand(error)
        return _IN_DOUBT

    def _send(self, way: Way) -> None:
        self._parcel.sends()
        try:
            self._parcel.is_at(way.propose(self._parcel.waiting))
        except SubmitError:
            raise
        except Exception as error:
            if not understand(error).in_doubt:
                self._parcel.was_not_taken()
            raise
