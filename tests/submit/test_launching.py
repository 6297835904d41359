"""Real workers that crash, hang, run out of memory, or print garbage: always an outcome."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfbench_schema.privacy import find_address, find_private
from hfbench_schema.rules_bytes import check_text
from hfbench_schema.submission import EnvironmentFacts
from hfbench_schema.suites import latest_suite
from hfbench_submit.environments.environments import Environment
from hfbench_submit.launching.listening import MOST_ANSWER_BYTES
from hfbench_submit.launching.outcomes import LONGEST_REASON, outcome_fields, printable_reason
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker, worker_environ

SUITE = latest_suite("smoke")
CRASH = "import ctypes; ctypes.string_at(0)"
HANG_WITH_CHILD = "import subprocess, time; subprocess.Popen(['sleep', '4321']); time.sleep(4321)"
GARBAGE = 'import sys; print(\'{"event": "measured"}\' * 99, flush=True)'
STAND_IN = """
import json, os, subprocess, sys, time
plan = json.loads(sys.stdin.readline())
answer_fd = plan["answer_fd"]
def say(event, **fields):
    os.write(answer_fd, json.dumps({"event": event, "at": time.monotonic(), **fields}).encode())
    os.write(answer_fd, b"\\n")
"""
SLOW_PHASES = """
for name in ("import", "build", "prepare", "first call"):
    say("phase", name=name)
    time.sleep(0.5)
"""
WINDOWS = """
for edge in ("begin", "end", "begin", "end"):
    say("window", kind="busy", edge=edge)
    time.sleep(0.5)
os._exit(0)
"""
PRINTS_200_MB = """
for number in range(200):
    print("x" * 1_000_000, flush=True)
print("the end", flush=True)
os._exit(7)
"""
ANSWERS_WITHOUT_END = """
while True:
    os.write(answer_fd, b"[" * 65536)
"""
LEAVES_A_CHILD = """
left = subprocess.Popen(["sleep", "99"], pass_fds=[answer_fd], start_new_session=True)
say("left", pid=left.pid)
os._exit(3)
"""
BURNS_CPU = """
while time.process_time() < 1:
    pass
os._exit(0)
"""
OUT_OF_MEMORY_IN_CPP = """
print("terminate called after throwing an instance of 'std::bad_alloc'", flush=True)
os.abort()
"""
TELLS_ABOUT_ITSELF = """
told = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
say("told", environ=told, path=sys.path, hash=hash("hfbench"), optimize=sys.flags.optimize)
os._exit(0)
"""
FOUR_GIB_ONLY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))"


def plan(model: str = "vit-tiny", **changes: Any) -> dict[str, Any]:
    cell = {
        "framework": "torch",
        "mode": "eager",
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 1,
        "sequence_length": 64,
    }
    described = {"inputs": SUITE.models[model].inputs, "config": SUITE.models[model].config}
    return {"cell": cell | changes, "model": described, "seed": 1, "iterations": 10}


def environment_that_starts_with(code: str, over: Environment, folder: Path) -> Environment:
    """Layer an environment over another one, with `code` run as every interpreter starts."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    layer = next(over.python.parent.parent.glob("lib/python*/site-packages"))
    (packages / "a-layer.pth").write_text(
        f"import site; site.addsitedir({str(layer)!r})\n{code}\n", encoding="utf-8"
    )
    return Environment(folder / "bin" / "python", over.facts)


