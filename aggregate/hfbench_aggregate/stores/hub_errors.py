"""What can go wrong between a store and the Hub, in words that say how to mend it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from huggingface_hub.errors import OfflineModeIsEnabled

from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.reports import printable

_LONGEST_RESET_S: Final = 300.0  # the window in which the Hub counts requests
_PASSING: Final = {408, 412, 429}  # 412: writers that race get it even if none has won yet
_NO_ANSWER: Final = (
    "gives no usable answer. Look at the connection and at HF_ENDPOINT, then run the same command "
    "again"
)
_FAILED: Final = "failed. Run the same command again later"
_MEANINGS: Final = {
    401: "does not know the token, or hides the dataset from those without one. Log in anew "
    "(hf auth login), or set HF_TOKEN",
    403: "does not let this token do that. Take one that may write to the dataset and to its "
    "discussions: https://huggingface.co/settings/tokens",
    404: "has no such dataset or revision, or hides it from this token. Look at the name, and at "
    "the token",
    429: "takes no more requests for now. Run the same command again in some minutes",
}


class HubError(StoreError):
    """The Hub did not do what it was asked.

    Attributes:
        status: of the HTTP answer; None if none came that could be used.
        code: the Hub's own word for it, such as EntryNotFound; None if it has none.
        reset_s: seconds until it takes requests again, 0 where it does not say.
        passing: whether asking again may help.
    """

    def __init__(self, name: str, error: Exception) -> None:
        """Explain `error`, which came of asking for the dataset `name`.

        Every version of the client has an `HfHubHTTPError` with a `response`. All else that it
        raises is of this HTTP library or that, and leaves open what the Hub did.
        """
        answer = getattr(error, "response", None)
        headers: Mapping[str, str] = getattr(answer, "headers", {})
        self.status: int | None = getattr(answer, "status_code", None)
        self.code = headers.get("X-Error-Code")
        self.reset_s = _reset_s(headers)
        self.passing = not isinstance(error, OfflineModeIsEnabled) and (
            self.status is None or self.status in _PASSING or self.status >= 500
        )
        super().__init__(_explanation(name, self.status, error))


def _reset_s(headers: Mapping[str, str]) -> float:
    """Read `RateLimit: "api";r=0;t=55` (remaining, seconds), or else `Retry-After: 55`."""
    found = re.search(r";r=0;t=(\d+)", headers.get("RateLimit", "")) or re.fullmatch(
        r"(\d+)", headers.get("Retry-After", "")
    )
    return min(float(found[1]), _LONGEST_RESET_S) if found else 0.0


def _explanation(name: str, status: int | None, error: Exception) -> str:
    if isinstance(error, OfflineModeIsEnabled):
        return f"{name} cannot be used while HF_HUB_OFFLINE is set: unset it"
    if status is None:
        meaning, detail = _NO_ANSWER, f"{type(error).__name__}: {error}"
    else:
        meaning = _MEANINGS.get(status, _FAILED if status >= 500 else "refuses that")
        detail = f"{status}: {_words(error)}"
    return f"{name}: the Hub {meaning} ({printable(detail)})"


def _words(error: Any) -> str:
    """Return what the Hub itself said."""
    return str(getattr(error, "server_message", None) or "no reason given")
