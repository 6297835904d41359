"""Proposals on the Hub: pull requests, pinned to a commit, and what was pushed to `main` itself."""

from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import PurePosixPath
from typing import Final

from hfbench_aggregate.stores.hub_client import MAIN, OPEN, Difference, Entry, HubClient
from hfbench_aggregate.stores.hub_errors import HubError
from hfbench_aggregate.stores.store import Proposal, ProposedFile, Revision
from hfbench_schema.tree import PROPOSALS

MOST_CHANGES: Final = 1000
"""A pull request that changes more is looked at no further."""

_MOST_PAGES: Final = 20  # of history, 50 commits each
_ROOT: Final = PurePosixPath()


def newest_commit(hub: HubClient, num: int) -> Revision:
    """Return the newest commit of a pull request."""
    return Revision(hub.commit_of(f"refs/pr/{num}"))


def look_at(hub: HubClient, num: int) -> Proposal:
    """Pin a pull request to its newest commit, and tell what it changes.

    Raises:
        FileNotFoundError: it does not wait any more.
        HubError: the Hub does not show it.
    """
    try:
        details, head = hub.discussion(num), newest_commit(hub, num)
    except HubError as error:
        if error.status != 404:
            raise
        raise FileNotFoundError(f"{hub.name} has no pull request {num}") from error
    if details.status not in OPEN:
        raise FileNotFoundError(f"{hub.name}: pull request {num} is {details.status}")
    files, trespasses = _changes_of(hub, head)
    if details.target_branch not in (MAIN, f"refs/heads/{MAIN}"):
        trespasses.append(f"{details.target_branch}, a branch other than {MAIN}")
    return Proposal(str(num), details.title, details.author, head, tuple(files), tuple(trespasses))


def pushed(hub: HubClient) -> dict[PurePosixPath, Entry]:
    """Return what lies in `proposals/` on main: whoever may write there needs no pull request."""
    return {entry.path: entry for entry in hub.tree(PROPOSALS, hub.commit_of(MAIN))}


def look_at_pushed(hub: HubClient, path: PurePosixPath) -> Proposal:
    """Pin one entry of `proposals/` on main; its author is the owner of the dataset.

    Raises:
        FileNotFoundError: it does not wait any more.
    """
    head = Revision(hub.commit_of(MAIN))
    entry = next((one for one in hub.tree(PROPOSALS, head) if one.path == path), None)
    if entry is None:
        raise FileNotFoundError(f"{hub.name} has no {path}")
    return Proposal(str(path), path.name, hub.owner, head, (_proposed_file(entry),))


def _changes_of(hub: HubClient, head: str) -> tuple[list[ProposedFile], list[str]]:
    """Return the files that a pull request adds to `proposals/`, and all else that it changes."""
    if (base := _base(hub, head)) is None:
        return [], [f"its history: it begins at none of the newest commits of {MAIN}"]
    found = list(islice(_differences(hub, base, head), MOST_CHANGES + 1))
    if len(found) > MOST_CHANGES:
        return [], [f"more than {MOST_CHANGES} files"]
    files: list[ProposedFile] = []
    trespasses: list[str] = []
    for it in found:
        if it.now and not it.was and it.path.parent == PROPOSALS:
            files.append(_proposed_file(it.now))
        else:
            trespasses.append(str(it.path))
    return files, trespasses


def _base(hub: HubClient, head: str) -> str | None:
    """Return the newest commit of a pull request that is on main, None if none is found.

    Both histories are read side by side, so that an old main costs nothing.
    """
    theirs: list[str] = []
    ours: set[str] = set()
    pages = zip_longest(hub.history(head), hub.history(MAIN))
    for their_page, our_page in islice(pages, _MOST_PAGES):
        theirs += [commit for commit, _ in their_page or ()]
        ours |= {commit for commit, _ in our_page or ()}
        if found := next((commit for commit in theirs if commit in ours), None):
            return found
    return None


def _differences(hub: HubClient, base: str, head: str) -> Iterator[Difference]:
    """Yield what differs in the root and in `proposals/`; no other folder is looked into."""
    for it in hub.differences(_ROOT, base, head):
        is_new_folder = it.was is None and it.now is not None and it.now.is_folder
        if it.path == PROPOSALS and (it.is_below or is_new_folder):
            yield from hub.differences(PROPOSALS, base, head)
        else:
            yield it


def _proposed_file(entry: Entry) -> ProposedFile:
    obstacle = None
    if entry.is_folder:
        obstacle = "a folder"
    elif entry.kind != "file":
        obstacle = "neither a file nor a folder"
    elif entry.is_large:
        obstacle = "a pointer to a large file (Git LFS)"
    elif entry.path.suffix != ".json":
        obstacle = "a file whose name does not end in .json"
    return ProposedFile(entry.path, entry.size, obstacle)
