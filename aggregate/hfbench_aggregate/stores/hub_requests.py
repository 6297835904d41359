"""Requests to the Hub: an answer within a deadline, asked for again where that may help."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

from huggingface_hub import get_session, hf_raise_for_status
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # it is documented

from hfbench_aggregate.stores.hub_errors import HubError

_SILENCE_S: Final = 10.0  # between two bytes
_DEADLINE_S: Final = 120.0  # of a request; no socket timeout holds for name resolution
_PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0)
_PATIENCE_S: Final = 15.0  # a Hub that fails for so long is not asked again

_T = TypeVar("_T")


class HubRequests:
    """Asks for one dataset, `name`; by default with the token that `huggingface_hub` finds."""

    def __init__(self, name: str, token: str | None) -> None:
        self.name = name
        self._headers = build_hf_headers(token=token, library_name="hfbench")

    def ask(self, act: Callable[[], _T]) -> _T:
        """Do what may be done twice, until it is done.

        Raises:
            HubError: what failed at last.
        """
        return self.patiently(lambda: self.once(act))

    def patiently(self, act: Callable[[], _T]) -> _T:
        """Do something again until it is done, or doing it again does not help any more.

        Raises:
            HubError: what failed at last.
        """
        started = time.monotonic()
        for pause_s in _PAUSES_S:
            try:
                return act()
            except HubError as error:
                is_failing = error.status != 429 and time.monotonic() - started > _PATIENCE_S
                if is_failing or not error.passing:
                    raise
                reset_s = error.reset_s
            time.sleep(pause_s + reset_s)
        return act()

    def once(self, act: Callable[[], _T], seconds: float | None = None) -> _T:
        """Do something within a deadline; after that, what was asked may still be done.

        Raises:
            HubError: it failed, or took longer.
        """
        outcome: Future[_T] = Future()

        def run() -> None:
            try:
                outcome.set_result(act())
            except Exception as error:  # it would be lost with the thread
                outcome.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return outcome.result(seconds or _DEADLINE_S)
        except Exception as error:
            raise HubError(self.name, error) from error

    def pages(self, url: str, query: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a listing, each asked for when it is wanted."""
        rest: str | None = url
        while rest:
            page, rest = self.ask(partial(self._page, rest, query))
            yield page
            query = {}  # it is part of the next address

    def get(self, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        """Return an answer; its type belongs to the HTTP library of this version of the client.

        Raises:
            Exception: HfHubHTTPError, or one of that library's own.
        """
        answer = get_session().get(
            url, params=query or None, headers={**self._headers, **headers}, timeout=_SILENCE_S
        )
        hf_raise_for_status(answer)
        return answer

    def _page(self, url: str, query: Mapping[str, str]) -> tuple[list[dict[str, Any]], str | None]:
        answer = self.get(url, query, {})
        return answer.json(), answer.links.get("next", {}).get("url")
