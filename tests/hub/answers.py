"""What the test Hub answers, and the refusals it answers with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `Content-Length` is added when it is sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HubError(Exception):
    """A request the Hub refuses, with its status, its words and its `X-Error-Code`."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """Return the refusal as the client expects it: words in a header and in the body."""
        headers = self.headers | {"X-Error-Message": self.message}
        if self.code:
            headers["X-Error-Code"] = self.code
        return json_answer({"error": self.message}, self.status, headers)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return `value` as a JSON answer."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, json.dumps(value).encode(), {**kind, **(headers or {})})


def missing_entry(message: str, commit: str | None = None) -> HubError:
    """Return the refusal for a file or folder that is not there at `commit`."""
    return HubError(404, message, "EntryNotFound", {"X-Repo-Commit": commit} if commit else None)


def missing_revision(revision: str) -> HubError:
    """Return the refusal for a revision that is no branch, tag, pull request or commit."""
    return HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
