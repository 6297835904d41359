"""A repository in memory: refs over immutable commits, large files, discussions."""

import re
from collections.abc import Mapping
from typing import Final

from tests.hub.answers import HubError, missing_entry, missing_revision
from tests.hub.discussions import Discussion
from tests.hub.objects import Blob, Commit, Tree

MAIN: Final = "refs/heads/main"
GITATTRIBUTES: Final = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
_STALE: Final = "A commit has happened since. Please refresh and try again."


class Repository:
    """One dataset, or one Space.

    Attributes:
        kind: `datasets` or `spaces`, as in its address.
        owner: the user or organization that may write it.
        refs: commits by full name (`refs/heads/main`, `refs/tags/v1`, `refs/pr/3`).
        commits: every commit there ever was, by name; none is forgotten.
        large: content of Git LFS files by SHA-256.
        discussions: by number, pull requests among them.
    """

    def __init__(
        self,
        name: str,
        owner: str,
        *,
        private: bool = False,
        files: Mapping[str, bytes],
        kind: str = "datasets",
    ) -> None:
        self.name, self.owner, self.private, self.kind = name, owner, private, kind
        self.refs: dict[str, Commit] = {}
        self.commits: dict[str, Commit] = {}
        self.large: dict[str, bytes] = {}
        self.discussions: dict[int, Discussion] = {}
        tree = Tree().changed({path: Blob(content) for path, content in files.items()})
        self.move(MAIN, Commit(tree, None, owner, "initial commit"))

    def move(self, ref: str, commit: Commit) -> Commit:
        """Let `ref` name `commit`."""
        self.refs[ref] = self.commits[commit.oid] = commit
        return commit

    def ref(self, revision: str) -> str | None:
        """Return the full name of a branch, tag or pull request; None if `revision` is none."""
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        return next((name for name in names if name in self.refs), None)

    def require_ref(self, revision: str) -> str:
        """Return the full name of a branch, tag or pull request, or refuse with 404."""
        if (ref := self.ref(revision)) is None:
            raise missing_revision(revision)
        return ref

    def resolve(self, revision: str) -> Commit:
        """Return the commit of a ref, or of a name of at least 7 hexadecimal digits.

        Raises:
            HubError: 404 RevisionNotFound.
        """
        if ref := self.ref(revision):
            return self.refs[ref]
        if re.fullmatch("[0-9a-f]{7,40}", revision):
            found = [commit for oid, commit in self.commits.items() if oid.startswith(revision)]
            if len(found) == 1:
                return found[0]
        raise missing_revision(revision)

    def entry(self, commit: Commit, path: str) -> Blob | Tree:
        """Return what is at `path`.

        Raises:
            HubError: 404 EntryNotFound.
        """
        if (node := commit.tree.find(path)) is None:
            raise missing_entry(f"{path} does not exist on {commit.oid}", commit.oid)
        return node

    def content(self, blob: Blob) -> bytes | None:
        """Return a file's bytes, those of the large file for a pointer; None if it is lacking."""
        return self.large.get(blob.pointer.sha256) if blob.pointer else blob.content

    def require_head(self, ref: str, parent: str | None) -> None:
        """Refuse with 412 if `ref` has moved on from the commit `parent`."""
        if parent is not None and self.resolve(parent) is not self.refs[ref]:
            raise HubError(412, _STALE)

    def commit(
        self, ref: str, tree: Tree, author: str, title: str, description: str = ""
    ) -> Commit:
        """Commit `tree` on `ref`; also if nothing changed, as the Hub does."""
        commit = self.move(ref, Commit(tree, self.refs[ref], author, title, description))
        if ref.startswith("refs/pr/"):
            discussion = self.discussions[int(ref.removeprefix("refs/pr/"))]
            discussion.happened("commit", author, subject=title, oid=commit.oid)
        return commit

    def discussion(self, num: int) -> Discussion:
        """Return a discussion or pull request.

        Raises:
            HubError: 404.
        """
        if num not in self.discussions:
            raise HubError(404, f"Discussion {num} does not exist")
        return self.discussions[num]

    def open_discussion(self, title: str, description: str, author: str) -> Discussion:
        """Open a discussion under the next number."""
        discussion = Discussion(len(self.discussions) + 1, title, author)
        discussion.comment(author, description)
        self.discussions[discussion.num] = discussion
        return discussion
