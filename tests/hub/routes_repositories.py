"""Who the token is, and repositories as such: create one, describe it, its refs and its history."""

from typing import Any, Final

from tests.hub.accounts import require_owner, require_user
from tests.hub.answers import Answer, HubError, json_answer, missing_revision
from tests.hub.objects import Blob, Commit
from tests.hub.repositories import GITATTRIBUTES, MAIN, Repository
from tests.hub.routing import REPOSITORY, Call, Route, moment, paged

_COMMITS_A_PAGE: Final = 50


def whoami(call: Call) -> Answer:
    """Answer whose token it is, and what it may do."""
    return json_answer(require_user(call.user).whoami())


def validate_yaml(_: Call) -> Answer:
    """Answer that a README's front matter is fine: the client asks before it commits one."""
    return json_answer({"errors": [], "warnings": []})


def create(call: Call) -> Answer:
    """Create a dataset or a static Space with .gitattributes; 409 if it is there."""
    asked = call.json()
    kind = {"dataset": "datasets", "space": "spaces"}.get(asked.get("type", "model"))
    if kind is None or (kind == "spaces" and asked.get("sdk") != "static"):
        raise HubError(400, "The test Hub has datasets and static Spaces only")
    owner = asked.get("organization") or require_user(call.user).name
    require_owner(call.user, owner)
    name = f"{owner}/{asked['name']}"
    known = {"name": name, "url": f"{call.hub.endpoint}/{kind}/{name}"}
    if name in call.hub.repositories:
        return json_answer(known | {"error": "You already created this repo"}, 409)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    files = {".gitattributes": GITATTRIBUTES}
    call.hub.repositories[name] = Repository(name, owner, private=private, files=files, kind=kind)
    return json_answer(known)


def describe(call: Call) -> Answer:
    """Answer what is known of a dataset at a revision, or only what `expand` asks for."""
    repository, commit = call.repository, call.commit
    known: dict[str, Any] = {
        "author": repository.owner,
        "sha": commit.oid,
        "lastModified": moment(commit.date),
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "tags": [],
    }
    wanted = call.query.get("expand", [*known, "siblings"])
    if "siblings" in wanted:
        files, sized = commit.tree.files(), call.flag("blobs")
        known["siblings"] = [_sibling(path, blob, sized=sized) for path, blob in files.items()]
    chosen = {name: value for name, value in known.items() if name in wanted}
    return json_answer({"id": repository.name} | chosen)


def _sibling(path: str, blob: Blob, *, sized: bool) -> dict[str, Any]:
    known: dict[str, Any] = {"rfilename": path}
    if sized:
        known |= {"size": blob.size, "blobId": blob.oid}
    if sized and (pointer := blob.pointer):
        known["lfs"] = {
            "sha256": pointer.sha256,
            "size": pointer.size,
            "pointerSize": len(blob.content),
        }
    return known


def refs(call: Call) -> Answer:
    """Answer branches and tags, and pull requests if asked."""
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/"}
    if call.flag("include_prs"):
        kinds["pullRequests"] = "refs/pr/"
    listed = {
        kind: [
            {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": commit.oid}
            for ref, commit in call.repository.refs.items()
            if ref.startswith(prefix)
        ]
        for kind, prefix in kinds.items()
    }
    return json_answer(listed | {"converts": []})


def commits(call: Call) -> Answer:
    """Answer a revision's history, newest first."""
    history = list(call.commit.history())
    return paged(call, history, min(call.hub.page_size, _COMMITS_A_PAGE), _facts)


def _facts(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.description,
        "authors": [{"user": commit.author}],
        "date": moment(commit.date),
    }


def create_tag(call: Call) -> Answer:
    """Tag a revision; 409 if the tag is there."""
    return _create(call, f"refs/tags/{call.json()['tag']}", call.revision)


def create_branch(call: Call) -> Answer:
    """Start a branch; 409 if it is there."""
    start = call.json().get("startingPoint", "main")
    return _create(call, f"refs/heads/{call.parameters['name']}", start)


def _create(call: Call, ref: str, revision: str) -> Answer:
    repository = call.repository
    require_owner(call.user, repository.owner)
    if ref in repository.refs:
        raise HubError(409, f"Reference {ref} already exists")
    repository.move(ref, repository.resolve(revision))
    return json_answer({})


def delete_tag(call: Call) -> Answer:
    """Delete a tag."""
    return _delete(call, f"refs/tags/{call.parameters['name']}")


def delete_branch(call: Call) -> Answer:
    """Delete a branch, but not `main`."""
    return _delete(call, f"refs/heads/{call.parameters['name']}")


def _delete(call: Call, ref: str) -> Answer:
    require_owner(call.user, call.repository.owner)
    if ref == MAIN:
        raise HubError(403, "main cannot be deleted")
    if ref not in call.repository.refs:
        raise missing_revision(call.parameters["name"])
    del call.repository.refs[ref]
    return json_answer({})


ROUTES: Final = (
    Route("GET", "/api/whoami-v2", whoami),
    Route("POST", "/api/validate-yaml", validate_yaml),
    Route("POST", "/api/repos/create", create),
    Route("GET", REPOSITORY + "(/revision/(?P<revision>[^/]+))?", describe),
    Route("GET", REPOSITORY + "/refs", refs),
    Route("GET", REPOSITORY + "/commits/(?P<revision>[^/]+)", commits),
    Route("POST", REPOSITORY + "/tag/(?P<revision>[^/]+)", create_tag),
    Route("DELETE", REPOSITORY + "/tag/(?P<name>[^/]+)", delete_tag),
    Route("POST", REPOSITORY + "/branch/(?P<name>[^/]+)", create_branch),
    Route("DELETE", REPOSITORY + "/branch/(?P<name>[^/]+)", delete_branch),
)
