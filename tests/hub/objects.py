"""Files, folders and commits as git has them: immutable, named by the SHA-1 of their content.

The names are git's own, so a folder's name changes when and only when something below it changes.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

FILE: Final = "100644"
SYMLINK: Final = "120000"
FOLDER: Final = "40000"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)


def git_id(kind: str, content: bytes) -> str:
    """Return the name git gives an object of `kind` (blob, tree or commit)."""
    header = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Pointer:
    """What a Git LFS pointer file tells of the large file in its place; `size` in bytes."""

    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> "Pointer":
        """Return the pointer to a large file."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))

    def text(self) -> bytes:
        """Return the pointer file."""
        first = "version https://git-lfs.github.com/spec/v1"
        return f"{first}\noid sha256:{self.sha256}\nsize {self.size}\n".encode()


@dataclass(frozen=True)
class Blob:
    """A file, or, with the mode SYMLINK, a link whose target is its content."""

    content: bytes
    mode: str = FILE

    @cached_property
    def oid(self) -> str:
        """The blob's name in git."""
        return git_id("blob", self.content)

    @cached_property
    def pointer(self) -> Pointer | None:
        """What the file says if it is a Git LFS pointer: the Hub tells them by their content."""
        found = _POINTER.fullmatch(self.content) if len(self.content) < 200 else None
        return Pointer(found[1].decode(), int(found[2])) if found else None

    @property
    def size(self) -> int:
        """Bytes, of the large file where this is a pointer."""
        return self.pointer.size if self.pointer else len(self.content)


@dataclass(frozen=True)
class Tree:
    """A folder."""

    entries: Mapping[str, "Blob | Tree"] = field(default_factory=dict)
    mode: str = field(default=FOLDER, init=False)

    @cached_property
    def oid(self) -> str:
        """The tree's name in git, which sorts a folder as if its name ended with a slash."""
        nodes = sorted(
            self.entries.items(), key=lambda entry: entry[0] + "/" * isinstance(entry[1], Tree)
        )
        lines = (f"{node.mode} {name}\0".encode() + bytes.fromhex(node.oid) for name, node in nodes)
        return git_id("tree", b"".join(lines))

    def find(self, path: str) -> "Blob | Tree | None":
        """Return what is at `path`; the empty path is the folder itself."""
        node: Blob | Tree | None = self
        for name in path.split("/") if path else ():
            node = node.entries.get(name) if isinstance(node, Tree) else None
        return node

    def walk(self, prefix: str = "", *, deep: bool = True) -> "Iterator[tuple[str, Blob | Tree]]":
        """Yield paths and what is there, a folder before its content, folders before files."""
        ordered = sorted(
            self.entries.items(), key=lambda entry: (isinstance(entry[1], Blob), entry[0])
        )
        for name, node in ordered:
            yield prefix + name, node
            if deep and isinstance(node, Tree):
                yield from node.walk(f"{prefix}{name}/")

    def files(self) -> dict[str, Blob]:
        """Return every file below by its path."""
        return {path: node for path, node in self.walk() if isinstance(node, Blob)}

    def changed(self, changes: Mapping[str, Blob | None]) -> "Tree":
        """Return the folder with files added, replaced or, where None, deleted.

        Deletions of a folder come before what is added below it.
        """
        entries = dict(self.entries)
        below: dict[str, dict[str, Blob | None]] = defaultdict(dict)
        for path, blob in changes.items():
            name, _, rest = path.partition("/")
            if rest:
                below[name][rest] = blob
            elif blob is None:
                entries.pop(name, None)
            else:
                entries[name] = blob
        for name, inner in below.items():
            child = entries.pop(name, None)
            tree = (child if isinstance(child, Tree) else Tree()).changed(inner)
            if tree.entries:
                entries[name] = tree
        return Tree(entries)


@dataclass(frozen=True, eq=False)
class Commit:
    """A commit with at most one parent, as the Hub's own commits and squash merges have."""

    tree: Tree
    parent: "Commit | None" = field(repr=False)
    author: str
    title: str
    description: str = ""
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def oid(self) -> str:
        """The commit's name in git."""
        parent = f"parent {self.parent.oid}\n" if self.parent else ""
        who = f"{self.author} <{self.author}@example.org> {int(self.date.timestamp())} +0000"
        text = f"tree {self.tree.oid}\n{parent}author {who}\ncommitter {who}\n\n{self.message}\n"
        return git_id("commit", text.encode())

    @property
    def message(self) -> str:
        """Title and description as one text."""
        return f"{self.title}\n\n{self.description}".strip()

    def history(self) -> "Iterator[Commit]":
        """Yield this commit and all before it, newest first."""
        commit: Commit | None = self
        while commit:
            yield commit
            commit = commit.parent

    def last_change(self, path: str) -> "Commit":
        """Return the last commit that changed what is at `path`."""
        here, commit = self.tree.find(path), self
        while commit.parent and _same(commit.parent.tree.find(path), here):
            commit = commit.parent
        return commit


def _same(one: Blob | Tree | None, other: Blob | Tree | None) -> bool:
    return (one and (one.mode, one.oid)) == (other and (other.mode, other.oid))


def differences(old: Tree, new: Tree) -> dict[str, tuple[Blob | None, Blob | None]]:
    """Return what differs: path -> the file in `old` and in `new`."""
    before, after = old.files(), new.files()
    pairs = {path: (before.get(path), after.get(path)) for path in {**before, **after}}
    return {path: pair for path, pair in sorted(pairs.items()) if not _same(*pair)}
