"""Real fork servers: the same answers as spawned workers, and nothing left behind."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.submit.test_launching import (
    CRASH,
    FOUR_GIB_ONLY,
    await_descendants,
    environment_that_starts_with,
    plan,
)

from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker

A_THREAD = (
    "import threading, time; threading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
)
ENDLESS = 10_000_000
CLIENT = """
import json, sys
from pathlib import Path
from hfbench_submit.launching.fork_server import ForkServer
with ForkServer(Path(sys.argv[1]), 1) as server:
    server.run(json.loads(sys.argv[2]), 60)
"""


@pytest.fixture(scope="module")
def server(environments: Sequence[Environment]) -> Iterator[ForkServer]:
    with ForkServer(environments[0].python, 1) as running:
        yield running


def fields(outcome: WorkerOutcome, environment: Environment, timeout_s: float) -> dict[str, Any]:
    return outcome_fields(outcome, environment.facts["packages"], timeout_s)


def kill_soon(victim: int) -> threading.Thread:
    """Kill server (0) or worker (1), half a second after both are there."""

    def kill() -> None:
        server_and_worker = await_descendants(2)
        time.sleep(0.5)
        server_and_worker[victim].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


def test_forked_workers_answer_as_spawned_ones_do(
    server: ForkServer, environments: Sequence[Environment]
) -> None:
    spawned = run_worker(environments[0].python, plan(), 1, 60)
    forked = [server.run(plan(), 60) for _ in range(2)]
    measured = [fields(outcome, environments[0], 60) for outcome in (spawned, *forked)]
    assert {one["status"] for one in measured} <= {"ok", "no_steady_state"}
    assert len({one["output_sha256"] for one in measured}) == 1
    assert measured[2].keys() - {"reason"} == measured[0].keys() - {"reason"}
    assert measured[2]["threads"] == measured[0]["threads"]
    assert forked[1].wall_ns < spawned.wall_ns / 2
    assert 0 < forked[1].cpu_s < forked[0].cpu_s
    assert forked[1].phase == spawned.phase


def test_a_worker_that_is_silent_too_long(
    server: ForkServer, environments: Sequence[Environment]
) -> None:
    failed = fields(server.run(plan() | {"iterations": ENDLESS}, 8), environments[0], 8)
    assert failed["status"] == "timeout"
    assert failed["reason"].startswith("timeout in phase calls: no answer after 8 s")
    await_descendants(0)


def test_a_worker_or_server_that_is_killed(
    server: ForkServer, environments: Sequence[Environment]
) -> None:
    for victim in (1, 0):
        killer = kill_soon(victim)
        failed = fields(server.run(plan() | {"iterations": ENDLESS}, 60), environments[0], 60)
        killer.join()
        assert failed["status"] == "error"
        assert "SIGKILL (out of memory, or killed by hand)" in failed["reason"]
        await_descendants(0)
    again = fields(server.run(plan(), 60), environments[0], 60)
    assert again["status"] in ("ok", "no_steady_state")


def test_server_and_worker_end_with_their_client(environments: Sequence[Environment]) -> None:
    python = environments[1].python
    endless = json.dumps(plan() | {"iterations": ENDLESS})
    client = subprocess.Popen([sys.executable, "-c", CLIENT, str(python), endless])
    server_and_worker = await_descendants(2, of=client.pid)
    client.kill()
    client.wait()
    _, alive = psutil.wait_procs(server_and_worker, timeout=5)
    assert not alive


def test_an_environment_that_starts_a_thread_cannot_be_forked(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    threaded = environment_that_starts_with(A_THREAD, environments[0], tmp_path)
    with ForkServer(threaded.python, 1) as server:
        failed = fields(server.run(plan(), 60), threaded, 60)
    assert failed["status"] == "unsupported"
    assert "threads, and a fork of it would hang" in failed["reason"]


def test_a_server_that_crashes_or_lacks_its_framework(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    crashing = environment_that_starts_with(CRASH, environments[0], tmp_path / "crashing")
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    for python, status, reason in (
        (crashing.python, "error", "SIGSEGV"),
        (empty / "bin" / "python", "unsupported", "No module named 'torch'"),
    ):
        with ForkServer(python, 1) as server:
            failed = fields(server.run(plan(), 60), environments[0], 60)
        assert failed["status"] == status
        assert reason in failed["reason"]


def test_a_forked_worker_without_enough_memory(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    small = environment_that_starts_with(FOUR_GIB_ONLY, environments[0], tmp_path)
    with ForkServer(small.python, 1) as server:
        assert fields(server.run(plan(batch_size=4000), 60), small, 60)["status"] == "oom_host"
        assert fields(server.run(plan(), 60), small, 60)["status"] in ("ok", "no_steady_state")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cell": {"framework": "tensorflow", "device": "cpu"}}, "framework tensorflow has not"),
        ({"cell": {"framework": "torch", "device": "cuda"}}, "device cuda has not been shown"),
        ({"role": "cold"}, "a forked worker has no cold start"),
    ],
)
def test_what_can_only_be_spawned(changes: dict[str, Any], reason: str) -> None:
    with ForkServer(Path("never-started"), 1) as server:
        outcome = server.run(plan() | changes, 60)
    failed = outcome_fields(outcome, {}, 60)
    assert failed["status"] == "unsupported"
    assert reason in failed["reason"]
    assert outcome.wall_ns == 0
