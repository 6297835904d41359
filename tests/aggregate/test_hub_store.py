"""A store on the Hub: hostile pull requests, and a network that fails at every turn."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
from huggingface_hub import HfApi
from tests.aggregate.places import Dataset
from tests.hub import fixtures
from tests.hub.faults import Fault, delayed, lost_answer, rate_limited, reset, status, truncated
from tests.hub.fixtures import RESULTS, uploads_large_files
from tests.hub.objects import Commit, Pointer, Tree
from tests.hub.state import Hub

from hfbench_aggregate.stores import hub_requests
from hfbench_aggregate.stores.hub import HubStore
from hfbench_aggregate.stores.hub_client import has_name
from hfbench_aggregate.stores.opening import open_store
from hfbench_aggregate.stores.store import Change, ConflictError, StoreError

hub, hub_environment = fixtures.hub, fixtures.hub_environment
LEDGER = PurePosixPath("ledger/2026-11.jsonl")
SUBMISSIONS = PurePosixPath("submissions")
FAULTS = [reset(), lost_answer(), status(503), status(500, processed=True), rate_limited()]


@pytest.fixture
def place(hub: Hub) -> Dataset:
    return Dataset(hub)


@pytest.fixture
def store(place: Dataset, monkeypatch: pytest.MonkeyPatch) -> HubStore:
    monkeypatch.setattr(hub_requests, "_PAUSES_S", (0.01,) * 4)
    return place.open()


def named(fault: Fault) -> str:
    return fault.name


def commits(hub: Hub) -> list[Commit]:
    """Return the history of main, newest first."""
    return list(hub.repositories[RESULTS].refs["refs/heads/main"].history())


@pytest.mark.parametrize("fault", [*FAULTS, status(412)], ids=named)
def test_a_commit_is_made_once_whatever_is_answered(
    hub: Hub, store: HubStore, fault: Fault
) -> None:
    parent = store.head()
    hub.faults.nth(1, "POST", "/commit/", fault)
    made = store.commit(parent, Change("one", {LEDGER: b"1\n"}))
    assert [commit.oid for commit in commits(hub)] == [made, parent]
    assert hub.files(RESULTS)[str(LEDGER)] == b"1\n"


def test_a_commit_without_an_answer_is_found_below_the_next(hub: Hub, store: HubStore) -> None:
    parent = store.head()
    hub.faults.nth(1, "POST", "/commit/", lost_answer())
    hub.faults.nth(1, "GET", "/commits/main", delayed(0.3))

    def commit_on_top() -> None:
        while not any(request.fault == "lost answer" for request in list(hub.log)):
            time.sleep(0.01)
        hub.push(RESULTS, "main", {str(LEDGER): b"1\n2\n"})

    other = threading.Thread(target=commit_on_top)
    other.start()
    made = store.commit(parent, Change("one", {LEDGER: b"1\n"}))
    other.join()
    assert [commit.oid for commit in commits(hub)][1:] == [made, parent]


def test_a_commit_that_another_has_made_is_a_conflict(hub: Hub, store: HubStore) -> None:
    """Also if it was the same: the client then answers as if it had committed."""
    parent = store.head()
    hub.faults.nth(1, "POST", "/preupload/", delayed(0.4))

    def commit_the_same() -> None:
        time.sleep(0.2)
        hub.push(RESULTS, "main", {str(LEDGER): b"1\n"}, message="one")

    other = threading.Thread(target=commit_the_same)
    other.start()
    with pytest.raises(ConflictError):
        store.commit(parent, Change("one", {LEDGER: b"1\n"}))
    other.join()
    assert len(commits(hub)) == 2


def test_what_changes_nothing_is_no_commit(store: HubStore) -> None:
    made = store.commit(store.head(), Change("one", {LEDGER: b"1\n"}))
    assert store.commit(made, Change("again", {LEDGER: b"1\n"})) == made


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_a_pull_request_is_answered_once_and_closed(
    hub: Hub, place: Dataset, store: HubStore, fault: Fault
) -> None:
    proposal = store.proposal(place.propose("a.json", b"{}"))
    hub.faults.nth(1, "POST", "/comment", fault)
    hub.faults.nth(1, "POST", "/status", fault)
    for _ in range(2):
        store.settle(proposal, accepted=True, note="thanks")
    (request,) = hub.pull_requests(RESULTS)
    assert (request.status, len(request.comments)) == ("closed", 1)


def test_nothing_in_a_note_is_more_than_text(place: Dataset, store: HubStore) -> None:
    proposal = store.proposal(place.propose("a.json", b"{}"))
    store.settle(proposal, accepted=False, note="refused:\n\n@everyone ![x](http://x.org)")
    (comment,) = place.told(proposal.id)
    heading, blank, *lines = comment.split("\n")
    assert (heading.endswith(f"{proposal.revision}."), blank) == (True, "")
    assert lines == ["    refused:", "    ", "    @everyone ![x](http://x.org)"]


def test_a_tag_without_an_answer_is_made_once(hub: Hub, store: HubStore) -> None:
    hub.faults.nth(1, "POST", "/tag/", lost_answer())
    store.tag("2026.11.1", store.head())
    assert hub.head(RESULTS, "2026.11.1") == store.head()


@pytest.mark.parametrize("fault", [reset(), status(503), rate_limited(), truncated()], ids=named)
def test_reading_outlasts_faults(hub: Hub, place: Dataset, store: HubStore, fault: Fault) -> None:
    place.fill({"submissions/a": b"a" * 10_000})
    hub.faults.nth(1, "GET", "/resolve/", fault)
    hub.faults.nth(1, "GET", "/tree/", fault)
    (path,) = store.files(SUBMISSIONS, store.head())
    assert store.read(path, store.head()) == b"a" * 10_000


def test_no_request_waits_for_ever(
    hub: Hub, store: HubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_requests, "_DEADLINE_S", 0.2)
    hub.faults.randomly({delayed(60): 1.0}, seed=1)
    with pytest.raises(StoreError, match="no usable answer"):
        store.head()
    hub.faults.clear()


def test_only_folders_that_differ_are_listed(hub: Hub, place: Dataset, store: HubStore) -> None:
    hub.page_size = 7
    names = [f"submissions/2026-{n % 3:02}/{n % 40:02x}/{n}.json" for n in range(400)]
    place.fill(dict.fromkeys(names, b"{}"))
    old = store.head()
    hub.push(RESULTS, "main", {names[3]: b"[]", "submissions/new/a/b": b""}, deletes=[names[5]])
    hub.log.clear()
    found = store.changed(SUBMISSIONS, old, store.head())
    assert {str(path) for path in found} == {names[3], names[5], "submissions/new/a/b"}
    requests = len(hub.log)
    store.files(SUBMISSIONS, store.head())
    assert requests < (len(hub.log) - requests) / 2


def test_what_a_pull_request_does_besides_is_told(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    hub.push(RESULTS, "main", {"proposals/old.json": b"{}", "submissions/a": b"a"})
    num = place.pull_request({"proposals/good.json": b"{}", "README.md": b"mine", "new.txt": b""})
    hub.push(
        RESULTS,
        f"refs/pr/{num}",
        {"proposals/nested/a.json": b"{}", "proposals/a.txt": b"", "submissions/b": b"b"},
        symlinks={"proposals/link.json": "/etc/passwd"},
        large={"proposals/large.json": b"{}"},
        deletes=["proposals/old.json", ".gitattributes"],
    )
    proposal = store.proposal(num)
    assert set(proposal.trespasses) == {
        *(".gitattributes", "README.md", "new.txt", "submissions", "proposals/old.json")
    }
    obstacles = {file.path.name: file.obstacle for file in proposal.files}
    assert obstacles == {
        "good.json": None,
        "link.json": None,  # the Hub does not tell; what it reads is where the link points to
        "nested": "a folder",
        "a.txt": "a file whose name does not end in .json",
        "large.json": "a pointer to a large file (Git LFS)",
    }
    (link,) = (file for file in proposal.files if file.path.name == "link.json")
    assert store.read_proposed(proposal, link, 1000) == b"/etc/passwd"


def test_a_pull_request_with_ten_thousand_files_is_looked_at_no_further(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    num = place.propose("a.json", b"{}")
    names = [f"proposals/{n}.json" for n in range(10_000)]
    hub.push(RESULTS, f"refs/pr/{num}", dict.fromkeys(names, b"{}"))
    hub.log.clear()
    proposal = store.proposal(num)
    assert (proposal.files, proposal.trespasses) == ((), ("more than 1000 files",))
    assert len(hub.log) < 10


def test_a_pull_request_to_an_old_main_changes_only_what_it_changes(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    num = place.propose("a.json", b"{}")
    for count in range(120):
        hub.push(RESULTS, "main", {str(LEDGER): b"%d\n" % count})
    proposal = store.proposal(num)
    assert [str(file.path) for file in proposal.files] == ["proposals/a.json"]
    assert proposal.trespasses == ()


def test_a_pull_request_with_a_history_of_its_own_is_a_trespass(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    num = place.propose("a.json", b"{}")
    hub.repositories[RESULTS].move(f"refs/pr/{num}", Commit(Tree(), None, "mallory", "mine"))
    assert ["history" in trespass for trespass in store.proposal(num).trespasses] == [True]


def test_who_proposes_is_who_the_hub_says(hub: Hub, place: Dataset, store: HubStore) -> None:
    ada = HfApi(hub.endpoint, "hf_ada")
    draft = ada.create_pull_request(RESULTS, "from ada", repo_type="dataset").num
    ada.create_discussion(RESULTS, "a question", repo_type="dataset")
    merged = place.propose("a.json", b"{}")
    HfApi(hub.endpoint, "hf_maintainer").merge_pull_request(
        RESULTS, int(merged), repo_type="dataset"
    )
    hub.push(RESULTS, f"refs/pr/{draft}", {"proposals/b.json": b"{}"}, author="mallory")
    assert store.proposals() == [str(draft), "proposals/a.json"]  # merged by hand, so on main
    proposal = store.proposal(str(draft))
    assert (proposal.author, proposal.title) == ("ada", "from ada")
    for num in (merged, "99"):
        with pytest.raises(FileNotFoundError):
            store.proposal(num)


def test_of_a_file_that_is_too_large_only_the_start_is_fetched(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    proposal = store.proposal(place.propose("a.json", b" " * 5000))
    (file,) = proposal.files
    assert len(store.read_proposed(proposal, file, 100)) == 101
    assert [r.status for r in hub.log if "/resolve/" in r.path] == [206]


@uploads_large_files
def test_large_files_are_stored_and_read(hub: Hub, store: HubStore) -> None:
    path = PurePosixPath("data/submissions/a.parquet")
    made = store.commit(store.head(), Change("data", {path: b"PAR1" * 1000}))
    assert store.read(path, made) == b"PAR1" * 1000
    hub.push(RESULTS, "main", {"lost.parquet": Pointer("0" * 64, 9).text()})
    with pytest.raises(FileNotFoundError):
        store.read(PurePosixPath("lost.parquet"), store.head())


def test_bytes_that_are_not_the_files_are_not_taken(
    hub: Hub, place: Dataset, store: HubStore
) -> None:
    place.fill({"a.json": b"{}"})
    blob = hub.repositories[RESULTS].refs["refs/heads/main"].tree.entries["a.json"]
    assert blob.oid == "9e26dfeeb6e641a33dae4961196235bdb965b21b"  # what git hash-object says
    vars(blob)["content"] = b"[]"  # under the same name
    with pytest.raises(StoreError, match="not the content of the file"):
        store.read(PurePosixPath("a.json"), store.head())
    sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert has_name(b"{}", sha256)
    assert not has_name(b"[]", sha256)


@pytest.mark.parametrize(
    ("repository", "token", "said"),
    [(RESULTS, "hf_nobody", "HF_TOKEN"), ("hfbench/none", "hf_eve", "Look at the name")],
)
def test_what_cannot_be_opened_is_explained(
    hub: Hub, repository: str, token: str, said: str
) -> None:
    with pytest.raises(StoreError, match=f"hf://datasets/{repository}: .*{said}"):
        HubStore(repository, hub.endpoint, token)


def test_a_token_that_may_only_read_is_explained(hub: Hub) -> None:
    store = HubStore(RESULTS, hub.endpoint, "hf_eve")
    with pytest.raises(StoreError, match="may write to the dataset"):
        store.commit(store.head(), Change("one", {LEDGER: b"1\n"}))


def test_a_hub_that_is_not_there_is_told_in_seconds() -> None:
    start = time.monotonic()
    with pytest.raises(StoreError, match="Look at the connection"):
        HubStore(RESULTS, "http://127.0.0.1:9", "hf_eve")
    assert time.monotonic() - start < 10


OPEN = (
    "from hfbench_aggregate.stores.opening import open_store\ntry:\n"
    "    print(open_store('hf://datasets/hfbench/results').head())\n"
    "except Exception as error:\n    print(error)"
)


def test_an_address_names_a_dataset_on_the_hub_that_is_set(
    hub: Hub, hub_environment: Mapping[str, str]
) -> None:
    def run(**settings: str) -> str:
        environment = {**hub_environment, **settings}
        command = [sys.executable, "-c", OPEN]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert run() == f"{hub.head(RESULTS)}\n"
    assert "HF_HUB_OFFLINE is set: unset it" in run(HF_HUB_OFFLINE="1")


def test_an_address_may_be_a_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "proposals").mkdir()
    assert open_store(str(tmp_path)).name == str(tmp_path)
    for address in ("hf://hfbench/results", "hf://datasets/results", "https://huggingface.co/x"):
        with pytest.raises(StoreError, match="hf://datasets/ORG/NAME"):
            open_store(address)
