"""Whether the Hub answers, and whether the token may open pull requests there."""

import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfbench_submit.doctor.check import Check
from hfbench_submit.hub_access import (
    NO_ADDRESS,
    host_of,
    hub_endpoint,
    is_switched_on,
    is_web_address,
    within,
)

TIMEOUT_S = 5.0
_HUB, _TOKEN = "Hub", "Hub token"
_PULL_REQUESTS = "discussion.write"
"""The permission by which a fine-grained token may open pull requests."""
_HOW_TO_PROPOSE = (
    "create a token at {endpoint}/settings/tokens with 'Interact with discussions and open pull "
    "requests', and export HF_TOKEN=..."
)
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What the Hub said of the caller: an HTTP status, and the JSON object that came with it."""

    status: int
    body: dict[str, Any]


class HubUnreachableError(Exception):
    """The Hub did not answer, or something else did in its place."""


def check_hub() -> Iterator[Check]:
    """Ask the Hub, once, who the caller is; that it answers at all is the first check.

    Nothing here needs the Hub to measure, so nothing here is worse than a warning.
    """
    endpoint = hub_endpoint()
    if is_switched_on("HF_HUB_OFFLINE"):
        yield Check(_HUB, "warning", "HF_HUB_OFFLINE is set: not asked", "unset HF_HUB_OFFLINE")
        yield Check(_TOKEN, "unknown", "the Hub was not asked")
        return
    token = stored_token()
    try:
        answer = whoami(endpoint, token)
    except HubUnreachableError as error:
        yield Check(_HUB, "warning", str(error), "check the network, the proxy and HF_ENDPOINT")
        yield Check(_TOKEN, "unknown", "the Hub could not be asked")
        return
    yield Check(_HUB, "ok", f"{host_of(endpoint)} answers")
    yield open_pull_requests_check(endpoint, token, answer)


def stored_token() -> str | None:
    """Return the token that the Hub's own tools would use, None without one."""
    named = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    if named and named.strip():
        return named.strip()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = os.environ.get("HF_HOME") or cache / "huggingface"
    file = Path(os.environ.get("HF_TOKEN_PATH") or Path(home) / "token").expanduser()
    with contextlib.suppress(OSError, ValueError):
        return file.read_text(encoding="utf-8").strip() or None
    return None


def whoami(endpoint: str, token: str | None) -> Answer:
    """Ask the Hub who a token belongs to, within `TIMEOUT_S`, name resolution included.

    Raises:
        HubUnreachableError: it does not answer; the message tells nothing of the token.
    """
    if not is_web_address(endpoint):
        raise HubUnreachableError(NO_ADDRESS)
    try:
        said = within(TIMEOUT_S, lambda: _ask(endpoint, token))
    except Exception as error:  # none came in time, or it broke off
        message = f"{host_of(endpoint)} did not answer within {TIMEOUT_S:g} s"
        raise HubUnreachableError(message) from error
    if isinstance(said, HubUnreachableError):
        raise said
    return said


def _ask(endpoint: str, token: str | None) -> Answer | HubUnreachableError:
    request = urllib.request.Request(f"{endpoint}/api/whoami-v2")  # noqa: S310 - checked above
    if token:  # kept from whatever address a redirection leads to
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return _parse(endpoint, response.status, response.read(_LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return _parse(endpoint, error.code, error.read(_LARGEST_ANSWER))
    except Exception as error:
        reason = getattr(error, "reason", None) or error
        # Its text may quote what was sent, the token included; the system's own words do not.
        words = getattr(reason, "strerror", None) or type(reason).__name__
        return HubUnreachableError(f"{host_of(endpoint)} cannot be reached: {words}")


def _parse(endpoint: str, status: int, body: bytes) -> Answer | HubUnreachableError:
    with contextlib.suppress(ValueError):
        parsed = json.loads(body)
        if isinstance(parsed, dict) and status < 500:
            return Answer(status, parsed)
    return HubUnreachableError(
        f"{host_of(endpoint)} answered HTTP {status}, but not as the Hub does"
    )


def open_pull_requests_check(endpoint: str, token: str | None, answer: Answer) -> Check:
    """Judge by the Hub's answer whether a token may open pull requests; a warning says no."""
    mend = _HOW_TO_PROPOSE.format(endpoint=f"https://{host_of(endpoint)}")
    if token is None:
        return Check(_TOKEN, "warning", "none: results cannot be proposed to the Hub", mend)
    if answer.status in (401, 403):
        return Check(_TOKEN, "warning", f"refused by the Hub (HTTP {answer.status})", mend)
    if answer.status != 200:
        return Check(_TOKEN, "unknown", f"the Hub answered HTTP {answer.status}; try again later")
    access = _dict(_dict(answer.body.get("auth")).get("accessToken"))
    match access.get("role"):
        case "write":
            return Check(_TOKEN, "ok", "may open pull requests, and write: more than it needs")
        case "read":
            return Check(_TOKEN, "warning", "read-only: it cannot open pull requests", mend)
        case "fineGrained":
            return _fine_grained_check(_dict(access.get("fineGrained")), mend)
    return Check(_TOKEN, "unknown", "accepted, but the Hub does not tell what it may do")


def _fine_grained_check(scopes: dict[str, Any], mend: str) -> Check:
    """Judge a fine-grained token; a permission in some places only need not hold in hfbench's."""
    if _PULL_REQUESTS in _list(scopes.get("global")):
        return Check(_TOKEN, "ok", "fine-grained: may open pull requests")
    scoped = [_dict(scope) for scope in _list(scopes.get("scoped"))]
    places = [
        str(_dict(scope.get("entity")).get("name", "?"))
        for scope in scoped
        if _PULL_REQUESTS in _list(scope.get("permissions"))
    ]
    if places:
        return Check(_TOKEN, "unknown", f"may open pull requests only in {', '.join(places)}", mend)
    return Check(_TOKEN, "warning", "fine-grained, without the right to open pull requests", mend)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
