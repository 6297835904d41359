"""What a revision holds: folders, facts about paths, and the files themselves."""

import re
from typing import Any, Final
from urllib.parse import parse_qs

from tests.hub.answers import Answer, HubError, json_answer, missing_entry
from tests.hub.objects import Blob, Commit, Tree
from tests.hub.routing import KIND, REPOSITORY, Call, Route, moment, paged

_EXPANDED_A_PAGE: Final = 50
_PATHS_A_CALL: Final = 1000


def tree(call: Call) -> Answer:
    """Answer a folder's content, with all below it if `recursive`, page by page."""
    commit, folder = call.commit, call.parameters["path"]
    node = call.repository.entry(commit, folder)
    if not isinstance(node, Tree):
        raise missing_entry(f"{folder} is not a folder", commit.oid)
    expand = commit if call.flag("expand") else None
    found = node.walk(f"{folder}/" if folder else "", deep=call.flag("recursive"))
    size = min(call.hub.page_size, _EXPANDED_A_PAGE) if expand else call.hub.page_size
    return paged(call, list(found), size, lambda entry: _facts(*entry, expand))


def paths_info(call: Call) -> Answer:
    """Answer facts about the paths in the form; a path that is not there is left out."""
    form = parse_qs(call.body.decode())
    paths, commit = form.get("paths", []), call.commit
    if len(paths) > _PATHS_A_CALL:
        raise HubError(413, "too many parameters")
    expand = commit if form.get("expand", [""])[0].lower() == "true" else None
    found = ((path, commit.tree.find(path)) for path in paths)
    return json_answer([_facts(path, node, expand) for path, node in found if node])


def _facts(path: str, node: Blob | Tree, commit: Commit | None) -> dict[str, Any]:
    """Return what a listing tells of a path; with its last change if `commit` is given."""
    facts: dict[str, Any] = {"type": "directory", "oid": node.oid, "size": 0, "path": path}
    if isinstance(node, Blob):
        facts |= {"type": "file", "size": node.size}
    if isinstance(node, Blob) and (pointer := node.pointer):
        pointed = {"oid": pointer.sha256, "size": pointer.size, "pointerSize": len(node.content)}
        facts["lfs"] = pointed
    if commit:
        last = commit.last_change(path)
        facts["lastCommit"] = {"id": last.oid, "title": last.title, "date": moment(last.date)}
    return facts


def resolve(call: Call) -> Answer:
    """Answer a file, or the part of it that `Range` asks for."""
    commit, path = call.commit, call.parameters["path"]
    blob = call.repository.entry(commit, path)
    content = call.repository.content(blob) if isinstance(blob, Blob) else None
    if not isinstance(blob, Blob) or content is None:
        raise missing_entry(f"{path} is not a file whose content is here", commit.oid)
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "X-Repo-Commit": commit.oid,
        "ETag": f'"{blob.oid}"',
    }
    if pointer := blob.pointer:
        headers |= {"X-Linked-Etag": f'"{pointer.sha256}"', "X-Linked-Size": str(pointer.size)}
    return _part(content, headers, call.headers.get("range"))


def _part(content: bytes, headers: dict[str, str], asked: str | None) -> Answer:
    """Return the bytes a `Range` header asks for, all without one."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if found is None:
        return Answer(200, content, headers)
    size = len(content)
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise HubError(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return Answer(
        206, content[start:end], headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
    )


ROUTES: Final = (
    Route("GET", REPOSITORY + "/tree/(?P<revision>[^/]+)(/(?P<path>.+))?", tree),
    Route("POST", REPOSITORY + "/paths-info/(?P<revision>[^/]+)", paths_info),
    Route(
        "GET",
        f"/{KIND}/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        resolve,
    ),
)
