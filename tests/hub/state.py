"""The test Hub behind its HTTP: who is there, what it stores, what was asked of it."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.hub.accounts import Accounts, User
from tests.hub.discussions import Discussion
from tests.hub.faults import Faults
from tests.hub.objects import SYMLINK, Blob, Commit, Pointer
from tests.hub.pull_requests import PullRequest, look_at, readable
from tests.hub.repositories import GITATTRIBUTES, Repository


@dataclass(frozen=True)
class Request:
    """A request that came in.

    Attributes:
        path: raw, without the query: revisions are quoted in it (`refs%2Fpr%2F1`).
        query: raw, without the question mark.
        status: of the answer; None if there was none.
        user: whose token came along, None if none or a bad one did.
        fault: what went wrong with it, None if nothing did.
    """

    method: str
    path: str
    query: str
    status: int | None
    user: str | None
    fault: str | None


@dataclass
class Hub:
    """What a test sees of the running server; see `tests.hub.server` for how to use it.

    Attributes:
        page_size: entries on one page of a listing; 50 at most of an expanded tree, of commits and
            of discussions.
        lock: held while a request takes effect, and by every method here.
    """

    endpoint: str = ""
    page_size: int = 1000
    log: list[Request] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    accounts: Accounts = field(default_factory=Accounts)
    repositories: dict[str, Repository] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_user(
        self,
        name: str,
        token: str,
        role: str = "write",
        permissions: Iterable[str] = (),
        organizations: Iterable[str] = (),
    ) -> User:
        """Add a user with a token of `role` read, write or fine-grained.

        A fine-grained token may do what `permissions` says: `discussion.write`, `repo.write`. A
        member of an organization owns its repositories.
        """
        with self.lock:
            return self.accounts.add(name, token, role, permissions, organizations)

    def add_dataset(
        self, name: str, owner: str | None = None, *, private: bool = False
    ) -> Repository:
        """Add a dataset whose `main` has a README.md and .gitattributes (parquet is large).

        `owner` is the user or organization that may write it; by default the name's first half.
        """
        files = {"README.md": f"# {name}\n".encode(), ".gitattributes": GITATTRIBUTES}
        with self.lock:
            self.repositories[name] = Repository(
                name, owner or name.split("/")[0], private=private, files=files
            )
        return self.repositories[name]

    def files(self, repository: str, revision: str = "main") -> dict[str, bytes]:
        """Return the files at a revision by path: a large file's content, a link's target."""
        with self.lock:
            store = self.repositories[repository]
            files = store.resolve(revision).tree.files()
            return {path: readable(store, blob) for path, blob in files.items()}

    def head(self, repository: str, revision: str = "main") -> str:
        """Return the commit a revision names, as 40 hexadecimal digits."""
        with self.lock:
            return self.repositories[repository].resolve(revision).oid

    def pull_requests(self, repository: str, status: str | None = None) -> list[PullRequest]:
        """Return the pull requests by number, those of `status` draft, open, closed or merged."""
        with self.lock:
            store = self.repositories[repository]
            chosen = [found for found in store.discussions.values() if _is(found, status)]
            return [look_at(store, discussion) for discussion in chosen]

    def push(
        self,
        repository: str,
        ref: str,
        files: Mapping[str, bytes] | None = None,
        *,
        author: str | None = None,
        large: Mapping[str, bytes] | None = None,
        symlinks: Mapping[str, str] | None = None,
        deletes: Iterable[str] = (),
        message: str = "push",
    ) -> Commit:
        """Commit on a ref as `git push` would, with none of the checks of the HTTP interface.

        Args:
            repository: name of the dataset.
            ref: a branch or `refs/pr/<num>` that exists.
            files: written as they are; `tests.hub.objects.Pointer(sha256, size).text()` is a
                pointer to a large file that may not exist.
            author: by default the owner.
            large: files stored by Git LFS, a pointer in their place.
            symlinks: path -> target.
            deletes: paths of files or folders.
            message: the commit's title.

        Returns:
            the commit.

        Raises:
            HubError: the ref or a path to delete is not there.
        """
        with self.lock:
            store = self.repositories[repository]
            name = store.require_ref(ref)
            head = store.refs[name]
            changes: dict[str, Blob | None] = {
                path: Blob(text) for path, text in (files or {}).items()
            }
            changes |= {
                path: _store_large(store, content) for path, content in (large or {}).items()
            }
            changes |= {path: Blob(to.encode(), SYMLINK) for path, to in (symlinks or {}).items()}
            changes |= {path: None for path in deletes if store.entry(head, path)}
            return store.commit(name, head.tree.changed(changes), author or store.owner, message)


def _is(discussion: Discussion, status: str | None) -> bool:
    return discussion.base is not None and status in (None, discussion.status)


def _store_large(store: Repository, content: bytes) -> Blob:
    pointer = Pointer.of(content)
    store.large[pointer.sha256] = content
    return Blob(pointer.text())
