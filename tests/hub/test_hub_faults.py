"""Faults of the test Hub as the real client sees them, and that the server leaves nothing open."""

import http.client
import json
import socket
import time
from typing import Any

import pytest
from huggingface_hub import get_session
from tests.hub.clients import client, outcome, send
from tests.hub.faults import (
    Fault,
    Faults,
    delayed,
    lost_answer,
    rate_limited,
    reset,
    status,
    truncated,
)
from tests.hub.fixtures import RESULTS
from tests.hub.server import HubServer
from tests.hub.state import Hub

SEEN = [  # a fault, what the client sees, the status that was answered, whether the commit landed
    (reset(), "ReadError", None, False),
    (lost_answer(), "ReadError", None, True),
    (truncated(), "RemoteProtocolError", 200, True),
    (delayed(0.1), "fine", 200, True),
    (rate_limited(), 429, 429, False),
    (status(500, processed=True), 500, 500, True),
    *((status(code), code, code, False) for code in (408, 412, 500, 502, 503, 504)),
]


@pytest.mark.parametrize(("fault", "seen", "answered", "landed"), SEEN)
def test_a_commit_that_meets_a_fault(
    hub: Hub, fault: Fault, seen: int | str, answered: int | None, landed: bool
) -> None:
    ada = client(hub, "ada")
    hub.faults.nth(2, "POST", "/commit/", fault)
    send(ada, {"0.json": b"{}"}, create_pr=True)
    assert outcome(lambda: send(ada, {"1.json": b"{}"}, create_pr=True)) == seen
    assert len(hub.pull_requests(RESULTS)) == 1 + landed
    last = hub.log[-1]
    assert (last.fault, last.status, last.user) == (fault.name, answered, "ada")
    send(ada, {"2.json": b"{}"}, create_pr=True)


def test_what_the_client_asks_again_succeeds_after_the_wait_the_hub_names(hub: Hub) -> None:
    hub.faults.nth(1, "POST", "/preupload/", rate_limited())
    send(client(hub, "hfbench"), {"a.json": b"{}"})
    assert [request.status for request in hub.log] == [429, 200, 200]
    assert "a.json" in hub.files(RESULTS)


def test_random_faults_are_the_same_for_the_same_seed(hub: Hub) -> None:
    def drawn(seed: int) -> list[Fault | None]:
        faults = Faults()
        faults.randomly({reset(): 0.3, status(503): 0.3}, seed=seed, path="/commit/")
        assert faults.draw("POST", "/api/whoami-v2") is None
        return [faults.draw("POST", "/commit/main") for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == {reset(), status(503), None}
    hub.faults.randomly({status(504): 1.0}, seed=1)
    assert outcome(client(hub, "ada").whoami) == 504
    hub.faults.clear()
    assert outcome(client(hub, "ada").whoami) == "fine"


def test_one_connection_serves_refusals_and_chunked_bodies(hub: Hub) -> None:
    connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=10)
    headers = {"Authorization": "Bearer hf_ada"}
    asked: list[tuple[str, str, Any, int]] = [
        ("POST", "/api/nowhere", b"x" * 100_000, 404),
        ("PUT", f"/uploads/{RESULTS}/{'0' * 64}", iter([b"one", b"two"]), 400),
        ("HEAD", f"/datasets/{RESULTS}/resolve/main/README.md", None, 200),
        ("GET", "/api/whoami-v2", None, 200),
    ]
    for method, path, body, answered in asked:
        connection.request(method, path, body, headers)
        kept, answer = connection.sock, connection.getresponse()
        content = answer.read()
        assert answer.status == answered, path
        assert connection.sock is kept, path
    assert json.loads(content)["name"] == "ada"
    connection.close()


def test_a_server_that_closes_waits_for_nobody() -> None:
    with HubServer() as hub:
        hub.faults.randomly({delayed(60): 1.0}, seed=1)
        port = int(hub.endpoint.rsplit(":", 1)[1])
        waiting = socket.create_connection(("127.0.0.1", port), timeout=10)
        waiting.sendall(b"GET /api/whoami-v2 HTTP/1.1\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert waiting.recv(1) == b""
    waiting.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 100\r\n\r\n{}\n",
        b"Transfer-Encoding: chunked\r\n\r\n64\r\n{}\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n",
    ],
)
def test_a_request_of_a_client_that_died_has_no_effect(hub: Hub, sent: bytes) -> None:
    port = int(hub.endpoint.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as dying:
        dying.sendall(f"POST /api/datasets/{RESULTS}/commit/main HTTP/1.1\r\n".encode() + sent)
        dying.shutdown(socket.SHUT_WR)
        assert dying.recv(1) == b""
    assert hub.log == []


def test_a_failure_inside_the_server_is_raised_when_it_closes() -> None:
    with pytest.raises(json.JSONDecodeError), HubServer() as hub:
        hub.add_user("ada", "hf_ada")
        answer = get_session().post(
            f"{hub.endpoint}/api/repos/create",
            content=b"no JSON",
            headers={"Authorization": "Bearer hf_ada"},
        )
        assert answer.status_code == 500
