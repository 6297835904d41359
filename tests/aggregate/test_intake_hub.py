"""Intake over the Hub: strangers' pull requests, a network that fails, and others at work."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from tests.aggregate.conftest import Maker
from tests.aggregate.places import Dataset
from tests.hub import fixtures
from tests.hub.clients import client, send
from tests.hub.faults import lost_answer, rate_limited, reset, status
from tests.hub.fixtures import RESULTS, uploads_large_files
from tests.hub.objects import Pointer
from tests.hub.state import Hub

from hfbench_aggregate.dataset.compaction import compact
from hfbench_aggregate.intake import Intake, take_in
from hfbench_aggregate.ledger import read_ledger
from hfbench_aggregate.snapshot import newest
from hfbench_aggregate.stores import hub_requests
from hfbench_aggregate.stores.hub import HubStore
from hfbench_aggregate.verification import verify_store
from hfbench_schema.canonical import canonical_bytes, sha256_hex

hub = fixtures.hub
NOW = datetime(2026, 12, 10, tzinfo=UTC)
A = "a" * 64
README = {"README.md": b"# owned"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_requests, "_PAUSES_S", (0.01,) * 4)


@pytest.fixture
def place(hub: Hub) -> Dataset:
    return Dataset(hub)


def take(place: Dataset) -> Intake:
    return take_in(place.open(), lambda: NOW)


def made(maker: Maker, **changes: Any) -> tuple[str, bytes]:
    data = canonical_bytes(maker.document(process_runs=2) | changes)
    return f"proposals/{sha256_hex(data)}.json", data


def rules(intake: Intake) -> set[str]:
    return {found.rule for one in intake.decisions for found in one.report.findings}


def assert_sound(place: Dataset) -> None:
    assert verify_store(newest(place.open())).problems == []


def test_a_pull_request_is_copied_settled_and_remembered(place: Dataset, maker: Maker) -> None:
    path, data = made(maker)
    num = place.pull_request({path: data, "proposals/bad.json": b"[]"})
    result = take(place)
    assert Counter(one.outcome for one in result.decisions) == {"accepted": 1, "refused": 1}
    files = place.hub.files(RESULTS)
    sha256 = sha256_hex(data)
    assert files[f"submissions/2026-12/{sha256[:2]}/{sha256}.json"] == data
    assert not any(name.startswith("proposals/") for name in files)
    (request,) = place.hub.pull_requests(RESULTS)
    assert (str(request.num), request.status) == (num, "closed")
    (note,) = place.told(num)
    assert "accepted: it counts from the next release on" in note
    assert "HFB006 error" in note
    entries = [json.loads(line) for line in files["ledger/2026-12.jsonl"].splitlines()]
    assert [entry["submitter"] for entry in entries] == ["grace", "grace"]
    assert [entry["proposal"] for entry in entries] == [num, num]
    again = place.pull_request({path: data})
    assert [one.outcome for one in take(place).decisions] == ["known"]
    assert "in the store already" in place.told(again)[0]
    assert_sound(place)


HOSTILE: dict[str, tuple[str, Callable[[Hub, str], object]]] = {
    "the card": ("HFB090", lambda hub, ref: push(hub, ref, README)),
    "another folder": ("HFB090", lambda hub, ref: push(hub, ref, {"ledger/2026-12.jsonl": b"{}"})),
    "a submission beside intake": (
        "HFB090",
        lambda hub, ref: push(hub, ref, {"submissions/2026-12/aa/x.json": b"{}"}),
    ),
    "the registry": (
        "HFB090",
        lambda hub, ref: push(hub, ref, {"registry/submitters.json": b"{}"}),
    ),
    "a release": ("HFB090", lambda hub, ref: push(hub, ref, {"releases/9/manifest.json": b"{}"})),
    "a deletion": (
        "HFB090",
        lambda hub, ref: hub.push(RESULTS, ref, {}, deletes=["README.md"], author="grace"),
    ),
    "a wrong hash": (
        "HFB006",
        lambda hub, ref: push(hub, ref, {f"proposals/{'0' * 64}.json": b"{}"}),
    ),
    "a link": (
        "HFB003",
        lambda hub, ref: hub.push(
            RESULTS, ref, {}, symlinks={"proposals/l.json": "../README.md"}, author="grace"
        ),
    ),
    "a pointer": (
        "HFB091",
        lambda hub, ref: push(hub, ref, {"proposals/p.json": Pointer("0" * 64, 9).text()}),
    ),
    "a folder within": ("HFB091", lambda hub, ref: push(hub, ref, {"proposals/a/b.json": b"{}"})),
    "a program": ("HFB091", lambda hub, ref: push(hub, ref, {"proposals/setup.py": b"import os"})),
    "ten thousand files": (
        "HFB090",
        lambda hub, ref: push(hub, ref, {f"proposals/{n}.json": b"1" for n in range(10_000)}),
    ),
    "too many files": (
        "HFB095",
        lambda hub, ref: push(hub, ref, {f"proposals/{n}.json": b"1" for n in range(60)}),
    ),
    "too many bytes": (
        "HFB001",
        lambda hub, ref: push(hub, ref, {"proposals/large.json": b" " * (9 * 2**20)}),
    ),
    "words that become links": (
        "HFB006",
        lambda hub, ref: push(hub, ref, {"proposals/@channel [x](http:y) `.json": b"{}"}),
    ),
}


def push(hub: Hub, ref: str, files: dict[str, bytes]) -> None:
    hub.push(RESULTS, ref, files, author="grace")


@pytest.mark.parametrize("idea", HOSTILE)
def test_a_hostile_pull_request_changes_nothing(place: Dataset, maker: Maker, idea: str) -> None:
    rule, attack = HOSTILE[idea]
    path, data = made(maker)
    num = place.pull_request({path: data})
    attack(place.hub, f"refs/pr/{num}")
    before = place.hub.files(RESULTS)
    result = take(place)
    assert rule in rules(result)
    after = place.hub.files(RESULTS)
    new = {name for name in after if before.get(name) != after[name]}
    assert {name.partition("/")[0] for name in new} <= {"ledger", "submissions"}
    (note,) = place.told(num)
    assert rule in note
    assert all(line.startswith("    ") for line in note.splitlines()[1:] if line)  # all is code
    assert [one.status for one in place.hub.pull_requests(RESULTS)] == ["closed"]
    assert take(place).decisions == []
    assert_sound(place)


def test_what_was_pushed_after_the_look_is_not_taken(place: Dataset, maker: Maker) -> None:
    path, data = made(maker)
    num = place.pull_request({path: data})

    class Watched(HubStore):
        """A store whose pull requests are pushed to as soon as they have been looked at."""

        def proposal(self, proposal_id: str) -> Any:
            pinned = super().proposal(proposal_id)
            push(place.hub, f"refs/pr/{num}", {path: b"{}", **README})
            return pinned

    result = take_in(Watched(RESULTS, place.hub.endpoint, "hf_maintainer"), lambda: NOW)
    assert [one.outcome for one in result.decisions] == ["accepted"]
    assert data in place.hub.files(RESULTS).values()
    assert b"# owned" not in place.hub.files(RESULTS).values()
    assert [one.status for one in place.hub.pull_requests(RESULTS)] == ["open"]  # it has changed
    assert rules(take(place)) == {"HFB090"}
    assert_sound(place)


def test_suspended_and_too_busy_submitters(place: Dataset, maker: Maker) -> None:
    registry = {"suspended": {"ada": "copied samples"}, "documents_per_day": 2}
    place.fill({"registry/submitters.json": json.dumps(registry).encode()})
    for _ in range(3):
        place.pull_request(dict([made(maker)]))
    send(client(place.hub, "ada"), dict([made(maker)]), create_pr=True)
    result = take(place)
    assert Counter(one.outcome for one in result.decisions) == {"accepted": 2, "refused": 1}
    assert rules(result) == {"HFB093"}
    assert len(result.deferred) == 1
    assert take(place).decisions == []
    tomorrow = take_in(place.open(), lambda: datetime(2026, 12, 12, tzinfo=UTC))
    assert [one.outcome for one in tomorrow.decisions] == ["accepted"]
    assert_sound(place)


def test_two_intakes_and_twelve_uploaders_at_once(place: Dataset, maker: Maker) -> None:
    documents = [made(maker) for _ in range(12)]

    def upload(number: int) -> None:
        send(client(place.hub, "grace"), dict([documents[number]]), create_pr=True)

    def intake() -> None:
        for _ in range(4):
            take(place)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
    threads += [threading.Thread(target=intake) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    take(place)
    ledger = read_ledger(newest(place.open()))
    names = Counter(entry["sha256"] for entry in ledger.entries)
    assert names == Counter({sha256_hex(data): 1 for _, data in documents})
    assert {one.status for one in place.hub.pull_requests(RESULTS)} == {"closed"}
    assert_sound(place)


def test_a_network_that_fails_loses_and_doubles_nothing(place: Dataset, maker: Maker) -> None:
    documents = [made(maker) for _ in range(6)]
    for document in documents:
        place.pull_request(dict([document]))
    faults = {reset(): 0.1, lost_answer(): 0.1, status(503): 0.1, rate_limited(): 0.05}
    place.hub.faults.randomly(faults, seed=Random(5).randrange(100))
    for _ in range(20):
        try:
            if not take(place).notes and not place.hub.pull_requests(RESULTS, "open"):
                break
        except Exception as error:  # what the command line would say, and end
            assert type(error).__name__ in ("StoreError", "HubError", "ConflictError"), error
    place.hub.faults.clear()
    take(place)
    names = Counter(e["sha256"] for e in read_ledger(newest(place.open())).entries)
    assert names == Counter({sha256_hex(data): 1 for _, data in documents})
    assert {one.status for one in place.hub.pull_requests(RESULTS)} == {"closed"}
    assert_sound(place)


@uploads_large_files
def test_compaction_leaves_tables_and_a_card(place: Dataset, maker: Maker) -> None:
    path, data = made(maker)
    place.pull_request({path: data})
    take(place)
    (done,) = compact(place.open(), "2027-01")
    assert (done.month, done.documents) == ("2026-12", 1)
    files = place.hub.files(RESULTS)
    assert not any(name.startswith("submissions/") for name in files)
    assert b"config_name: process_runs" in files["README.md"]
    place.pull_request({path: data})
    assert [one.outcome for one in take(place).decisions] == ["known"]
    assert_sound(place)


def test_what_was_pushed_to_main_is_taken_in(place: Dataset, maker: Maker) -> None:
    path, data = made(maker)
    bad = f"proposals/{A}.json"
    place.fill({path: data, bad: b"{}"})
    result = take(place)
    assert {one.name: one.outcome for one in result.decisions} == {
        path.removeprefix("proposals/"): "accepted",
        bad.removeprefix("proposals/"): "refused",
    }
    files = place.hub.files(RESULTS)
    assert not any(name.startswith("proposals/") for name in files)
    assert b"HFB006" in files[f"refused/{A}.txt"]
    assert {entry["submitter"] for entry in read_ledger(newest(place.open())).entries} == {
        "hfbench"
    }
    assert_sound(place)
