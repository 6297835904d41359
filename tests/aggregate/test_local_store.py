"""A store in a folder: killed at any moment, on a full disk, and with whatever lies in it."""

import os
import resource
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from tests.aggregate.killed_store import FIRST, work
from tests.aggregate.places import Folder
from tests.conftest import REPOSITORY

from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Change, StoreError
from hfbench_schema.canonical import sha256_hex

LEDGER = PurePosixPath("ledger/2026-11.jsonl")
DOCUMENT = PurePosixPath("submissions/2026-11/aa/a.json")


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    root = tmp_path / "store"
    (root / "proposals").mkdir(parents=True)
    return Folder(root)


def contents(root: Path) -> dict[str, bytes]:
    """Return every file but the lock."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_killed_at_every_file_operation_it_loses_and_doubles_nothing(
    place: Folder, tmp_path: Path
) -> None:
    place.fill({"ledger/2026-11.jsonl": b"1\n", "registry/old.json": b"old"})
    place.propose("good.json", b"good")
    place.propose("bad.json", b"bad")
    command = [sys.executable, "-m", "tests.aggregate.killed_store", str(place.root)]
    subprocess.run([*command, str(tmp_path / "killed")], cwd=REPOSITORY, check=True)
    *roots, whole = sorted((tmp_path / "killed").iterdir())
    assert len(roots) > 30
    for root in roots:
        check_all_or_nothing(root)
        work(root)
        assert contents(root) == contents(whole), root
    refused = sha256_hex(b"bad")
    assert contents(whole) == {
        ".revision": b"1\n",
        "ledger/2026-11.jsonl": b"1\n2\n",
        "submissions/2026-11/aa/a.json": b"a",
        "submissions/2026-11/bb/b.json": b"b",
        f"refused/{refused}.json": b"bad",
        f"refused/{refused}.txt": b"so it is",
    }


def check_all_or_nothing(root: Path) -> None:
    """A store that is opened after a kill has all of the commit, or nothing of it."""
    ledger = (root / LEDGER).read_bytes()
    assert ledger in (b"1\n", b"1\n2\n")
    if ledger == b"1\n2\n":  # whoever reads without opening anew finds what the ledger names
        assert (root / DOCUMENT).read_bytes() == b"a"
    store = LocalStore(root)
    done = store.head() != FIRST
    assert store.read(LEDGER, FIRST) == (b"1\n2\n" if done else b"1\n")
    assert (DOCUMENT in store.files(PurePosixPath("submissions"), FIRST)) == done
    assert (root / "registry" / "old.json").exists() != done


def test_a_folder_of_an_earlier_version_is_a_store(place: Folder) -> None:
    place.fill({"ledger/2026-11.jsonl": b"1\n"})
    store = place.open()
    assert store.head() == FIRST
    assert store.commit(FIRST, Change("next", {LEDGER: b"1\n2\n"})) == place.open().head() == "1"


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"does not exist.*To make one"):
        LocalStore(tmp_path / "none")
    with pytest.raises(StoreError, match=r"is not a store: it holds none of .*To make one"):
        LocalStore(tmp_path)


def test_a_full_disk_leaves_the_store_as_it_was(place: Folder) -> None:
    store = place.open()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StoreError, match="run the same command again"):
            store.commit(FIRST, Change("big", {LEDGER: b"1\n", DOCUMENT: b" " * 5000}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(LocalStore(place.root).root) == {}
    assert store.commit(FIRST, Change("big", {DOCUMENT: b" " * 5000})) == "1"


def test_links_folders_and_pipes_are_neither_followed_nor_read(place: Folder) -> None:
    folder = place.root / "proposals"
    (folder / "link.json").symlink_to("/etc/passwd")
    (folder / "nested.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (place.root / "link").symlink_to("/etc/passwd")
    store = place.open()
    proposals = [store.proposal(name) for name in store.proposals()]
    assert [proposal.files[0].obstacle for proposal in proposals] == [
        "a symbolic link",
        "a folder",
        "a device, pipe or socket",
    ]
    for proposal in proposals:
        with pytest.raises(StoreError):
            store.read_proposed(proposal, proposal.files[0], 1000)
        store.settle(proposal, accepted=False, note="no file")
    assert store.proposals() == []
    (link,) = (path for path in (place.root / "refused").iterdir() if path.is_symlink())
    assert str(link.readlink()) == "/etc/passwd"
    with pytest.raises(StoreError, match="cannot be read"):
        store.read(PurePosixPath("link"), FIRST)


def test_what_was_set_aside_before_stays(place: Folder) -> None:
    store = place.open()
    for target in ("/a", "/b"):
        (place.root / "proposals" / "link.json").symlink_to(target)
        store.settle(store.proposal("link.json"), accepted=False, note="a link")
    links = [path for path in (place.root / "refused").iterdir() if path.is_symlink()]
    assert {str(link.readlink()) for link in links} == {"/a", "/b"}
