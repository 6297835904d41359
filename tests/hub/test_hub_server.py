"""The test Hub, asked by the real client: repositories, rights, commits, listings, refs."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationDelete, get_session
from huggingface_hub.errors import (
    EntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tests.hub.clients import client, outcome, send
from tests.hub.fixtures import RESULTS
from tests.hub.objects import SYMLINK, Blob, Commit, Tree
from tests.hub.state import Hub

NDJSON = {"Content-Type": "application/x-ndjson"}


def git(folder: Path, *arguments: str, **environ: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.check_output(command, text=True, env=os.environ | environ).strip()


def test_names_of_objects_are_those_of_git(tmp_path: Path) -> None:
    files = {"a/x": Blob(b"1"), "a.b": Blob(b"2"), "a-b/c/d": Blob(b""), "z": Blob(b"a/x", SYMLINK)}
    for path, blob in files.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if blob.mode == SYMLINK:
            place.symlink_to(blob.content.decode())
        else:
            place.write_bytes(blob.content)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    tree = Tree().changed(files)
    assert git(tmp_path, "write-tree") == tree.oid
    who = {"NAME": "ada", "EMAIL": "ada@example.org", "DATE": "1700000000 +0000"}
    environ = {f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who}
    date = datetime.fromtimestamp(1700000000, UTC)
    commit = Commit(tree, None, "ada", "title", "more", date)
    made = git(tmp_path, "commit-tree", tree.oid, "-m", "title", "-m", "more", **environ)
    assert made == commit.oid


def test_a_dataset_is_created_once_and_by_its_owner(hub: Hub) -> None:
    grace, maintainer = client(hub, "grace"), client(hub, "maintainer")
    url = grace.create_repo("grace/mine", repo_type="dataset")
    assert (url.repo_id, url.repo_type) == ("grace/mine", "dataset")
    assert outcome(lambda: grace.create_repo("grace/mine", repo_type="dataset")) == 409
    assert grace.create_repo("grace/mine", repo_type="dataset", exist_ok=True) == url
    assert list(hub.files("grace/mine")) == [".gitattributes"]
    maintainer.create_repo("hfbench/more", repo_type="dataset")
    assert outcome(lambda: grace.create_repo("hfbench/else", repo_type="dataset")) == 403
    assert outcome(lambda: client(hub, "eve").create_repo("eve/x", repo_type="dataset")) == 403


def test_a_token_tells_what_it_may_do(hub: Hub) -> None:
    tokens = {
        user: client(hub, user).whoami()["auth"]["accessToken"] for user in ("grace", "ada", "eve")
    }
    assert [token["role"] for token in tokens.values()] == ["write", "fineGrained", "read"]
    assert tokens["ada"]["fineGrained"]["global"] == ["discussion.write"]
    assert client(hub, "maintainer").whoami()["orgs"][0]["name"] == "hfbench"


@pytest.mark.parametrize(
    ("user", "commit", "proposal"),
    [
        ("hfbench", "fine", "fine"),
        ("maintainer", "fine", "fine"),
        ("grace", 403, "fine"),
        ("ada", 403, "fine"),
        ("eve", 403, 403),
        (None, 401, 401),
        ("stranger", 401, 401),
    ],
)
def test_who_may_commit_and_who_may_propose(
    hub: Hub, user: str | None, commit: int | str, proposal: int | str
) -> None:
    api, before = client(hub, user), hub.head(RESULTS)
    assert outcome(lambda: send(api, {"a.json": b"{}"})) == commit
    assert (hub.head(RESULTS) != before) == (commit == "fine")
    assert outcome(lambda: send(api, {"b.json": b"{}"}, create_pr=True)) == proposal
    assert len(hub.pull_requests(RESULTS)) == (proposal == "fine")
    refused = 401 if commit == 401 else 403
    tagged = outcome(lambda: api.create_tag(RESULTS, tag="v1", repo_type="dataset"))
    assert tagged == ("fine" if commit == "fine" else refused)


def test_what_is_not_there_is_refused_by_its_name(hub: Hub) -> None:
    hub.add_dataset("hfbench/secret", private=True)
    nobody, ada, owner = client(hub, None), client(hub, "ada"), client(hub, "hfbench")
    assert owner.dataset_info("hfbench/secret").private
    for api in (nobody, ada):
        for name in ("hfbench/secret", "hfbench/nothing"):
            with pytest.raises(RepositoryNotFoundError):
                api.dataset_info(name)
    assert nobody.dataset_info(RESULTS).id == RESULTS
    assert outcome(lambda: client(hub, "stranger").dataset_info(RESULTS)) == 401
    with pytest.raises(RevisionNotFoundError):
        ada.dataset_info(RESULTS, revision="refs/pr/9")
    with pytest.raises(EntryNotFoundError):
        list(ada.list_repo_tree(RESULTS, "nowhere", repo_type="dataset"))
    assert not ada.file_exists(RESULTS, "nowhere.json", repo_type="dataset")


def test_a_commit_on_a_parent_that_is_no_longer_the_head_is_refused(hub: Hub) -> None:
    owner = client(hub, "hfbench")
    old = hub.head(RESULTS)
    done = send(owner, {"a.json": b"1"}, parent_commit=old)
    assert done.oid == hub.head(RESULTS)
    assert outcome(lambda: send(owner, {"b.json": b"1"}, parent_commit=old)) == 412
    assert "b.json" not in hub.files(RESULTS)
    send(owner, {"b.json": b"1"}, parent_commit=old, create_pr=True)
    assert hub.pull_requests(RESULTS)[0].base == old


def test_twelve_writers_who_read_first_all_land(hub: Hub, tmp_path: Path) -> None:
    hub.push(RESULTS, "main", {"list.json": b"[]"})
    owner = client(hub, "hfbench")

    def append(number: int) -> None:
        landed: int | str = 412
        while landed == 412:
            sha = owner.dataset_info(RESULTS, expand=["sha"]).sha
            place = owner.hf_hub_download(
                RESULTS, "list.json", repo_type="dataset", revision=sha, cache_dir=tmp_path
            )
            text = json.dumps([*json.loads(Path(place).read_text()), number]).encode()
            landed = outcome(lambda: send(owner, {"list.json": text}, parent_commit=sha))  # noqa: B023
        assert landed == "fine"

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(append, range(12)))
    assert sorted(json.loads(hub.files(RESULTS)["list.json"])) == list(range(12))
    statuses = [request.status for request in hub.log if "/commit/" in request.path]
    assert statuses.count(200) == 12


def test_a_tree_is_listed_page_by_page_at_any_revision(hub: Hub) -> None:
    owner = client(hub, "hfbench")
    files = {f"data/{folder}/{name}.json": b"{}" for folder in "ab" for name in range(4)}
    send(owner, files)
    sha = hub.head(RESULTS)
    owner.create_tag(RESULTS, tag="v1", repo_type="dataset")
    send(client(hub, "ada"), {"data/b/new.json": b"1"}, create_pr=True)
    hub.page_size = 3
    for revision, more in (
        (None, set()),
        (sha, set()),
        ("v1", set()),
        ("refs/pr/1", {"data/b/new.json"}),
    ):
        hub.log.clear()
        tree = owner.list_repo_tree(RESULTS, repo_type="dataset", recursive=True, revision=revision)
        paths = [entry.path for entry in tree]
        assert len(paths) == len(set(paths))
        assert (
            set(paths) == {*files, "data", "data/a", "data/b", "README.md", ".gitattributes"} | more
        )
        assert len(hub.log) == -(-len(paths) // 3)
    top = owner.list_repo_tree(RESULTS, "data", repo_type="dataset")
    assert [entry.path for entry in top] == ["data/a", "data/b"]


def test_only_folders_above_a_change_get_another_name(hub: Hub) -> None:
    owner = client(hub, "hfbench")
    send(owner, {"a/x/1.json": b"1", "a/y/1.json": b"1", "b/1.json": b"1"})
    names = []
    for number in (2, 1):
        tree = owner.list_repo_tree(RESULTS, repo_type="dataset", recursive=True)
        names.append({entry.path: getattr(entry, "tree_id", None) for entry in tree})
        send(owner, {"a/x/1.json": str(number).encode()})
    old, new = names
    assert {path for path in old if old[path] != new[path]} == {"a", "a/x"}
    assert owner.list_repo_commits(RESULTS, repo_type="dataset")[0].title == "Add results"


def test_facts_about_paths_tell_the_last_commit_that_changed_them(hub: Hub) -> None:
    owner = client(hub, "hfbench")
    first = send(owner, {"a/1.json": b"123"}, title="First")
    send(owner, {"b/1.json": b"1"}, title="Second")
    paths = ["a", "a/1.json", "b/none.json"]
    folder, file = owner.get_paths_info(RESULTS, paths, repo_type="dataset", expand=True)
    assert (file.path, getattr(file, "size", None)) == ("a/1.json", 3)
    assert folder.last_commit and folder.last_commit.oid == first.oid
    assert file.last_commit and file.last_commit.title == "First"


def test_files_and_folders_are_deleted_and_what_is_not_there_is_refused(hub: Hub) -> None:
    owner = client(hub, "hfbench")
    send(owner, {"a/1.json": b"1", "a/2.json": b"1", "b/1.json": b"1"})

    def delete(*paths: str) -> None:
        gone = [CommitOperationDelete(path) for path in paths]
        owner.create_commit(RESULTS, gone, commit_message="Delete", repo_type="dataset")

    delete("a/", "b/1.json")
    left = [entry.path for entry in owner.list_repo_tree(RESULTS, repo_type="dataset")]
    assert left == [".gitattributes", "README.md"]
    with pytest.raises(EntryNotFoundError, match="A file with this name doesn't exist"):
        delete("b/1.json")


def test_what_is_there_already_is_not_sent_and_an_empty_commit_is_one(hub: Hub) -> None:
    owner, before = client(hub, "hfbench"), hub.head(RESULTS)
    assert send(owner, {"README.md": hub.files(RESULTS)["README.md"]}).oid == before
    assert "/commit/" not in "".join(request.path for request in hub.log)
    header = json.dumps({"key": "header", "value": {"summary": "Nothing"}})
    answer = get_session().post(
        f"{hub.endpoint}/api/datasets/{RESULTS}/commit/main",
        content=header.encode(),
        headers={"Authorization": "Bearer hf_hfbench"} | NDJSON,
    )
    assert answer.json()["commitOid"] == hub.head(RESULTS) != before


def test_history_tags_and_branches(hub: Hub) -> None:
    owner, first = client(hub, "hfbench"), hub.head(RESULTS)
    for number in range(4):
        send(owner, {"a.json": str(number).encode()}, title=f"Commit {number}")
    hub.page_size = 2
    history = owner.list_repo_commits(RESULTS, repo_type="dataset")
    assert [commit.title for commit in history][:2] == ["Commit 3", "Commit 2"]
    assert history[-1].commit_id == first
    owner.create_tag(RESULTS, tag="v0", revision=first, repo_type="dataset")
    owner.create_branch(RESULTS, branch="next", revision="v0", repo_type="dataset")
    assert outcome(lambda: owner.create_tag(RESULTS, tag="v0", repo_type="dataset")) == 409
    owner.create_tag(RESULTS, tag="v0", repo_type="dataset", exist_ok=True)
    assert outcome(lambda: owner.create_branch(RESULTS, branch="next", repo_type="dataset")) == 409
    send(owner, {"b.json": b"1"}, revision="next")
    refs = owner.list_repo_refs(RESULTS, repo_type="dataset")
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v0", first)]
    assert {branch.name for branch in refs.branches} == {"main", "next"}
    owner.delete_tag(RESULTS, tag="v0", repo_type="dataset")
    owner.delete_branch(RESULTS, branch="next", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        owner.delete_tag(RESULTS, tag="v0", repo_type="dataset")
    assert outcome(lambda: owner.delete_branch(RESULTS, branch="main", repo_type="dataset")) == 403
