"""What went wrong with the Hub: what it means for what was sent, and how to mend it.

huggingface_hub speaks HTTP through another library in each of its major versions, so an error is
judged by the status of the answer that it holds; without one, nobody knows what became of the
request.
"""

import contextlib
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from hfbench_schema.reports import printable
from hfbench_submit.doctor.hub_checks import HubUnreachableError
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.hub import first_cause

_TRY_AGAIN: Final = frozenset({408, 412, 429})
"""The statuses below 500 that pass: too slow, another commit came first, too many requests."""
_BEHIND_A_GATEWAY: Final = frozenset({502, 504})
"""The statuses after which the Hub may still be at work on the request."""

_NOTHING_LEFT: Final = re.compile(r"\br=0\s*;\s*t=(?P<seconds>[0-9]+)")
"""In the header RateLimit, as in `"api";r=0;t=55`: nothing for so many seconds."""


@dataclass(frozen=True)
class Failure:
    """What went wrong with one request.

    Attributes:
        words: for people; never what was sent, which would tell the token.
        status: of the Hub's answer, None without one.
        wait_s: the Hub asks to wait so long.
        request_id: what the Hub calls the request.
    """

    words: str
    status: int | None = None
    wait_s: float = 0.0
    request_id: str | None = None

    @property
    def final(self) -> bool:
        """Whether it would go wrong again."""
        return self.status is not None and self.status < 500 and self.status not in _TRY_AGAIN

    @property
    def in_doubt(self) -> bool:
        """Whether the request may still take effect."""
        return self.status is None or self.status in _BEHIND_A_GATEWAY


class UndeliveredError(SubmitError):
    """A document could not be delivered; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


class NotNowError(UndeliveredError):
    """The store does not take it now, and may later."""


class HubRefusalError(UndeliveredError):
    """The store does not take it, and will not unless something is changed."""


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of huggingface_hub tells of."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def understand(error: BaseException) -> Failure:
    """Judge whatever came of asking the Hub."""
    if isinstance(error, UndeliveredError):
        return error.failure
    if isinstance(error, HubUnreachableError):
        return Failure(str(error))
    status, request_id = status_of(error), _request_id(error)
    if status is None:
        cause = first_cause(error)
        words = getattr(cause, "strerror", None) or type(cause).__name__
        return Failure(f"no usable answer ({words})", request_id=request_id)
    said = getattr(error, "server_message", None)
    words = f"HTTP {status}" + (f": {printable(said)}" if said else "")
    return Failure(words, status, _asked_to_wait(error), request_id)


def _request_id(error: Any) -> str | None:
    """Return what the Hub calls a request, or what huggingface_hub called it."""
    with contextlib.suppress(AttributeError, RuntimeError):  # not every error knows its request
        request = error.response.request if status_of(error) else error.request
        named = getattr(error, "request_id", None) or request.headers.get("X-Amzn-Trace-Id")
        return str(named) if named else None
    return None


def _asked_to_wait(error: Any) -> float:
    """Return for how many seconds the Hub asks to be left alone."""
    headers = error.response.headers
    limit = _NOTHING_LEFT.search(headers.get("RateLimit", ""))
    text = limit["seconds"] if limit else headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0.0


def refusal(failure: Failure, store: str, *, push: bool) -> HubRefusalError:
    """Word a final failure, with how to mend it."""
    match failure.status:
        case 401:
            mend = (
                f"the token was not accepted for {store}, or there is none and the dataset is not "
                "public: see hfbench-submit doctor"
            )
        case 403 if push:
            mend = f"this token may not write to {store}: without --push, a pull request is opened"
        case 403:
            mend = f"this token may not open pull requests in {store}: see hfbench-submit doctor"
        case 404:
            mend = f"{store} is not there, or this token may not see it: check the name"
        case _:
            mend = (
                f"{store} did not take it; a newer client may help: pip install -U 'hfbench[hub]'"
            )
    return HubRefusalError(replace(failure, words=f"{mend} ({failure.words})"))