def worker_that_runs(code: str, folder: Path) -> Path:
    """Return an interpreter that reads the plan and then runs `code` instead of hfbench_worker.

    `say(event, **fields)` answers, `plan` is what it was told; whoever does not leave hangs.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "instead.py").write_text(STAND_IN + code + "\ntime.sleep(4321)", encoding="utf-8")
    (packages / "instead.pth").write_text("import instead", encoding="utf-8")
    return folder / "bin" / "python"


def fields(environment: Environment, timeout_s: float = 60, **changes: Any) -> dict[str, Any]:
    outcome = run_worker(environment.python, plan(**changes), 1, timeout_s)
    return outcome_fields(outcome, environment.facts["packages"], timeout_s)


def processes_with(text: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if text in (p.info["cmdline"] or [])]


def await_descendants(number: int, of: int | None = None) -> list[psutil.Process]:
    """Wait until a process, by default this one, has that many descendants; the oldest first."""
    deadline = time.monotonic() + 30
    while len(found := _descendants(psutil.Process(of))) != number:
        assert time.monotonic() < deadline, f"{len(found)} processes instead of {number}"
        time.sleep(0.05)
    return sorted(found, key=psutil.Process.create_time)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return them without Python's resource tracker, which stays once there was a process pool."""
    return [each for each in process.children(recursive=True) if not _is_resource_tracker(each)]


def _is_resource_tracker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.resource_tracker" in part for part in process.cmdline())
    except psutil.Error:  # it is gone, or a zombie, which counts
        return False


def test_a_worker_measures(environments: Sequence[Environment]) -> None:
    for environment in environments:
        outcome = run_worker(environment.python, plan(), 1, 60)
        measured = outcome_fields(outcome, environment.facts["packages"], 60)
        assert measured["status"] in ("ok", "no_steady_state")
        timed = len(measured["iterations_ns"]) - measured["warmup_iterations"]
        assert timed == 10
        assert measured["warmup_iterations"] >= 13
        assert 0 < sum(measured["iterations_ns"]) < outcome.wall_ns
        assert measured["threads"]["intra_op"] == 1
        loaded = outcome.messages["loaded"]["packages"]
        assert loaded["transformers"] == environment.facts["packages"]["transformers"]


def test_the_same_weights_and_inputs_in_both_versions(environments: Sequence[Environment]) -> None:
    for model in SUITE.models:
        digests = {fields(e, model=model)["output_sha256"] for e in environments}
        assert len(digests) == 1, model


def test_the_parent_sleeps_while_the_worker_measures(environments: Sequence[Environment]) -> None:
    before, start = time.process_time(), time.monotonic()
    run_worker(environments[0].python, plan(), 1, 60)
    assert time.process_time() - before < 0.02 * (time.monotonic() - start)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": "cuda"}, "finds no CUDA device"),
        ({"device": "mps"}, "no synchronise function"),
        ({"mode": "graph"}, "torch has no mode graph"),
    ],
)
def test_what_cannot_be_measured_is_unsupported(
    environments: Sequence[Environment], changes: dict[str, Any], reason: str
) -> None:
    failed = fields(environments[0], **changes)
    assert failed["status"] == "unsupported"
    assert reason in failed["reason"]


