"""From a raw request to its answer: find the route, the user and the repository.

Routes are matched on the raw path, because a revision is quoted in it (`refs%2Fpr%2F1`).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.hub.accounts import User
from tests.hub.answers import Answer, HubError, json_answer
from tests.hub.objects import Commit
from tests.hub.repositories import Repository
from tests.hub.state import Hub

T = TypeVar("T")
KIND: Final = "(?P<kind>datasets|spaces)"
REPOSITORY: Final = f"/api/{KIND}/(?P<repository>[^/]+/[^/]+?)"


@dataclass(frozen=True)
class Call:
    """A request, as a route sees it.

    Attributes:
        target: the raw path with its query.
        parameters: the unquoted groups of the route's path.
        headers: by lower-case name.
    """

    hub: Hub
    user: User | None
    target: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Values of the query by name."""
        return parse_qs(urlsplit(self.target).query)

    def flag(self, name: str) -> bool:
        """Whether the query switches `name` on."""
        return self.query.get(name, [""])[-1].lower() in ("1", "true")

    def json(self) -> dict[str, Any]:
        """Return the body, an object; no body is an empty one."""
        value: dict[str, Any] = json.loads(self.body or b"{}")
        return value

    @cached_property
    def repository(self) -> Repository:
        """The repository in the path.

        Raises:
            HubError: 404 RepoNotFound, 401 for the anonymous: it is missing, or private and not
                the user's.
        """
        repository = self.hub.repositories.get(self.parameters["repository"])
        if (
            repository is not None
            and self.parameters.get("kind", repository.kind) != repository.kind
        ):
            repository = None
        namespaces = self.user.namespaces if self.user else ()
        if repository is None or (repository.private and repository.owner not in namespaces):
            if self.user is None:
                raise HubError(401, "Invalid username or password.", "RepoNotFound")
            raise HubError(404, "Repository not found", "RepoNotFound")
        return repository

    @property
    def revision(self) -> str:
        """The revision in the path, `main` where there is none."""
        return self.parameters.get("revision") or "main"

    @property
    def commit(self) -> Commit:
        """The commit of that revision."""
        return self.repository.resolve(self.revision)

    @property
    def url(self) -> str:
        """Where the repository's pages are."""
        return f"{self.hub.endpoint}/{self.repository.kind}/{self.repository.name}"


@dataclass(frozen=True)
class Route:
    """A method, a regular expression of the whole raw path, and what answers."""

    method: str
    path: str
    answer: Callable[[Call], Answer]

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path's unquoted parameters, None if this route is another."""
        if method.replace("HEAD", "GET") != self.method:
            return None
        found = re.fullmatch(self.path, path)
        return found and {name: unquote(text or "") for name, text in found.groupdict().items()}


def dispatch(
    routes: Sequence[Route],
    hub: Hub,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Answer:
    """Let a request take effect, one at a time, and return its answer."""
    try:
        with hub.lock:
            user = hub.accounts.identify(headers)
            route, parameters = _find(routes, method, urlsplit(target).path)
            return route.answer(Call(hub, user, target, parameters, headers, body))
    except HubError as error:
        return error.answer()


def _find(routes: Sequence[Route], method: str, path: str) -> tuple[Route, dict[str, str]]:
    for route in routes:
        if (parameters := route.match(method, path)) is not None:
            return route, parameters
    raise HubError(404, f"The test Hub has no {method} {path}")


def paged(
    call: Call, items: Sequence[T], size: int, facts: Callable[[T], dict[str, Any]]
) -> Answer:
    """Answer the facts about one page of `items`; the `Link` header tells where the next one is."""
    start = int(call.query.get("cursor", ["0"])[0])
    headers = {}
    if start + size < len(items):
        query = call.query | {"cursor": [str(start + size)]}
        place = urlsplit(call.target).path + "?" + urlencode(query, doseq=True)
        headers["Link"] = f'<{call.hub.endpoint}{place}>; rel="next"'
    return json_answer([facts(item) for item in items[start : start + size]], headers=headers)


def moment(date: datetime) -> str:
    """Return a time as the Hub writes it, in UTC with milliseconds."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
