"""Pull requests: open one, see what it changes, merge it."""

import difflib
from dataclasses import dataclass, field

from tests.hub.answers import HubError
from tests.hub.discussions import Discussion
from tests.hub.objects import Blob, Commit, differences
from tests.hub.repositories import Repository


@dataclass(frozen=True)
class PullRequest:
    """A pull request as it was when it was looked at.

    Attributes:
        status: draft, open, closed or merged.
        head: the commit `refs/pr/<num>` names, as a hexadecimal string.
        base: the commit it started from.
        files: content of the files it adds or changes, by path; a large file's own bytes.
        deleted: paths of the files it deletes.
        description: the first comment.
        comments: (author, text), without the description.
    """

    num: int
    title: str
    status: str
    author: str
    head: str
    base: str
    description: str
    files: dict[str, bytes] = field(repr=False)
    deleted: list[str]
    comments: list[tuple[str, str]]

    @property
    def ref(self) -> str:
        """Its git reference."""
        return f"refs/pr/{self.num}"


def look_at(repository: Repository, discussion: Discussion) -> PullRequest:
    """Return the pull request as it is now."""
    base, head = ends(repository, discussion)
    comments = [event for event in discussion.events if event.kind == "comment"]
    description, *said = ((event.author, event.data["text"]) for event in comments)
    changes = {path: new for path, (_, new) in differences(base.tree, head.tree).items()}
    return PullRequest(
        num=discussion.num,
        title=discussion.title,
        status=discussion.status,
        author=discussion.author,
        head=head.oid,
        base=base.oid,
        description=description[1],
        files={path: readable(repository, blob) for path, blob in changes.items() if blob},
        deleted=[path for path, blob in changes.items() if blob is None],
        comments=said,
    )


def readable(repository: Repository, blob: Blob) -> bytes:
    """Return a file's bytes; a pointer's own where the large file is lacking."""
    content = repository.content(blob)
    return blob.content if content is None else content


def ends(repository: Repository, discussion: Discussion) -> tuple[Commit, Commit]:
    """Return where a pull request started, and its head.

    Raises:
        HubError: 400, it is a discussion.
    """
    if discussion.base is None:
        raise HubError(400, f"Discussion {discussion.num} is not a pull request")
    return discussion.base, repository.refs[discussion.ref]


def open_pull_request(
    repository: Repository,
    title: str,
    description: str,
    author: str,
    *,
    base: Commit,
    target: str,
    status: str,
) -> Discussion:
    """Open a pull request that starts at `base` and wants to change the ref `target`."""
    discussion = repository.open_discussion(title, description, author)
    discussion.base, discussion.target, discussion.status = base, target, status
    repository.move(discussion.ref, base)
    return discussion


def conflicts(repository: Repository, discussion: Discussion) -> list[str]:
    """Return the paths that both the pull request and its target changed, differently."""
    base, head = ends(repository, discussion)
    there = _target(repository, discussion).tree
    theirs = differences(base.tree, there)
    ours = differences(base.tree, head.tree)
    return [path for path, pair in ours.items() if path in theirs and theirs[path] != pair]


def merge(repository: Repository, discussion: Discussion, by: str) -> Commit:
    """Squash a pull request into one commit on its target.

    Raises:
        HubError: 400 if it is not open (a draft is not), 409 if it conflicts.
    """
    base, head = ends(repository, discussion)
    if discussion.status != "open":
        raise HubError(400, f"This pull request is {discussion.status}, not open")
    if paths := conflicts(repository, discussion):
        raise HubError(409, f"Merge conflict: {', '.join(paths)}")
    changes = {path: new for path, (_, new) in differences(base.tree, head.tree).items()}
    tree = _target(repository, discussion).tree.changed(changes)
    title, trailer = (
        f"{discussion.title} (#{discussion.num})",
        f"Co-authored-by: {discussion.author}",
    )
    discussion.merge = repository.commit(str(discussion.target), tree, by, title, trailer)
    discussion.change_status(by, "merged")
    return discussion.merge


def _target(repository: Repository, discussion: Discussion) -> Commit:
    return repository.refs[str(discussion.target)]


def unified_diff(repository: Repository, discussion: Discussion) -> str:
    """Return what a pull request changes, as text."""
    base, head = ends(repository, discussion)
    parts = (_file_diff(path, *pair) for path, pair in differences(base.tree, head.tree).items())
    return "".join(parts)


def _file_diff(path: str, old: Blob | None, new: Blob | None) -> str:
    before, after = (
        (blob.content if blob else b"").decode(errors="replace").splitlines() for blob in (old, new)
    )
    names = (f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null")
    lines = difflib.unified_diff(before, after, *names, lineterm="")
    return "\n".join([f"diff --git a/{path} b/{path}", *lines, ""])
