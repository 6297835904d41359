"""Several machines that train together: how they meet, and what becomes of them if one fails.

Machines are threads here, with an output folder and a worker of their own each; the workers are
stand-ins. What they say to each other goes over TCP, as between machines.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.submit.made_up_submission import NEW, OLD
from tests.submit.made_up_training import EAGER, TINY, training_sitting
from tests.submit.test_launching import worker_that_runs

from hfbench_submit.commands.options import Rendezvous
from hfbench_submit.commands.together import team_of
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching import joining, meeting
from hfbench_submit.launching.following import Follower
from hfbench_submit.launching.joining import difference, facts_of, gather
from hfbench_submit.launching.launcher import Launcher
from hfbench_submit.launching.lines import MOST_LINE_BYTES, Line, LostError
from hfbench_submit.launching.meeting import Address, Invitation, Reception, lead_or_follow
from hfbench_submit.launching.nodes import Team
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.planning.slots import Slot

RANKS = TINY.format("torch-eager", "fp32", 2)
SLOT = Slot(RANKS, 0, 0, "training", "empty")
LOADED = """
say("phase", name="import")
say("loaded", packages={}, threads={"intra_op": 1, "inter_op": 1}, placement={"cpus": 1})
"""
MEASURES = (
    LOADED
    + """
place = {name: plan[name] for name in ("nodes", "node_rank", "rendezvous")}
say("measured", status="ok", training=place)
os._exit(0)
"""
)
HANGS = LOADED + 'say("phase", name="step 3 of 96 (epoch 1)")\n'
FAILS = (
    LOADED
    + """
say("failed", status="oom_host", reason="in step 3 of 96 (epoch 1): no memory left")
os._exit(1)
"""
)
NOTICES = (
    LOADED
    + """
