"""One dataset on the Hub: what a store asks for, with each way to ask it.

Writing goes through `HfApi`. Files and listings are read through the session that it uses: the
listings of `HfApi` take no timeout, and which failures they outlast differs between its versions.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DiscussionComment,
    DiscussionWithDetails,
    HfApi,
    hf_hub_url,
)

from hfbench_aggregate.stores.hub_errors import HubError
from hfbench_aggregate.stores.hub_requests import HubRequests
from hfbench_aggregate.stores.store import Change

MAIN: Final = "main"
OPEN: Final = {"open", "draft"}
"""The statuses of a pull request that waits."""

_DATASET: Final = "dataset"
_PROBE_S: Final = 5.0  # whether the Hub can be reached is known by then
_TRANSFER_S: Final = 600.0  # a large file, there or back


@dataclass(frozen=True)
class Entry:
    """What a listing tells of a path.

    Attributes:
        kind: file, directory, or another word of the Hub's own.
        oid: git's name of the content: it changes when and only when that does, for a directory
            when anything below it does.
        size: in bytes, of the large file if this is one.
        is_large: whether Git LFS holds the file.
    """

    path: PurePosixPath
    kind: str
    oid: str
    size: int
    is_large: bool

    @property
    def is_folder(self) -> bool:
        """Whether there is something below it."""
        return self.kind == "directory"


@dataclass(frozen=True)
class Difference:
    """A path at which something is otherwise than it was; None where there is or was nothing."""

    path: PurePosixPath
    was: Entry | None
    now: Entry | None

    @property
    def is_below(self) -> bool:
        """Whether there was a folder and is one, so that the difference lies below it."""
        return bool(self.was and self.was.is_folder and self.now and self.now.is_folder)


class HubClient:
    """The dataset `repository` ("org/name"); by default with the endpoint and token of `HfApi`.

    Every method raises HubError if the Hub does not do as it is asked.
    """

    def __init__(self, repository: str, endpoint: str | None, token: str | None) -> None:
        self.name = f"hf://datasets/{repository}"
        self.requests = HubRequests(self.name, token)
        self._repository = repository
        self._api = HfApi(endpoint, token, library_name="hfbench")

    @property
    def owner(self) -> str:
        """The user or organization that the dataset belongs to."""
        return self._repository.partition("/")[0]

    def commit_of(self, revision: str) -> str:
        """Return the commit that a branch, tag or pull request names, in 40 hexadecimal digits."""
        found = self.requests.ask(
            lambda: self._api.dataset_info(
                self._repository, revision=revision, expand=["sha"], timeout=_PROBE_S
            )
        )
        return str(found.sha)

    def last_change(self, path: PurePosixPath, revision: str) -> str:
        """Return the commit that last changed a file; `revision` where the Hub does not say."""
        facts = self.requests.ask(
            lambda: self._api.get_paths_info(
                self._repository, str(path), repo_type=_DATASET, revision=revision, expand=True
            )
        )
        commits = [fact.last_commit.oid for fact in facts if fact.last_commit]
        return str(commits[0]) if commits else revision

    def tree(self, folder: PurePosixPath, revision: str, *, deep: bool = False) -> Iterator[Entry]:
        """Yield what is in a folder, with all below it if `deep`; nothing if there is none."""
        where = f"/{quote(str(folder), safe='')}" if folder.parts else ""
        query = {"recursive": "true"} if deep else {}
        try:
            for page in self._pages(f"tree/{revision}{where}", query):
                yield from map(_entry, page)
        except HubError as error:
            if error.code != "EntryNotFound":
                raise

    def differences(self, folder: PurePosixPath, old: str, new: str) -> Iterator[Difference]:
        """Yield what is in a folder otherwise than it was; folders are not looked into."""
        before = {entry.path: entry for entry in self.tree(folder, old)}
        for now in self.tree(folder, new):
            was = before.pop(now.path, None)
            if was is None or was.oid != now.oid:
                yield Difference(now.path, was, now)
        for gone in before.values():
            yield Difference(gone.path, gone, None)

    def history(self, revision: str) -> Iterator[list[tuple[str, str]]]:
        """Yield the commits up to `revision`, newest first, as (id, title), page by page."""
        for page in self._pages(f"commits/{revision}", {}):
            yield [(commit["id"], commit["title"]) for commit in page]

    def read(self, path: PurePosixPath, revision: str, limit: int | None = None) -> bytes:
        """Return a file's bytes, or the first `limit` of them.

        A whole file is checked against the name that the Hub gives its content.

        Raises:
            FileNotFoundError: there is none.
        """
        endpoint = self._api.endpoint
        url = hf_hub_url(
            self._repository, str(path), repo_type=_DATASET, revision=revision, endpoint=endpoint
        )
        try:
            return self.requests.patiently(
                lambda: self.requests.once(lambda: self._content(url, limit), _TRANSFER_S)
            )
        except HubError as error:
            if error.code == "EntryNotFound":
                raise FileNotFoundError(f"{self.name} has no {path} at {revision}") from error
            raise

    def commit(self, parent: str, change: Change, title: str) -> None:
        """Commit on `parent`, once: after an error, only the history tells whether it was done.

        Nothing is committed where nothing changes.
        """
        self.requests.once(
            lambda: self._api.create_commit(
                self._repository,
                [*_additions(change), *_deletions(change)],
                commit_message=title,
                repo_type=_DATASET,
                revision=MAIN,
                parent_commit=parent,
            ),
            _TRANSFER_S,
        )

    def tag(self, tag: str, revision: str) -> None:
        """Name a revision; that the name is there already is an error (409)."""
        self.requests.ask(
            lambda: self._api.create_tag(
                self._repository, tag=tag, revision=revision, repo_type=_DATASET
            )
        )

    def pull_requests(self) -> list[int]:
        """Return the numbers of all that wait, drafts too."""

        def look() -> list[int]:
            found = self._api.get_repo_discussions(
                self._repository,
                discussion_type="pull_request",
                discussion_status="open",
                repo_type=_DATASET,
            )
            return [request.num for request in found]

        return self.requests.ask(look)

    def discussion(self, num: int) -> DiscussionWithDetails:
        """Return a discussion or pull request."""
        return self.requests.ask(lambda: self._details(num))

    def conclude(self, num: int, heading: str, text: str, *, close: bool) -> None:
        """Comment, unless a comment begins with that heading already; then `close`."""

        def go_on() -> None:
            details = self._details(num)
            comments = [event for event in details.events if isinstance(event, DiscussionComment)]
            if not any(comment.content.startswith(heading) for comment in comments):
                comment = f"{heading}\n\n{text}"
                self._api.comment_discussion(self._repository, num, comment, repo_type=_DATASET)
            if close and details.status in OPEN:
                self._api.change_discussion_status(
                    self._repository, num, "closed", repo_type=_DATASET
                )

        self.requests.ask(go_on)

    def _details(self, num: int) -> DiscussionWithDetails:
        return self._api.get_discussion_details(self._repository, num, repo_type=_DATASET)

    def _pages(self, what: str, query: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
        url = f"{self._api.endpoint}/api/datasets/{self._repository}/{what}"
        return self.requests.pages(url, query)

    def _content(self, url: str, limit: int | None) -> bytes:
        headers = {"Accept-Encoding": "identity"}  # compressed, it would have another name
        if limit is not None:
            headers["Range"] = f"bytes=0-{limit - 1}"
        answer = self.requests.get(url, {}, headers)
        data: bytes = answer.content
        if limit is None and not has_name(data, _content_name(answer)):
            raise OSError("what came is not the content of the file")
        return data[:limit]


def has_name(data: bytes, name: str) -> bool:
    """Tell whether the Hub gives `data` this name; true if the name is no hash that it gives.

    A file in git has git's own name, one in Git LFS its SHA-256.
    """
    if len(name) == 64:
        return hashlib.sha256(data).hexdigest() == name
    if len(name) == 40:
        head = f"blob {len(data)}\0".encode()
        return hashlib.sha1(head + data, usedforsecurity=False).hexdigest() == name
    return True


def _content_name(answer: Any) -> str:
    """Return the name of a file's content; a large file has it on the answer that redirects."""
    linked = [step.headers.get("X-Linked-Etag") for step in (*answer.history, answer)]
    tag: str = next(filter(None, linked), answer.headers.get("ETag", ""))
    return tag.removeprefix("W/").strip('"')


def _entry(facts: Mapping[str, Any]) -> Entry:
    path = PurePosixPath(facts["path"])
    return Entry(path, facts["type"], facts["oid"], facts.get("size", 0), "lfs" in facts)


def _additions(change: Change) -> Iterator[CommitOperationAdd]:
    """Yield what to send; an open file never needs Xet, which not every Hub has."""
    for path, data in change.write.items():
        yield CommitOperationAdd(str(path), io.BytesIO(data))


def _deletions(change: Change) -> Iterator[CommitOperationDelete]:
    for path in sorted(change.delete):
        yield CommitOperationDelete(str(path), is_folder=False)
