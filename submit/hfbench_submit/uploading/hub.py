"""A dataset on the Hub: what an upload asks of it, through huggingface_hub."""

import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

from hfbench_schema import timestamps, tree
from hfbench_submit.errors import SubmitError
from hfbench_submit.examples.libraries import library
from hfbench_submit.hub_access import (
    NO_ADDRESS,
    host_of,
    hub_endpoint,
    is_switched_on,
    is_web_address,
    within,
)
from hfbench_submit.uploading.destinations import HubDataset
from hfbench_submit.uploading.documents import Document
from hfbench_submit.uploading.failures import (
    Failure,
    HubRefusalError,
    NotNowError,
    understand,
)
from hfbench_submit.uploading.outbox import ACCEPTED, PROPOSED, REFUSED

HOW_TO_INSTALL: Final = "the Hub needs one more package: pip install 'hfbench[hub]'"
PROBE_S: Final = 5.0
"""The Hub is taken for unreachable if it says nothing for so many seconds."""
_KIND: Final = "dataset"
_PATHS_AT_ONCE: Final = 500
_CLOCK_TOLERANCE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Whereabouts:
    """Where a store has a document: `proposed`, `accepted` or `refused`; at which address."""

    status: str
    address: str
    note: str | None = None


class Sought(Protocol):
    """What a store is asked for: a document, or what is left to know it by.

    Attributes:
        sha256: of the document.
        since: a moment before which the store cannot have had it.
    """

    @property
    def sha256(self) -> str: ...  # noqa: D102  the class says it
    @property
    def since(self) -> datetime: ...  # noqa: D102


def hub_library() -> Any:
    """Import huggingface_hub, and keep it quiet: what it would report, hfbench reports.

    Raises:
        HubRefusalError: it is not installed.
    """
    try:
        hub = library("huggingface_hub")
        library("huggingface_hub.utils.logging").set_verbosity_error()
    except SubmitError as error:
        raise HubRefusalError(Failure(HOW_TO_INSTALL)) from error
    return hub


class HubRepository:
    """One dataset, asked as the user whose token huggingface_hub finds.

    Methods raise whatever huggingface_hub does: `failures.understand` judges it.

    Raises:
        NotNowError: HF_HUB_OFFLINE is set.
        HubRefusalError: huggingface_hub is not installed, or HF_ENDPOINT is no address.
    """

    def __init__(self, dataset: HubDataset) -> None:
        self.dataset = dataset
        self._hub = hub_library()
        if is_switched_on("HF_HUB_OFFLINE"):
            raise NotNowError(Failure("HF_HUB_OFFLINE is set"))
        self.endpoint = hub_endpoint()
        if not is_web_address(self.endpoint):
            raise HubRefusalError(Failure(NO_ADDRESS))
        self.token: str | None = self._hub.get_token()
        self._api = self._hub.HfApi(endpoint=self.endpoint, token=self.token or False)
        self._place = {"repo_id": dataset.repository, "repo_type": _KIND}

    def probe(self) -> None:
        """Ask once whether the dataset is there.

        Raises:
            NotNowError: nobody answers.
        """
        try:
            within(2 * PROBE_S, self.head)  # the client's own limit leaves name resolution out
        except Exception as error:
            failure = understand(error)
            if failure.status is None:
                host = host_of(self.endpoint)
                words = f"{host} cannot be reached: {failure.words}"
                raise NotNowError(replace(failure, words=words)) from error
            raise

    def head(self) -> str:
        """Return the newest commit of main."""
        info = self._api.dataset_info(self.dataset.repository, timeout=PROBE_S, expand=["sha"])
        return str(info.sha)

    def existing(self, paths: Sequence[PurePosixPath], revision: str) -> set[PurePosixPath]:
        """Return those of the paths that are there at a revision."""
        found: set[PurePosixPath] = set()
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            names = [str(path) for path in paths[start : start + _PATHS_AT_ONCE]]
            there = self._api.get_paths_info(paths=names, revision=revision, **self._place)
            found |= {PurePosixPath(entry.path) for entry in there}
        return found

    def filed(self, documents: Sequence[Sought], revision: str) -> dict[str, Whereabouts]:
        """Return where documents lie at a revision of main, by hash."""
        places = {p: (d, status) for d in documents for p, status in _places(d).items()}
        there = self.existing(list(places), revision)
        return {
            document.sha256: Whereabouts(status, self._page(f"blob/main/{path}"))
            for path, (document, status) in places.items()
            if path in there
        }

    def pull_requests(self, author: str) -> Iterator[Any]:
        """Yield the pull requests of a user, open and closed."""
        asked = {"author": author, "discussion_type": "pull_request"}
        for found in self._api.get_repo_discussions(**self._place, **asked):
            if found.is_pull_request and found.author == author:
                yield found

    def open_pull_requests(self) -> Iterator[int]:
        """Yield the numbers of everybody's open pull requests, the newest first."""
        asked = {"discussion_type": "pull_request", "discussion_status": "open"}
        for found in self._api.get_repo_discussions(**self._place, **asked):
            yield found.num

    def text(self, path: PurePosixPath, revision: str) -> str:
        """Return a file of text at a revision."""
        with tempfile.TemporaryDirectory() as scratch:
            got = self._api.hf_hub_download(
                filename=str(path), revision=revision, local_dir=scratch, **self._place
            )
            return Path(got).read_text(encoding="utf-8", errors="replace")

    def discussion(self, number: int) -> Any:
        """Return a pull request with all that was said about it."""
        return self._api.get_discussion_details(discussion_num=number, **self._place)

    def pull_request_page(self, number: int) -> str:
        """Return where people see a pull request."""
        return self._page(f"discussions/{number}")

    def commit(self, documents: Sequence[Document], summary: str, **options: Any) -> Any:
        """Commit documents as proposals, all or none; return what the Hub says of the commit."""
        files = {str(tree.proposal_path(one.sha256)): one.data for one in documents}
        adds = [self._hub.CommitOperationAdd(path, data) for path, data in files.items()]
        return self._api.create_commit(
            operations=adds, commit_message=summary, **self._place, **options
        )

    def _page(self, path: str) -> str:
        """Return an address for people, without the password that the endpoint may hold."""
        scheme = urllib.parse.urlsplit(self.endpoint).scheme
        return f"{scheme}://{host_of(self.endpoint)}/datasets/{self.dataset.repository}/{path}"


def _places(document: Sought) -> Mapping[PurePosixPath, str]:
    """Return where a document could lie on main, and what that says; the last one counts."""
    places = {
        tree.REFUSED / f"{document.sha256}.txt": REFUSED,
        tree.proposal_path(document.sha256): PROPOSED,
    }
    for moment in _months(began(document), timestamps.now() + _CLOCK_TOLERANCE):
        places[tree.submission_path(moment, document.sha256)] = ACCEPTED
    return places


def began(document: Sought) -> datetime:
    """Return the moment before which no store can have had a document, clocks being wrong."""
    return document.since - _CLOCK_TOLERANCE


def _months(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield a moment of each month."""
    moment = first.replace(day=1)
    while moment <= last:
        yield moment
        moment = (moment + timedelta(days=31)).replace(day=1)