time.sleep(1)
say("failed", status="error", reason="a rank on another machine ended or lost its connection")
os._exit(1)
"""
)


def free_address() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])


@contextmanager
def in_a_thread(work: Callable[[], Any]) -> Iterator[Future[Any]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def leads(address: Address, machines: int = 2) -> Reception:
    reception = lead_or_follow(address, machines, print)
    assert isinstance(reception, Reception)
    return reception


def follows(address: Address, machines: int = 2) -> Invitation:
    invitation = lead_or_follow(address, machines, print)
    assert isinstance(invitation, Invitation)
    return invitation


class Machines:
    """A leader and a follower, whose workers run some code."""

    def __init__(self, folder: Path, leader: str, follower: str) -> None:
        self.folder, self.said = folder, list[str]()
        self.plans = [
            training_sitting(
                RANKS, python=worker_that_runs(code, folder / role), nodes=2, timeout_s=30
            )
            for role, code in (("leader", leader), ("follower", follower))
        ]
        self.address = free_address()
        self.reception = leads(self.address)
        self.invitation = follows(self.address)

    def follow(self) -> None:
        """Be the follower, to the end of the sitting."""
        with closing(self.invitation.line):
            follower = Follower(self.invitation, self.plans[1], self.said.append)
            follower.join()
            follower.follow()

    @contextmanager
    def team(self) -> Iterator[Team]:
        """Be the leader, to the end of the sitting."""
        with team_of(self.reception, self.plans[0], self.said.append) as team:
            assert team is not None
            yield team

    def launch(self, team: Team) -> dict[str, Any]:
        """Measure one slot together."""
        launcher = Launcher(self.plans[0], self.folder / "caches", team)
        outcome = launcher.launch_slot(SLOT, self.folder / "caches", None).outcome
        return outcome_fields(outcome, {}, 30)


MakeMachines = Callable[[str, str], Machines]


@pytest.fixture
def machines_with(tmp_path: Path) -> Iterator[MakeMachines]:
    with ExitStack() as stack:

        def make(leader: str, follower: str) -> Machines:
            machines = Machines(tmp_path, leader, follower)
            stack.callback(machines.reception.close)
            stack.callback(machines.invitation.line.close)
            return machines

        yield make


def test_what_all_machines_measure_is_one_process_run(machines_with: MakeMachines) -> None:
    machines = machines_with(MEASURES, MEASURES)
    with in_a_thread(machines.follow) as following:
        with machines.team() as team:
            first, second = machines.launch(team), machines.launch(team)
        following.result(20)
    assert first["status"] == second["status"] == "ok"
    rendezvous = [run["training"].pop("rendezvous") for run in (first, second)]
    assert {place.partition(":")[0] for place in rendezvous} == {"127.0.0.1"}
    assert len({*rendezvous, str(machines.address)}) == 3
    assert first["training"] == second["training"] == {"nodes": 2, "node_rank": 0}
    told = "\n".join(machines.said)
    assert "machine 2 of 2 is 127.0.0.1" in told
    assert "this is machine 2 of 2" in told
    assert "this machine took part in 2 of its process runs" in told


@pytest.mark.parametrize("leader", [HANGS, NOTICES])
def test_the_process_run_fails_as_the_other_machine_says(
    machines_with: MakeMachines, leader: str
) -> None:
    machines = machines_with(leader, FAILS)
    with in_a_thread(machines.follow) as following:
        with machines.team() as team:
            began = time.monotonic()
            fields = machines.launch(team)
            assert time.monotonic() - began < 25
        following.result(20)
    assert fields["status"] == "oom_host"
    assert fields["reason"] == "machine 2 of 2: in step 3 of 96 (epoch 1): no memory left"


def test_what_the_leader_says_itself_goes_before_what_others_notice(
    machines_with: MakeMachines,
) -> None:
    machines = machines_with(FAILS, NOTICES)
    with in_a_thread(machines.follow) as following:
        with machines.team() as team:
            fields = machines.launch(team)
        following.result(20)
    assert fields["reason"] == "in step 3 of 96 (epoch 1): no memory left"


def test_a_worker_left_behind_is_stopped(machines_with: MakeMachines) -> None:
    machines = machines_with(FAILS, HANGS)
    with in_a_thread(machines.follow) as following:
        with machines.team() as team:
            assert machines.launch(team)["status"] == "oom_host"
        following.result(20)
    assert any(text.endswith("stopped") for text in machines.said)


def test_a_machine_that_is_lost_ends_the_process_run_and_then_the_sitting(
    machines_with: MakeMachines,
) -> None:
    machines = machines_with(HANGS, HANGS)

    def is_killed() -> None:
        with closing(machines.invitation.line) as line:
            Follower(machines.invitation, machines.plans[1], machines.said.append).join()
            line.hear(None)

    with in_a_thread(is_killed), machines.team() as team:
        began = time.monotonic()
        fields = machines.launch(team)
        assert time.monotonic() - began < 20
        assert fields["status"] == "error"
        assert fields["reason"].startswith("machine 2 of 2 was lost: it closed the connection")
        with pytest.raises(SubmitError, match=r"machine 2 of 2 was lost.*run the same command"):
            machines.launch(team)


def test_a_follower_ends_with_the_leader(machines_with: MakeMachines, tmp_path: Path) -> None:
    machines = machines_with(MEASURES, HANGS)
    with in_a_thread(machines.follow) as following:
        lines = gather(machines.reception, facts_of(machines.plans[0]), print)
        slot = {"cell": RANKS, "environment": 0, "block": 0, "role": "training"}
        lines[2].say("launch", slot=slot, place={"node_rank": 1}, hash_seed=1)
        time.sleep(1)
        lines[2].close()
        with pytest.raises(SubmitError, match="is gone: it closed the connection"):
            following.result(30)
    children = psutil.Process().children()
    assert not [child for child in children if str(tmp_path) in " ".join(child.cmdline())]


def test_machines_that_would_measure_something_else_are_refused(
    machines_with: MakeMachines,
) -> None:
    machines = machines_with(MEASURES, MEASURES)
    machines.plans[1] = training_sitting(RANKS, environments=(OLD,), nodes=2)
    different = "transformers in environment transformers-5.23.0: 5.23.0 where it leads, 4.57.6"
    with in_a_thread(machines.follow) as following:
        with (
            pytest.raises(SubmitError, match=f"would not measure the same: {different}"),
            machines.team(),
        ):
            pass
        with pytest.raises(SubmitError, match=f"does not take this one: {different}"):
            following.result(20)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "0.0"}, "hfbench: 0.1.0 where it leads, 0.0 there"),
        ({"cells": []}, "give the same --cells on every machine"),
        ({"data": {"grammar": "1" * 64}}, "the examples of grammar differ"),
        ({"tokenizers": {}}, "the tokenizers of grammar for bert-tiny differ"),
        ({"environments": []}, "give the same --with and --env"),
        ({"machine": "m1-0"}, "the hardware, by its machine key"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], said: str) -> None:
    facts = facts_of(training_sitting(EAGER, environments=(OLD, NEW)))
    assert difference(facts, facts) is None
    assert said in (difference(facts, facts | changes) or "")


def test_strangers_at_the_door_hold_nobody_up(machines_with: MakeMachines) -> None:
    machines = machines_with(MEASURES, MEASURES)
    place = (machines.address.host, machines.address.port)
    with socket.create_connection(place) as silent, socket.create_connection(place) as http:
        http.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with in_a_thread(machines.follow) as following:
            with machines.team():
                pass
            following.result(20)
        assert b'"greeting"' in silent.recv(4096)


def test_who_does_not_come_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "WAIT_S", 0.5)
    address = free_address()
    reception, facts = leads(address, machines=3), facts_of(training_sitting(RANKS, nodes=3))
    with closing(reception), closing(follows(address, machines=3).line):
        missed = r"only 1 of 3 machines .* 127.0.0.1 connected, and is not ready"
        with pytest.raises(SubmitError, match=missed):
            gather(reception, facts, print)


def test_a_port_that_something_else_has_taken_is_named_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meeting, "_GREETING_S", 1.0)
    address, began = free_address(), time.monotonic()
    with socket.create_server((address.host, address.port)) as taken:

        def answer_in_html() -> None:
            with taken.accept()[0] as silent, taken.accept()[0] as web:
                web.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                assert silent.recv(1) == b""

        with in_a_thread(answer_in_html) as answering:
            for _ in range(2):
                with pytest.raises(SubmitError, match=f"not hfbench listens at {address}: choose"):
                    lead_or_follow(address, 2, print)
            answering.result(5)
    assert time.monotonic() - began < 10


def test_a_port_that_is_bound_and_never_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "_TAKEN_WAIT_S", 0.5)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(SubmitError, match="is taken on this machine, and nothing answers"):
            lead_or_follow(Address("127.0.0.1", bound.getsockname()[1]), 2, print)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("no-such-host.invalid", r"cannot resolve the host no-such-host.invalid"),
        ("0.0.0.0", "is every machine's own address"),  # noqa: S104 - to be refused
        ("x" * 300, "cannot resolve the host"),
    ],
)
def test_a_host_that_means_nothing_is_named(host: str, said: str) -> None:
    with pytest.raises(SubmitError, match=said):
        lead_or_follow(Address(host, 29500), 2, print)


def test_nobody_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "WAIT_S", 0.2)
    monkeypatch.setattr(meeting, "_TAKEN_WAIT_S", 0.1)
    monkeypatch.setattr(meeting, "_CONNECT_S", 0.2)
    said: list[str] = []
    with pytest.raises(SubmitError, match=r"nobody leads at 192\.0\.2\.1:29500"):
        lead_or_follow(Address("192.0.2.1", 29500), 2, said.append)  # reserved for documentation
    assert "waiting for the machine that leads at 192.0.2.1:29500" in said[0]


def test_a_leader_of_another_number_of_machines_is_refused() -> None:
    address = free_address()
    with (
        closing(leads(address, machines=3)),
        pytest.raises(SubmitError, match="has --nodes 3, and this one --nodes 2"),
    ):
        lead_or_follow(address, 2, print)


def test_both_ends_know_that_they_are_on_one_machine() -> None:
    address = free_address()
    with closing(leads(address)):
        invitation = follows(address)
        assert invitation.same_machine
        invitation.line.close()


@pytest.fixture
def line() -> Iterator[tuple[Line, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        with ours, theirs:
            yield Line(ours, "127.0.0.1"), theirs


def test_lines_come_whole_in_order_and_in_time(line: tuple[Line, socket.socket]) -> None:
    ours, theirs = line
    assert ours.hear(0.1) is None
    theirs.sendall(b'{"event": "a"}\n{"event": "b"}\n{"eve')
    assert ours.hear(1) == {"event": "a"}
    assert ours.heard() == [{"event": "b"}]
    assert ours.heard() == []
    theirs.sendall(b'nt": "c"}\n')
    theirs.close()
    assert ours.hear(None) == {"event": "c"}
    with pytest.raises(LostError, match="it closed the connection"):
        ours.hear(1)


@pytest.mark.parametrize(
    "line_of", [b"\xff\n", b"[]\n", b"{}\n", b'{"event": 1}\n', b"[" * 9999 + b"\n"]
)
def test_what_is_no_message_ends_the_line(line: tuple[Line, socket.socket], line_of: bytes) -> None:
    ours, theirs = line
    theirs.sendall(line_of)
    with pytest.raises(LostError, match="does not speak as hfbench does"):
        ours.hear(1)


def test_a_line_without_end_is_cut_off(line: tuple[Line, socket.socket]) -> None:
    ours, theirs = line
    flood = threading.Thread(target=lambda: theirs.sendall(b"x" * (MOST_LINE_BYTES + 1)))
    flood.start()
    with pytest.raises(LostError, match=f"more than {MOST_LINE_BYTES} bytes in one line"):
        ours.hear(10)
    flood.join()


def test_addresses_are_read_as_they_are_written() -> None:
    for text in ("node1:29500", "10.0.0.1:80", "[fe80::1]:29500"):
        assert str(Rendezvous().convert(text, None, None)) == text
