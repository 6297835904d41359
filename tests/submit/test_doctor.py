"""The doctor finds what is really wrong: each test makes a defect, or shows that there is none."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from typing import Any, cast

import pytest
from tests.conftest import REPOSITORY
from tests.submit.test_launching import environment_that_starts_with

from hfbench_schema.submission import EnvironmentFacts
from hfbench_submit.doctor import hub_checks
from hfbench_submit.doctor.check import Check, guarded
from hfbench_submit.doctor.doctor import fix_first
from hfbench_submit.doctor.environment_checks import check_environment, synchronisation_check
from hfbench_submit.doctor.hub_checks import check_hub
from hfbench_submit.doctor.machine_checks import (
    check_compiler,
    check_disk,
    check_limits,
    check_quiet,
    check_timer,
)
from hfbench_submit.doctor.power_checks import check_power
from hfbench_submit.environments.environments import Environment
from hfbench_submit.machine.placement import usable_cpus
from hfbench_worker.self_check import time_chains
from hfbench_worker.workload import Workload

TOKEN = "hf_never_to_be_printed"  # noqa: S105 - nobody's
NOISY = ("ok", "warning")
"""What a check of timings may say on a machine that others use, too."""
MOST_NAMED = 3


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def inside(environment: Environment) -> dict[str, Check]:
    return by_name(check_environment(environment, usable_cpus(), gpu=False))


def file_under(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


# Environments


def test_a_healthy_environment(environments: Sequence[Environment]) -> None:
    checks = inside(environments[0])
    assert checks["environment"].verdict == "ok"
    assert "transformers 4.57.6; imported in" in checks["environment"].detail
    assert checks["isolation"].verdict == "ok"
    assert checks["memory meter"].verdict == "ok"
    assert checks["synchronisation on cpu"].verdict in NOISY
    assert checks["threads"].verdict in NOISY
    assert len(checks) == 5


@pytest.mark.skipif(len(usable_cpus()) == 1, reason="one thread is all there can be")
def test_an_environment_that_resets_threads_and_shows_the_client(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    code = (
        "import os, sys; os.environ.update(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', PYTHONPATH='')"
    )
    code += f"; sys.path.append({str(REPOSITORY / 'submit')!r})"
    checks = inside(environment_that_starts_with(code, environments[0], tmp_path))
    assert checks["threads"].verdict == "failed"
    assert "the framework says 1" in checks["threads"].detail
    assert checks["isolation"].verdict == "failed"
    assert "hfbench_submit, PYTHONPATH" in checks["isolation"].detail
    assert checks["memory meter"].verdict == "ok"


def test_a_python_that_cannot_import_torch(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    facts: EnvironmentFacts = {"label": "empty", "replica": 0, "python": "3", "packages": {}}
    checks = inside(Environment(tmp_path / "bin" / "python", facts))
    assert checks["environment"].verdict == "failed"
    assert "No module named 'torch'" in checks["environment"].detail
    assert checks["isolation"].verdict == checks["memory meter"].verdict == "ok"
    assert checks["threads"].verdict == checks["synchronisation on cpu"].verdict == "unknown"


class QueueingDevice:
    """A device that computes later, as a GPU does: each product takes 2 ms of a queue."""

    def __init__(self, waits: bool) -> None:
        self._queue = ThreadPoolExecutor(1)
        self._waits = waits

    def anchor_calls(self) -> tuple[Callable[[], object], Callable[[], object]]:
        return lambda: QueuedProduct(self._queue.submit(sleep, 0.002)), lambda: None

    def synchronize(self) -> None:
        if self._waits:
            self._queue.submit(lambda: None).result()


class QueuedProduct:
    """A result that may not be there yet."""

    def __init__(self, done: Future[None]) -> None:
        self._done = done

    def cpu(self) -> None:
        self._done.result()


@pytest.mark.parametrize(("waits", "verdicts"), [(True, NOISY), (False, ("failed",))])
def test_a_synchronise_that_does_not_wait_is_found(waits: bool, verdicts: Sequence[str]) -> None:
    timed = time_chains(cast(Workload, QueueingDevice(waits)), "torch")
    assert synchronisation_check("synchronisation", timed).verdict in verdicts


# The machine


def test_a_hog_is_named() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as hog:
        (check,) = check_quiet(usable_cpus())
        hog.kill()
    assert check.verdict == "warning"
    # On a machine as busy as that without it, others may be the busiest.
    named = check.detail.count("(process ")
    assert f"(process {hog.pid})" in check.detail or named == MOST_NAMED


@pytest.mark.parametrize(("source", "verdict"), [("tsc", "ok"), ("hpet", "warning")])
def test_the_clock_source_is_judged(source: str, verdict: str, tmp_path: Path) -> None:
    folder = "sys/devices/system/clocksource/clocksource0"
    file_under(tmp_path, f"{folder}/current_clocksource", f"{source}\n")
    (check,) = check_timer(tmp_path)
    assert check.verdict == verdict
    assert f"clock source {source}" in check.detail


@pytest.mark.parametrize(("governor", "verdict"), [("performance", "ok"), ("powersave", "warning")])
def test_the_governor_is_judged(governor: str, verdict: str, tmp_path: Path) -> None:
    folder = "sys/devices/system/cpu"
    file_under(tmp_path, f"{folder}/cpu0/cpufreq/scaling_governor", f"{governor}\n")
    file_under(tmp_path, f"{folder}/intel_pstate/no_turbo", "0\n")
    check = by_name(check_power(tmp_path))["CPU frequency"]
    assert (check.verdict, check.detail) == (verdict, f"governor {governor}, turbo on")
    assert ("cpupower" in check.mend) == (verdict == "warning")


def test_a_container_smaller_than_its_machine(tmp_path: Path) -> None:
    file_under(tmp_path, "proc/self/cgroup", "0::/job\n")
    file_under(tmp_path, "sys/fs/cgroup/job/memory.max", f"{1 << 30}\n")
    (check,) = check_limits(1, tmp_path)
    assert check.verdict == "warning"
    assert "a memory limit leaves 1.0 GiB of" in check.detail


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file, no folder")
    checks = by_name(check_disk(tmp_path / "cache", tmp_path / "results"))
    assert checks["disk for environments"].verdict in NOISY
    assert checks["disk for results"].verdict == "failed"
    assert str(tmp_path / "results") in checks["disk for results"].mend


@pytest.mark.parametrize(
    ("compiler", "detail"),
    [
        ("", "no g++: torch.compile will fail"),
        ("echo 'x:1: fatal error: Python.h: No such file' >&2; exit 1", "error: Python.h: No such"),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="the compiler has another name there")
def test_a_compiler_that_is_no_good(
    compiler: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiler:
        (tmp_path / "g++").write_text(f"#!/bin/sh\n{compiler}\n")
        (tmp_path / "g++").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (check,) = check_compiler()
    assert check.verdict == "warning"
    assert detail in check.detail


# The Hub


class Hub(ThreadingHTTPServer):
    """Answers whoami on loopback with the one answer it was given, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, status: int, body: str, location: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Whoami)
        self.answer = status, body.encode(), location
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Whoami(BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        server = cast(Hub, self.server)
        server.asked.append((self.path, self.headers["Authorization"]))
        status, body, location = server.answer
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving(status: int, body: object, location: str = "") -> Iterator[Hub]:
    with Hub(status, body if isinstance(body, str) else json.dumps(body), location) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


def token_of(role: str, **fine_grained: Any) -> dict[str, Any]:
    access = {"role": role, "displayName": "x"} | (
        {"fineGrained": fine_grained} if fine_grained else {}
    )
    return {"name": "somebody", "auth": {"type": "access_token", "accessToken": access}}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep this machine's own token and settings out."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.mark.parametrize(
    ("status", "body", "verdict", "detail"),
    [
        (200, token_of("read"), "warning", "read-only: it cannot open pull requests"),
        (200, token_of("write"), "ok", "may open pull requests, and write: more than it needs"),
        (200, token_of("fineGrained", **{"global": ["discussion.write"]}), "ok", "fine-grained"),
        (200, token_of("fineGrained", **{"global": [], "scoped": []}), "warning", "without"),
        (
            200,
            token_of(
                "fineGrained",
                scoped=[{"entity": {"name": "org"}, "permissions": ["discussion.write"]}],
            ),
            "unknown",
            "only in org",
        ),
        (200, {"auth": {"type": "oauth"}}, "unknown", "does not tell"),
        (200, {"auth": [1]}, "unknown", "does not tell"),
        (401, {"error": "Invalid username or password."}, "warning", "refused by the Hub"),
        (429, {"error": "slow down"}, "unknown", "HTTP 429"),
    ],
)
def test_tokens_are_judged_by_what_they_may_do(
    status: int, body: object, verdict: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(status, body) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        checks = by_name(check_hub())
    assert hub.asked == [("/api/whoami-v2", f"Bearer {TOKEN}")]
    assert checks["Hub"].verdict == "ok"
    assert checks["Hub token"].verdict == verdict
    assert detail in checks["Hub token"].detail
    assert TOKEN not in str(checks)


def test_a_stored_token_is_found_and_none_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(200, token_of("write")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert by_name(check_hub())["Hub token"].detail.startswith("none")
        file_under(tmp_path, "hf/token", f"{TOKEN}\n")
        assert by_name(check_hub())["Hub token"].verdict == "ok"
    assert [authorization for _, authorization in hub.asked] == [None, f"Bearer {TOKEN}"]


def test_a_redirection_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(401, {}) as other, serving(302, "", f"{other.url}/login") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert by_name(check_hub())["Hub token"].verdict == "warning"
    assert other.asked == [("/login", None)]


@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}\nX: y", f"{TOKEN}é€"])
def test_an_unreachable_hub_is_a_warning(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_checks, "TIMEOUT_S", 0.5)
    monkeypatch.setenv("HF_TOKEN", token)
    with serving(503, "<html>down</html>") as down, socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"http://user:secret@127.0.0.1:{mute.getsockname()[1]}"
        for endpoint in (down.url, silent, "http://127.0.0.1:1", "file:///etc", "http://["):
            monkeypatch.setenv("HF_ENDPOINT", endpoint)
            checks = guarded("Hub", check_hub)
            assert checks[0].verdict in ("warning", "unknown"), endpoint
            assert TOKEN not in str(checks)
            assert "secret" not in str(checks)


def test_an_offline_client_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(200, token_of("write")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        checks = by_name(check_hub())
    assert checks["Hub"].verdict == "warning"
    assert hub.asked == []


# The whole


def test_a_check_that_breaks_is_unknown_and_the_worst_is_fixed_first() -> None:
    def breaks() -> Iterator[Check]:
        yield Check("half", "ok", "done")
        raise RuntimeError("a sensor\nis gone")

    half, broken = guarded("whole", breaks)
    assert half.detail == "done"
    assert broken.verdict == "unknown"
    assert broken.detail.endswith("RuntimeError: a sensor is gone")
    noisy, wrong = Check("a", "warning", "x", "end it"), Check("b", "failed", "y", "turn it off")
    assert fix_first([broken, noisy, wrong]) == "Fix first: b: turn it off"
    assert fix_first([broken]) == "Nothing to fix."


def run_doctor(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A temporary folder of its own has a lock of its own.
    environ = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:1", "TMPDIR": str(tmp_path)}
    code = "from hfbench_submit.commands.doctor import doctor; doctor()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)


def test_the_command_without_an_environment(tmp_path: Path) -> None:
    done = run_doctor(tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["environment"]["verdict"] == "unknown"
    assert checks["Hub"]["verdict"] == "warning"
    assert set(checks["timer"]) == {"name", "verdict", "detail", "mend"}


def test_the_command_fails_where_a_check_does(tmp_path: Path) -> None:
    done = run_doctor(tmp_path, "--with", "transformers'")
    assert done.returncode == 1
    assert "failed   environment: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Fix first: environment: ")
    assert "Traceback" not in done.stderr
