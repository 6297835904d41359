"""Real workers that crash, hang, run out of memory, or print garbage: always an outcome."""

import os
import signal
import subprocess
import sys
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
from hfbench_submit.environments import Environment
from hfbench_submit.launching import run_worker
from hfbench_submit.outcomes import LONGEST_REASON, outcome_fields, printable_reason

SUITE = latest_suite("smoke")
CRASH = "import ctypes; ctypes.string_at(0)"
HANG_WITH_CHILD = "import subprocess, time; subprocess.Popen(['sleep', '4321']); time.sleep(4321)"
GARBAGE = 'import sys; print(\'{"event": "measured"}\' * 99, flush=True)'
TWO_GIB_ONLY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"


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


def fields(environment: Environment, timeout_s: float = 60, **changes: Any) -> dict[str, Any]:
    outcome = run_worker(environment.python, plan(**changes), 1, timeout_s)
    return outcome_fields(outcome, environment.facts["packages"], timeout_s)


def processes_with(text: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if text in (p.info["cmdline"] or [])]


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
        ({"mode": "compile"}, "mode compile is not measured yet"),
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


def test_a_worker_that_crashes(environments: Sequence[Environment], tmp_path: Path) -> None:
    failed = fields(environment_that_starts_with(CRASH, environments[0], tmp_path))
    assert failed["status"] == "error"
    assert "SIGSEGV" in failed["reason"]


def test_a_worker_that_hangs_is_killed_with_its_children(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(HANG_WITH_CHILD, environments[0], tmp_path)
    failed = fields(python, timeout_s=3)
    assert failed == {"status": "timeout", "reason": "no answer after 3 s; the worker was killed"}
    assert not processes_with("4321")


def test_garbage_on_stdout_disturbs_nothing(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(GARBAGE, environments[0], tmp_path)
    assert fields(python)["status"] in ("ok", "no_steady_state")


def test_a_worker_without_enough_memory(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    python = environment_that_starts_with(TWO_GIB_ONLY, environments[0], tmp_path)
    failed = fields(python, batch_size=4000)
    assert failed["status"] == "oom_host"


def test_a_worker_that_is_killed(environments: Sequence[Environment]) -> None:
    def kill_the_worker() -> None:
        deadline = time.monotonic() + 20
        while not (found := processes_with(str(environments[0].python))):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        os.kill(found[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_the_worker)
    killer.start()
    failed = fields(environments[0])
    killer.join()
    assert failed["status"] == "error"
    assert "SIGKILL (out of memory, or killed by hand)" in failed["reason"]


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
