"""Pull requests of the test Hub, by the real client and by a hostile push."""

from typing import Any, cast

from huggingface_hub import HfApi
from tests.hub.clients import client, outcome, send
from tests.hub.fixtures import RESULTS
from tests.hub.objects import Pointer
from tests.hub.state import Hub


def listed(api: HfApi, **filters: Any) -> list[int]:
    found = api.get_repo_discussions(RESULTS, repo_type="dataset", **filters)
    return [discussion.num for discussion in found]


def set_status(api: HfApi, num: int, status: str) -> int | str:
    new = cast("Any", status)
    return outcome(
        lambda: api.change_discussion_status(RESULTS, num, new_status=new, repo_type="dataset")
    )


def merge(api: HfApi, num: int) -> int | str:
    return outcome(lambda: api.merge_pull_request(RESULTS, num, repo_type="dataset"))


def test_a_pull_request_is_its_author_s_and_the_owner_s(hub: Hub) -> None:
    ada, main = client(hub, "ada"), hub.head(RESULTS)
    made = send(ada, {"a.json": b"{}"}, title="Result one", create_pr=True)
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    send(ada, {"b.json": b"{}"}, revision="refs/pr/1")
    assert outcome(lambda: send(client(hub, "grace"), {"c": b""}, revision="refs/pr/1")) == 403
    send(client(hub, "maintainer"), {"d.json": b"{}"}, revision="refs/pr/1", title="Mend")
    (pull,) = hub.pull_requests(RESULTS, status="open")
    assert (pull.title, pull.author, pull.base) == ("Result one", "ada", main)
    assert pull.files == {"a.json": b"{}", "b.json": b"{}", "d.json": b"{}"}
    assert pull.head == ada.dataset_info(RESULTS, revision="refs/pr/1").sha
    assert hub.head(RESULTS) == main
    details = ada.get_discussion_details(RESULTS, 1, repo_type="dataset")
    assert [event.type for event in details.events] == ["comment", "commit", "commit", "commit"]
    assert "+++ b/d.json\n@@ -0,0 +1 @@\n+{}\n" in (details.diff or "")


def test_pull_requests_and_discussions_share_numbers_and_are_filtered(hub: Hub) -> None:
    ada, grace = client(hub, "ada"), client(hub, "grace")
    for number, api in enumerate((ada, grace, ada, ada)):
        send(api, {f"{number}.json": b"{}"}, create_pr=True)
    grace.create_discussion(RESULTS, "A question", repo_type="dataset")
    draft = ada.create_pull_request(RESULTS, "A draft", repo_type="dataset")
    assert (draft.num, draft.status, draft.git_reference) == (6, "draft", "refs/pr/6")
    assert set_status(ada, 3, "closed") == "fine"
    hub.page_size = 2
    assert listed(ada) == [6, 5, 4, 3, 2, 1]
    assert listed(ada, discussion_type="discussion") == [5]
    mine = {"author": "ada", "discussion_type": "pull_request"}
    assert listed(ada, **mine, discussion_status="open") == [6, 4, 1]
    assert listed(ada, **mine, discussion_status="closed") == [3]
    refs = ada.list_repo_refs(RESULTS, repo_type="dataset", include_pull_requests=True)
    assert {ref.ref for ref in refs.pull_requests or ()} == {
        f"refs/pr/{n}" for n in (1, 2, 3, 4, 6)
    }


def test_a_pull_request_is_commented_renamed_closed_and_opened_again(hub: Hub) -> None:
    ada, grace, owner = (client(hub, name) for name in ("ada", "grace", "hfbench"))
    send(ada, {"a.json": b"{}"}, create_pr=True, commit_description="Why")
    owner.comment_discussion(RESULTS, 1, comment="Accepted in 0123", repo_type="dataset")
    assert set_status(grace, 1, "closed") == 403
    assert set_status(owner, 1, "closed") == "fine"
    ada.rename_discussion(RESULTS, 1, new_title="Another", repo_type="dataset")
    (pull,) = hub.pull_requests(RESULTS, status="closed")
    assert (pull.title, pull.description) == ("Another", "Why")
    assert pull.comments == [("hfbench", "Accepted in 0123")]
    assert set_status(ada, 1, "open") == "fine"
    assert listed(ada, discussion_status="open") == [1]


def test_a_merge_squashes_once_and_by_the_owner(hub: Hub) -> None:
    ada, owner = client(hub, "ada"), client(hub, "hfbench")
    send(ada, {"a.json": b"1"}, title="Result one", create_pr=True)
    send(ada, {"a.json": b"2"}, revision="refs/pr/1")
    send(owner, {"other.json": b"1"})
    before = len(owner.list_repo_commits(RESULTS, repo_type="dataset"))
    assert merge(ada, 1) == 403
    assert merge(owner, 1) == "fine"
    history = owner.list_repo_commits(RESULTS, repo_type="dataset")
    assert (len(history), history[0].title) == (before + 1, "Result one (#1)")
    assert hub.files(RESULTS)["a.json"] == b"2"
    details = owner.get_discussion_details(RESULTS, 1, repo_type="dataset")
    assert (details.status, details.merge_commit_oid) == ("merged", hub.head(RESULTS))
    assert merge(owner, 1) == set_status(ada, 1, "open") == 400


def test_a_draft_is_not_merged_and_of_two_that_conflict_one_is(hub: Hub) -> None:
    ada, owner = client(hub, "ada"), client(hub, "hfbench")
    for content in (b"1", b"2"):
        send(ada, {"a.json": content}, create_pr=True)
    ada.create_pull_request(RESULTS, "A draft", repo_type="dataset")
    assert [merge(owner, num) for num in (1, 2, 3)] == ["fine", 409, 400]
    details = owner.get_discussion_details(RESULTS, 2, repo_type="dataset")
    assert details.conflicting_files == ["a.json"]
    assert set_status(ada, 3, "open") == merge(owner, 3) == "fine"


def test_a_push_changes_a_pull_request_behind_the_client_s_back(hub: Hub) -> None:
    ada = client(hub, "ada")
    seen = send(ada, {"a.json": b"1"}, create_pr=True).oid
    lacking = Pointer("0" * 64, 10**9)
    hub.push(
        RESULTS,
        "refs/pr/1",
        {"p.parquet": lacking.text()},
        author="ada",
        large={"q.parquet": b"PAR1"},
        symlinks={"link.json": "../../etc/passwd"},
        deletes=["README.md"],
    )
    (pull,) = hub.pull_requests(RESULTS)
    assert pull.head != seen
    assert pull.deleted == ["README.md"]
    assert pull.files["link.json"] == b"../../etc/passwd"
    assert pull.files["q.parquet"] == b"PAR1"
    paths = ["p.parquet", "q.parquet"]
    facts = ada.get_paths_info(RESULTS, paths, repo_type="dataset", revision="refs/pr/1")
    assert [getattr(fact, "size", None) for fact in facts] == [10**9, 4]
    there = {"repo_type": "dataset", "revision": "refs/pr/1"}
    assert not ada.file_exists(RESULTS, "p.parquet", **there)
    assert ada.file_exists(RESULTS, "q.parquet", **there)