def test_an_environment_without_its_framework_is_unsupported(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    facts: EnvironmentFacts = {"label": "empty", "replica": 0, "python": "3", "packages": {}}
    failed = fields(Environment(tmp_path / "bin" / "python", facts))
    assert failed["status"] == "unsupported"
    assert "No module named 'torch'" in failed["reason"]
    assert str(tmp_path) not in failed["reason"]


def test_a_worker_that_loaded_something_else(environments: Sequence[Environment]) -> None:
    swapped = Environment(environments[0].python, environments[1].facts)
    failed = fields(swapped)
    assert failed["status"] == "error"
    assert "the worker loaded {'transformers': '4.57.6'}" in failed["reason"]


def test_versions_are_those_that_the_distributions_are_installed_under(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    """As with wheels for CUDA, which call themselves 2.13.0+cu130 and are installed as 2.13.0."""
    layer = environment_that_starts_with("", environments[0], tmp_path)
    (real,) = environments[0].python.parent.parent.glob("lib/python*/site-packages/transformers")
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    (packages / "transformers").symlink_to(real)
    installed = packages / "transformers-4.57.6.post1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: transformers\nVersion: 4.57.6.post1\n")
    assert "the worker loaded {'transformers': '4.57.6.post1'}" in fields(layer)["reason"]
    packages_held = {**layer.facts["packages"], "transformers": "4.57.6.post1"}
    held: EnvironmentFacts = {**layer.facts, "packages": packages_held}
    assert fields(Environment(layer.python, held))["status"] in ("ok", "no_steady_state")


def test_a_worker_that_crashes(environments: Sequence[Environment], tmp_path: Path) -> None:
    failed = fields(environment_that_starts_with(CRASH, environments[0], tmp_path))
    assert failed["status"] == "error"
    assert "SIGSEGV" in failed["reason"]


def test_a_worker_that_hangs_is_killed_with_its_children(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(HANG_WITH_CHILD, environments[0], tmp_path)
    failed = fields(python, timeout_s=3)
    assert failed == {
        "status": "timeout",
        "reason": "timeout in phase start: no answer after 3 s; the worker was killed",
    }
    assert not processes_with("4321")


def test_garbage_on_stdout_disturbs_nothing(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(GARBAGE, environments[0], tmp_path)
    assert fields(python)["status"] in ("ok", "no_steady_state")


def test_a_worker_without_enough_memory(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(FOUR_GIB_ONLY, environments[0], tmp_path)
    failed = fields(python, batch_size=4000)
    assert failed["status"] == "oom_host"


def test_a_worker_whose_framework_finds_no_memory_in_cpp(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(OUT_OF_MEMORY_IN_CPP, tmp_path), {}, 1, 30)
    assert outcome_fields(outcome, {}, 30)["status"] == "oom_host"


def test_a_worker_that_is_killed(environments: Sequence[Environment]) -> None:
    def kill_the_worker() -> None:
        (worker,) = await_descendants(1)
        time.sleep(1)
        worker.kill()

    killer = threading.Thread(target=kill_the_worker)
    killer.start()
    failed = fields(environments[0])
    killer.join()
    assert failed["status"] == "error"
    assert "SIGKILL (out of memory, or killed by hand)" in failed["reason"]


def test_each_phase_has_the_whole_time(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(SLOW_PHASES, tmp_path), {}, 1, 1.5)
    assert outcome_fields(outcome, {}, 1.5)["reason"].startswith("timeout in phase first call")
    assert outcome.wall_ns > 3e9


def test_windows_of_calls_are_signs_of_life(tmp_path: Path) -> None:
    arrived: list[tuple[str, float]] = []
    outcome = run_worker(
        worker_that_runs(WINDOWS, tmp_path),
        {},
        1,
        1.5,
        on_message=lambda said: arrived.append((said["edge"], time.monotonic() - said["at"])),
    )
    assert not outcome.timed_out
    assert [edge for edge, _ in arrived] == ["begin", "end", "begin", "end"]
    assert max(delay for _, delay in arrived) < 0.4


def test_a_worker_that_floods_its_output(tmp_path: Path) -> None:
    before = psutil.disk_usage(tempfile.gettempdir()).free
    outcome = run_worker(worker_that_runs(PRINTS_200_MB, tmp_path), {}, 1, 30)
    assert outcome.returncode == 7
    assert outcome.tail == "the end"
    assert before - psutil.disk_usage(tempfile.gettempdir()).free < 100e6


def test_a_worker_that_floods_its_answers(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(ANSWERS_WITHOUT_END, tmp_path), {}, 1, 30)
    assert f"answered more than {MOST_ANSWER_BYTES} bytes" in outcome.messages["failed"]["reason"]
    assert outcome.wall_ns < 20e9


def test_a_child_that_outlives_its_worker_holds_nothing_up(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(LEAVES_A_CHILD, tmp_path), {}, 1, 30)
    os.kill(outcome.messages["left"]["pid"], signal.SIGKILL)
    assert (outcome.returncode, outcome.timed_out) == (3, False)
    assert outcome.wall_ns < 5e9


def test_the_cpu_time_of_a_worker(tmp_path: Path) -> None:
    outcome = run_worker(worker_that_runs(BURNS_CPU, tmp_path), {}, 1, 30)
    assert 1 <= outcome.cpu_s < 1.5


def test_no_variable_of_the_users_python_reaches_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = worker_that_runs(TELLS_ABOUT_ITSELF, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("PYTHONPATH", "PYTHONUSERBASE", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONHASHSEED", "1234")
    told = [run_worker(python, {}, 1, 30, hash_seed=n).messages["told"] for n in (7, 7, 8)]
    assert told[0]["environ"] == {"PYTHONHASHSEED": "7"}
    assert told[0]["hash"] == told[1]["hash"] != told[2]["hash"]
    assert told[0]["optimize"] == 0
    venv = str(tmp_path / "lib")
    assert not {"", str(tmp_path)} & set(told[0]["path"])
    packages = [entry for entry in told[0]["path"] if "site-packages" in entry]
    assert len(packages) == 1
    assert packages[0].startswith(venv)


def test_a_worker_is_shown_as_many_gpus_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Slices of a GPU are named by the user alone, so that no driver is needed here.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a, MIG-b,MIG-c")
    shown = [worker_environ(2, gpus=gpus)["CUDA_VISIBLE_DEVICES"] for gpus in (1, 2, 8)]
    assert shown == ["MIG-a", "MIG-a,MIG-b", "MIG-a,MIG-b,MIG-c"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,GPU-gone,MIG-c")
    assert worker_environ(2, gpus=3)["CUDA_VISIBLE_DEVICES"] == "MIG-a"


def test_compile_caches_lie_where_they_are_wanted(tmp_path: Path) -> None:
    environ = worker_environ(2, caches=tmp_path)
    assert environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "torchinductor")
    assert environ["TRITON_CACHE_DIR"] == str(tmp_path / "triton")
    assert not {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"} & worker_environ(2).keys()


def test_a_run_without_steady_state_says_by_how_much() -> None:
    measured: dict[str, Any] = {"status": "no_steady_state", "warmup_iterations": 3}
    iterations_ns = [9_000_000, 2_000_000, 2_000_000, 1_000_000, 1_000_000]
    loaded: dict[str, Any] = {
        "packages": {},
        "threads": {},
        "placement": {"cpus": 2, "pinned": True},
    }
    messages = {"loaded": loaded, "measured": measured | {"iterations_ns": iterations_ns}}
    outcome = WorkerOutcome(messages, 1, 0, False, 0, "", "calls", 1.0)
    fields = outcome_fields(outcome, {}, 60)
    assert "the last 2 have a median of 1.000 ms, the 2 before them 2.000 ms" in fields["reason"]
    assert fields["placement"] == {"cpus": 2, "pinned": True}


@given(st.text())
def test_a_reason_never_costs_a_submission(text: str) -> None:
    for reason in (text, f"/home/{text}", f"{text}@{text}.org /root/{text}"):
        printed = printable_reason(reason)
        assert find_private(printed) is None
        assert find_address(printed) is None
        assert not list(check_text(printed))


def test_reasons_are_printable_bounded_and_keep_their_end() -> None:
    text = printable_reason("first\n" + "x" * 5000 + "\n\x1b[31mRuntimeError: the end")
    assert len(text) == LONGEST_REASON
    assert text.isprintable()
    assert text.endswith("RuntimeError: the end")


def test_what_is_left_of_a_path_that_was_cut_is_not_printed() -> None:
    path = "/data/" + "secret/" * 2000
    assert printable_reason(f"{path}model.py\nRuntimeError: the end") == "RuntimeError: the end"
    assert printable_reason(f"{path}model.py RuntimeError: the end") == "RuntimeError: the end"
    assert "secret" not in printable_reason(path)
