"""The contract of a store, over a local folder and over a Hub."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pytest
from tests.aggregate.places import Dataset, Folder, Place
from tests.hub import fixtures
from tests.hub.state import Hub

from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Change, ConflictError, Revision, Store, StoreError
from hfbench_schema.canonical import sha256_hex

LEDGER = PurePosixPath("ledger")
LEDGER_FILE = LEDGER / "2026-11.jsonl"
SUBMISSIONS = PurePosixPath("submissions")
DOCUMENT = SUBMISSIONS / "2026-11" / "aa" / f"{'a' * 64}.json"
LIMIT = 1000


hub = fixtures.hub


@pytest.fixture(params=["folder", "hub"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "hub":
        running: Hub = request.getfixturevalue("hub")
        return Dataset(running)
    (tmp_path / "proposals").mkdir()
    return Folder(tmp_path)


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()


def write(store: Store, path: PurePosixPath, data: bytes) -> Revision:
    return store.commit(store.head(), Change("write", {path: data}))


def test_what_was_committed_is_read(store: Store) -> None:
    old = store.head()
    assert store.files(SUBMISSIONS, old) == []
    with pytest.raises(FileNotFoundError):
        store.read(DOCUMENT, old)
    new = store.commit(old, Change("first", {DOCUMENT: b"{}", LEDGER_FILE: b"1\n"}))
    assert store.head() == new != old
    assert store.read(DOCUMENT, new) == b"{}"
    assert store.files(SUBMISSIONS, new) == [DOCUMENT]
    assert store.files(LEDGER, new) == [LEDGER_FILE]
    assert {LEDGER_FILE} <= store.changed(LEDGER, old, new)
    assert store.changed(SUBMISSIONS, old, new) == {DOCUMENT}
    assert store.changed(SUBMISSIONS, new, new) == set()


def test_a_commit_replaces_and_deletes(store: Store) -> None:
    other = SUBMISSIONS / "2026-11" / "bb" / "other.json"
    store.commit(store.head(), Change("first", {DOCUMENT: b"1", other: b"2"}))
    store.commit(store.head(), Change("second", {DOCUMENT: b"3"}, frozenset({other})))
    assert store.files(SUBMISSIONS, store.head()) == [DOCUMENT]
    assert store.read(DOCUMENT, store.head()) == b"3"


def test_a_commit_on_an_old_revision_writes_nothing(store: Store) -> None:
    old = store.head()
    new = store.commit(old, Change("first", {LEDGER_FILE: b"1\n"}))
    with pytest.raises(ConflictError):
        store.commit(old, Change("second", {LEDGER_FILE: b"2\n", DOCUMENT: b"{}"}))
    assert store.head() == new
    assert store.read(LEDGER_FILE, new) == b"1\n"
    assert store.files(SUBMISSIONS, new) == []


def test_many_writers_all_land(place: Place, store: Store) -> None:
    write(store, LEDGER_FILE, b"")

    def append(number: int) -> None:
        own = place.open()
        while True:
            head = own.head()
            lines = own.read(LEDGER_FILE, head) + b"%d\n" % number
            try:
                own.commit(head, Change("append", {LEDGER_FILE: lines}))
            except ConflictError:
                continue
            return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(append, range(24)))
    lines = store.read(LEDGER_FILE, store.head()).split()
    assert sorted(map(int, lines)) == list(range(24))


def test_a_revision_reads_the_same_while_others_commit(store: Store) -> None:
    old = store.commit(store.head(), Change("first", {DOCUMENT: b"{}", LEDGER_FILE: b"1\n"}))
    write(store, LEDGER_FILE, b"1\n2\n")
    assert store.read(DOCUMENT, old) == b"{}"
    assert store.read(LEDGER_FILE, old).startswith(b"1\n")
    assert store.read(LEDGER_FILE, old) == b"1\n" or isinstance(store, LocalStore)


def test_ten_thousand_files_are_listed(place: Place, store: Store) -> None:
    names = [f"submissions/2026-11/{n % 256:02x}/{n:064x}.json" for n in range(10_000)]
    place.fill(dict.fromkeys(names, b"{}"))
    listed = store.files(SUBMISSIONS, store.head())
    assert [str(path) for path in listed] == sorted(names)


def test_a_tag_names_one_revision_for_ever(store: Store) -> None:
    old = store.head()
    new = write(store, DOCUMENT, b"{}")
    for _ in range(2):
        store.tag("2026.11.1", new)
    with pytest.raises(StoreError, match=r"2026\.11\.1"):
        store.tag("2026.11.1", old)
    assert store.tagged("2026.11.1") == new
    assert store.tagged("2026.11.2") is None


def test_the_last_change_of_a_file_is_known_where_history_is(store: Store) -> None:
    made = write(store, DOCUMENT, b"{}")
    later = write(store, LEDGER_FILE, b"1\n")
    expected = later if isinstance(store, LocalStore) else made
    assert store.last_change(DOCUMENT, later) == expected
    assert store.last_change(LEDGER_FILE, later) == later


def test_a_proposal_waits_until_it_is_settled(place: Place, store: Store) -> None:
    name = f"{sha256_hex(b'{}')}.json"
    waiting = place.propose(name, b"{}")
    assert store.proposals() == [waiting]
    proposal = store.proposal(waiting)
    (file,) = proposal.files
    assert (str(file.path), file.size, file.obstacle) == (f"proposals/{name}", 2, None)
    assert proposal.trespasses == ()
    assert store.read_proposed(proposal, file, LIMIT) == b"{}"
    for _ in range(2):
        store.settle(proposal, accepted=True, note="thanks")
    assert store.proposals() == []
    with pytest.raises(FileNotFoundError):
        store.proposal(waiting)


def test_a_refusal_is_told_once(place: Place, store: Store) -> None:
    proposal = store.proposal(place.propose("a.json", b"[]"))
    for _ in range(2):
        store.settle(proposal, accepted=False, note="no object")
    assert store.proposals() == []
    (told,) = place.told(proposal.id)
    assert "no object" in told


def test_too_much_is_known_before_it_is_read(place: Place, store: Store) -> None:
    proposal = store.proposal(place.propose("a.json", b" " * 5000))
    (file,) = proposal.files
    assert file.size == 5000
    assert store.read_proposed(proposal, file, LIMIT) == b" " * (LIMIT + 1)


def test_what_replaces_a_proposal_is_another(place: Place, store: Store) -> None:
    waiting = place.propose("a.json", b"[1]")
    proposal = store.proposal(waiting)
    place.replace(waiting, "a.json", b"[2]")
    try:
        assert store.read_proposed(proposal, proposal.files[0], LIMIT) == b"[1]"
    except FileNotFoundError:  # a folder cannot keep it
        assert isinstance(store, LocalStore)
    store.settle(proposal, accepted=True, note="thanks")
    assert store.proposals() == [waiting]
    second = store.proposal(waiting)
    assert store.read_proposed(second, second.files[0], LIMIT) == b"[2]"
