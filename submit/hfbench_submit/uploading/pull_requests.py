"""The usual way to a dataset on the Hub: a pull request, opened once however often it is tried."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

from hfbench_schema.tree import proposal_path
from hfbench_submit.doctor.hub_checks import (
    HubUnreachableError,
    open_pull_requests_check,
    whoami,
)
from hfbench_submit.uploading import wording
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.failures import Failure, HubRefusalError, status_of
from hfbench_submit.uploading.hub import HubRepository, Sought, Whereabouts, began
from hfbench_submit.uploading.outbox import ACCEPTED, PROPOSED, REFUSED

OPEN: Final = ("open", "draft")
_NOT_FOUND: Final = 404
_ACCEPTED_WORDS: Final = ("accepted", "stored", "in the store")
"""Of which an intake's verdict holds one, unless it is `refused`."""


class PullRequests:
    """Proposes documents to a dataset by pull requests of the user that the token belongs to."""

    repeatable = False

    def __init__(self, repository: HubRepository) -> None:
        self._repository = repository
        self._author: str | None = None

    def locate(self, documents: Sequence[Document]) -> dict[str, Whereabouts]:
        """Return where the dataset has documents, by hash: on main, or in the user's pull requests.

        A pull request that was closed counts less than what main says, an open one more.

        Raises:
            HubRefusalError: the token cannot open pull requests.
            Exception: what `failures.understand` judges.
        """
        self._author = self._author or self._whoami()
        filed = self._repository.filed(documents, "main")
        places = {sha256 for sha256, place in filed.items() if place.status != REFUSED}
        rest = [document for document in documents if document.sha256 not in places]
        asked = self._in_pull_requests(rest, self._author) if rest else {}
        return asked | filed | _opened(asked)

    def propose(self, documents: Sequence[Document]) -> dict[str, Whereabouts]:
        """Open one pull request with documents that are not there yet; return where they are.

        Raises:
            Exception: what `failures.understand` judges.
        """
        made = self._repository.commit(
            documents,
            wording.title(documents),
            commit_description=wording.description(documents),
            create_pr=True,
        )
        if made.pr_num is None:  # all of it was on main: it was pushed meanwhile
            return {}
        page = self._repository.pull_request_page(made.pr_num)
        return {document.sha256: Whereabouts(PROPOSED, page) for document in documents}

    def _whoami(self) -> str:
        """Return the user's name, once it is clear that the token opens pull requests."""
        endpoint, token = self._repository.endpoint, self._repository.token
        answer = whoami(endpoint, token)
        check = open_pull_requests_check(endpoint, token, answer)
        if check.verdict == "warning":
            raise HubRefusalError(Failure(f"the Hub token: {check.detail}: {check.mend}"))
        if "name" not in answer.body:
            raise HubUnreachableError(check.detail)
        return str(answer.body["name"])

    def _in_pull_requests(
        self, documents: Sequence[Document], author: str
    ) -> dict[str, Whereabouts]:
        """Return in which pull request documents are: an open one, or else the newest."""
        found: dict[str, Whereabouts] = {}
        for pull_request in self._repository.pull_requests(author):
            known = found if pull_request.status not in OPEN else _opened(found)
            wanted = [document for document in documents if document.sha256 not in known]
            if held := self._held(pull_request, wanted):
                found |= self._whereabouts(pull_request, held)
            if len(_opened(found)) == len(documents):
                break
        return found

    def _held(self, pull_request: Any, documents: Sequence[Document]) -> list[Document]:
        """Return those of the documents that a pull request proposes."""
        found = wording.find_key(pull_request.title)
        if found is None:
            return []
        key, several = found
        candidates = {
            proposal_path(document.sha256): document
            for document in documents
            if (several or document.key == key) and pull_request.created_at >= began(document)
        }
        if not candidates:
            return []
        try:
            there = self._repository.existing(list(candidates), pull_request.git_reference)
        except Exception as error:
            if status_of(error) != _NOT_FOUND:
                raise
            # Its branch was deleted, so that the title alone tells.
            return [] if several else list(candidates.values())
        return [document for path, document in candidates.items() if path in there]

    def _whereabouts(
        self, pull_request: Any, documents: Sequence[Document]
    ) -> dict[str, Whereabouts]:
        page = self._repository.pull_request_page(pull_request.num)
        if pull_request.status in OPEN:
            return {document.sha256: Whereabouts(PROPOSED, page) for document in documents}
        details = self._repository.discussion(pull_request.num)
        return {one.sha256: ended(details, one, page) for one in documents}


def _opened(found: dict[str, Whereabouts]) -> dict[str, Whereabouts]:
    return {sha256: place for sha256, place in found.items() if place.status == PROPOSED}


def ended(details: Any, document: Sought, page: str) -> Whereabouts:
    """Return how a pull request ended, with what was said of this document."""
    if details.status == "merged":
        return Whereabouts(ACCEPTED, page, "it was merged")
    closers = [event.author for event in details.events if event.type == "status-change"][-1:]
    if closers == [details.author]:
        return Whereabouts(REFUSED, page, "its author closed it, and can open it again")
    comments = [event for event in details.events if event.type == "comment"][1:]  # no description
    said = [comment.content for comment in comments if comment.author in closers]
    verdict, *findings = said_of(document, said[-1] if said else "it was closed without a word")
    accepted = "refused" not in verdict and any(word in verdict for word in _ACCEPTED_WORDS)
    return Whereabouts(ACCEPTED if accepted else REFUSED, page, " ".join([verdict, *findings]))


def said_of(document: Sought, text: str) -> list[str]:
    """Return an intake's verdict on one document and its findings, or anybody's first line."""
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        if f"(sha256 {document.sha256})" in line:
            findings = takewhile(lambda line: "(sha256 " not in line, lines[number + 1 :])
            return [line.rpartition("): ")[2], *findings]
    return lines[:1] or [""]
