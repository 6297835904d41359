"""Writing: ask how to send a file, send a large one, commit, or commit as a pull request."""

import base64
import hashlib
import json
from fnmatch import fnmatchcase
from typing import Any, Final

from tests.hub.accounts import User, require_owner, require_proposer
from tests.hub.answers import Answer, HubError, json_answer, missing_entry
from tests.hub.objects import Blob, Commit, Pointer, Tree
from tests.hub.pull_requests import open_pull_request
from tests.hub.repositories import Repository
from tests.hub.routing import KIND, REPOSITORY, Call, Route

LARGEST_REGULAR: Final = 10 * 2**20
"""Bytes; the Hub refuses a larger file in a commit."""
_FORBIDDEN: Final = {"", ".", "..", ".git"}
_GIT = f"/{KIND}/(?P<repository>[^/]+/[^/]+)"
_UPLOAD = "/uploads/(?P<repository>[^/]+/[^/]+)/(?P<sha256>[0-9a-f]{64})"


def preupload(call: Call) -> Answer:
    """Answer for each file whether it goes by Git LFS, and its name on the Hub if it is there."""
    _require_committer(call)
    tree = call.commit.tree
    patterns = _large_patterns(tree)
    answers = []
    for file in call.json()["files"]:
        known = tree.find(file["path"])
        large = file["size"] > LARGEST_REGULAR or _matches(file["path"], patterns)
        answers.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                "oid": _name(known) if isinstance(known, Blob) else None,
            }
        )
    return json_answer({"files": answers})


def _name(blob: Blob) -> str:
    return blob.pointer.sha256 if blob.pointer else blob.oid


def _large_patterns(tree: Tree) -> list[str]:
    """Return the patterns that .gitattributes sends to Git LFS."""
    attributes = tree.find(".gitattributes")
    lines = attributes.content.decode().splitlines() if isinstance(attributes, Blob) else []
    return [line.split()[0] for line in lines if "filter=lfs" in line.split()]


def _matches(path: str, patterns: list[str]) -> bool:
    name = path.rsplit("/", 1)[-1]
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


def _require_committer(call: Call) -> User:
    """Return the user if the token may commit on the revision, or propose to: 401 or 403."""
    repository = call.repository
    ref = repository.require_ref(call.revision)
    if call.flag("create_pr"):
        return require_proposer(call.user)
    if ref.startswith("refs/pr/"):
        user = require_proposer(call.user)
        if repository.discussion(int(ref.removeprefix("refs/pr/"))).author == user.name:
            return user
    if ref.startswith("refs/tags/"):
        raise HubError(400, "A tag cannot be committed on")
    return require_owner(call.user, repository.owner)


def commit(call: Call) -> Answer:
    """Commit on a branch or pull request; with `create_pr`, open a pull request with it."""
    user, repository = _require_committer(call), call.repository
    header, *operations = [json.loads(line) for line in call.body.split(b"\n") if line]
    about, target = header["value"], repository.require_ref(call.revision)
    title, description = about["summary"], about.get("description", "")
    ref, url = target, None
    base = _base(call, target, about.get("parentCommit"))
    tree = _applied(operations, repository, base.tree)
    if call.flag("create_pr"):
        opened = open_pull_request(
            repository, title, description, user.name, base=base, target=target, status="open"
        )
        ref, url = opened.ref, f"{call.url}/discussions/{opened.num}"
    made = repository.commit(ref, tree, user.name, title, description)
    address = f"{call.url}/commit/{made.oid}"
    return json_answer({"commitOid": made.oid, "commitUrl": address, "pullRequestUrl": url})


def _base(call: Call, target: str, parent: str | None) -> Commit:
    """Return what is committed on: the head, or where a pull request is to start.

    Raises:
        HubError: 412, the parent is not the head; 400, a pull request to what is no branch.
    """
    if not call.flag("create_pr"):
        call.repository.require_head(target, parent)
    elif not target.startswith("refs/heads/"):
        raise HubError(400, "A pull request can only be opened to a branch")
    elif parent:
        return call.repository.resolve(parent)
    return call.repository.refs[target]


def _applied(operations: list[dict[str, Any]], repository: Repository, tree: Tree) -> Tree:
    """Return the tree with a commit's operations applied."""
    changes: dict[str, Blob | None] = {}
    for operation in operations:
        kind, value = operation["key"], operation["value"]
        path = _checked(value["path"])
        if kind == "file":
            changes[path] = _regular(path, value)
        elif kind == "lfsFile":
            changes[path] = _large(path, value, repository)
        else:
            _require(tree, path, "folder" if kind == "deletedFolder" else "file")
            changes[path] = None
    return tree.changed(changes)


def _checked(path: str) -> str:
    cleaned = path.removesuffix("/")
    if _FORBIDDEN & set(cleaned.split("/")):
        raise HubError(400, f"Invalid path: {path}")
    return cleaned


def _regular(path: str, value: dict[str, Any]) -> Blob:
    content = base64.b64decode(value["content"])
    if len(content) > LARGEST_REGULAR:
        raise HubError(400, f"{path} is larger than 10 MiB: send it by Git LFS")
    return Blob(content)


def _large(path: str, value: dict[str, Any], repository: Repository) -> Blob:
    if value["oid"] not in repository.large:
        raise HubError(400, f"{path} points to a large file that was not sent")
    return Blob(Pointer(value["oid"], len(repository.large[value["oid"]])).text())


def _require(tree: Tree, path: str, kind: str) -> None:
    if not isinstance(tree.find(path), Tree if kind == "folder" else Blob):
        raise missing_entry(f"A {kind} with this name doesn't exist")


def batch(call: Call) -> Answer:
    """Answer where to send large files; one that is here needs no action."""
    require_proposer(call.user)
    repository = call.repository
    objects = []
    for file in call.json()["objects"]:
        known: dict[str, Any] = {"oid": file["oid"], "size": file["size"]}
        if file["oid"] not in repository.large:
            url = f"{call.hub.endpoint}/uploads/{repository.name}/{file['oid']}"
            known["actions"] = {"upload": {"href": url}, "verify": {"href": f"{url}/verify"}}
        objects.append(known)
    return json_answer({"transfer": "basic", "objects": objects})


def upload(call: Call) -> Answer:
    """Take a large file; its address is the permission, as with a signed one."""
    if hashlib.sha256(call.body).hexdigest() != call.parameters["sha256"]:
        raise HubError(400, "The content does not have the SHA-256 that was announced")
    call.hub.repositories[call.parameters["repository"]].large[call.parameters["sha256"]] = (
        call.body
    )
    return json_answer({})


def verify(call: Call) -> Answer:
    """Answer whether a large file arrived."""
    asked = call.json()
    content = call.repository.large.get(asked["oid"])
    if content is None or len(content) != asked["size"]:
        raise HubError(404, "The large file did not arrive")
    return json_answer({})


ROUTES: Final = (
    Route("POST", REPOSITORY + "/preupload/(?P<revision>[^/]+)", preupload),
    Route("POST", REPOSITORY + "/commit/(?P<revision>[^/]+)", commit),
    Route("POST", _GIT + r"\.git/info/lfs/objects/batch", batch),
    Route("PUT", _UPLOAD, upload),
    Route("POST", _UPLOAD + "/verify", verify),
)
