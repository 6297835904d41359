"""Files of the Hub at a pinned revision: from its cache if they are there, else downloaded."""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from hfbench_submit.examples.libraries import library
from hfbench_submit.hub_access import (
    NO_ADDRESS,
    host_of,
    hub_endpoint,
    is_switched_on,
    is_web_address,
    within,
)

_ANSWER_S: Final = 10.0
"""The Hub must say something within so many seconds, name resolution included."""
_LISTING_S: Final = 60.0
"""And what a repository holds within these."""
_OFFLINE: Final = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


class HubError(Exception):
    """The Hub does not give what was asked for; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """Files of one repository.

    Attributes:
        repository: its name on the Hub.
        kind: `model` or `dataset`.
        revision: the commit.
        folder: where in the repository, empty for its top.
        patterns: globs of the files in that folder.
        complete: tells whether a copy of that folder has all that is needed.
    """

    repository: str
    kind: str
    revision: str
    folder: str
    patterns: tuple[str, ...]
    complete: Callable[[Path], bool]

    @property
    def paths(self) -> list[str]:
        """Globs of the files in the repository."""
        return [f"{self.folder}/{pattern}" if self.folder else pattern for pattern in self.patterns]


class Hub:
    """The Hub, asked no more once it did not answer."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take who is told of downloads."""
        self._say = say
        self._silence: str | None = None

    def fetch(self, wanted: Wanted) -> Path:
        """Return the folder of a repository's files, from the Hub's cache if it has all of them.

        Raises:
            HubError: it has not, and they cannot be downloaded.
        """
        folder = _cached(wanted)
        if folder is None:
            self._require_answer()
            self._say(f"downloading {', '.join(wanted.paths)} of {wanted.repository}")
            folder = _downloaded(wanted)
        return folder

    def _require_answer(self) -> None:
        if self._silence is None:
            self._silence = _why_silent()
        if self._silence:
            raise HubError(self._silence)


def _cached(wanted: Wanted) -> Path | None:
    hub = library("huggingface_hub")
    try:
        snapshot = hub.snapshot_download(
            wanted.repository,
            repo_type=wanted.kind,
            revision=wanted.revision,
            allow_patterns=wanted.paths,
            local_files_only=True,
        )
    except hub.errors.LocalEntryNotFoundError:
        return None
    folder = Path(snapshot, wanted.folder)
    return folder if wanted.complete(folder) else None


def _downloaded(wanted: Wanted) -> Path:
    """Download one file after the other, in this thread: an interrupt ends it at once."""
    hub = library("huggingface_hub")
    place = {"repo_type": wanted.kind, "revision": wanted.revision}
    try:
        names = within(_LISTING_S, lambda: hub.HfApi().list_repo_files(wanted.repository, **place))
        for name in names:
            if any(fnmatchcase(name, pattern) for pattern in wanted.paths):
                hub.hf_hub_download(wanted.repository, name, etag_timeout=_ANSWER_S, **place)
    except Exception as error:  # of three HTTP libraries, by the version of huggingface_hub
        raise HubError(_words(error)) from error
    if (folder := _cached(wanted)) is None:
        raise HubError(f"it has not all of {', '.join(wanted.paths)} at {wanted.revision}")
    return folder


def _why_silent() -> str:
    """Return why the Hub cannot be asked; nothing if it answers, whatever it says."""
    if named := [name for name in _OFFLINE if is_switched_on(name)]:
        return f"{named[0]} is set"
    endpoint = hub_endpoint()
    if not is_web_address(endpoint):
        return NO_ADDRESS
    try:
        within(_ANSWER_S, lambda: _ask(endpoint))
    except Exception as error:
        return f"{host_of(endpoint)} cannot be reached: {_words(error)}"
    return ""


def _ask(endpoint: str) -> None:
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S):  # noqa: S310
            return
    except urllib.error.HTTPError as error:  # an answer all the same
        error.close()


def _words(error: BaseException) -> str:
    """Return the first line of what went wrong in the first place; the system's own if it did."""
    reason: Any = getattr(error, "reason", None) or error
    if isinstance(reason, BaseException):
        reason = first_cause(reason)
    return getattr(reason, "strerror", None) or str(reason).partition("\n")[0] or repr(reason)


def first_cause(error: BaseException) -> BaseException:
    """Return what went wrong in the first place."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error
