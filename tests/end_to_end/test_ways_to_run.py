"""`hfbench-submit run` in its other ways: roles, a budget, forked workers, events for programs."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BASE, VERSIONS

from hfbench_schema.canonical import strict_json
from hfbench_schema.submission import Submission, role_of
from hfbench_schema.validation import validate
from hfbench_submit.planning.detection import LEAST_BLOCKS
from hfbench_submit.planning.seen import MOST_PILOTS
from hfbench_submit.sitting.clock import SittingClock

COMMAND = str(Path(sys.executable).with_name("hfbench-submit"))
COUNTED = ("ok", "no_steady_state", "contaminated")
"""CI may not be quiet: what is disturbed is kept, and says so."""


def run(folder: Path, *options: str, code: int = 0) -> tuple[Submission | None, str]:
    """Measure the smallest cell; return the submission, if there is one, and what was printed."""
    fixed = ["run", "smoke", f"--base={BASE}", f"--with={VERSIONS[1]}", f"--output={folder}"]
    cells = "--cells=smoke/vit-tiny/*/cpu/*"
    done = subprocess.run([COMMAND, *fixed, cells, *options], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    paths = list(folder.glob("*.json"))
    if not paths:
        return None, done.stdout + done.stderr
    (path,) = paths
    assert validate(path.read_bytes(), name=path.name).accepted
    return strict_json(path.read_bytes()), done.stdout


@pytest.mark.usefixtures("environments")
def test_roles_are_measured_apart_and_told_as_events(tmp_path: Path) -> None:
    roles = ("--role=cold", "--role=memory", "--process-runs=1", "--json")
    submission, printed = run(tmp_path, *roles)
    assert submission is not None
    events: Sequence[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
    told = [event["process_run"] for event in events if event["event"] == "finish"]
    assert told == submission["process_runs"]
    by_role = {role_of(process_run): process_run for process_run in told}
    assert set(by_role) == {"cold", "memory"}
    cold, memory = by_role["cold"], by_role["memory"]
    assert cold["status"] in COUNTED
    assert cold["caches"] == "empty"
    assert cold["iterations_ns"][0] > min(cold["iterations_ns"][1:])
    # ViT-tiny has 5.5 million fp32 parameters; importing torch takes a hundred times as much.
    grown = memory["memory"]["host_built"] - memory["memory"]["host_imported"]
    assert 22e6 < grown < 400e6
    assert memory["memory"]["host_peak"] >= memory["memory"]["host_built"]


@pytest.mark.usefixtures("environments")
def test_a_budget_is_kept(tmp_path: Path) -> None:
    submission, _ = run(tmp_path, "--budget=40s")
    assert submission is not None
    assert submission["protocol"]["budget_s"] == 40
    assert len(submission["process_runs"]) >= 3
    walls_s = [process_run["wall_ns"] / 1e9 for process_run in submission["process_runs"]]
    assert sum(walls_s) < 40 + max(walls_s)


@pytest.mark.usefixtures("environments")
def test_process_runs_are_chosen_for_a_change(tmp_path: Path) -> None:
    # Forked, as that is quick; the same version twice, so that there is no canary beside them.
    options = (f"--with={VERSIONS[1]}", "--launch=fork_server", "--detect=50%")
    submission, printed = run(tmp_path, *options)
    assert submission is not None
    assert submission["protocol"]["detect_ppm"] == 500_000
    assert "budget_s" not in submission["protocol"]
    runs = submission["process_runs"]
    assert {process_run["status"] for process_run in runs} <= set(COUNTED)
    blocks = 1 + max(process_run["block"] for process_run in runs)
    assert blocks >= LEAST_BLOCKS
    # Where it was never quiet, it is given up or goes on for longer, but never ends before.
    assert "50 % would show in 1 of 1 measured cell" in printed or blocks >= MOST_PILOTS


@pytest.mark.usefixtures("environments")
def test_a_budget_that_buys_nothing_is_refused(tmp_path: Path) -> None:
    _, printed = run(tmp_path, "--budget=1s", code=1)
    assert "too little for 3 process runs of any cell" in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("environments")
def test_forked_workers_are_recorded_as_such(tmp_path: Path) -> None:
    submission, _ = run(tmp_path, "--launch=fork_server", "--process-runs=3")
    assert submission is not None
    assert submission["protocol"]["launch"] == "fork_server"
    first, *rest = submission["process_runs"]
    assert {process_run["status"] for process_run in (first, *rest)} <= set(COUNTED)
    assert min(process_run["wall_ns"] for process_run in rest) < first["wall_ns"]


def test_moments_go_on_when_the_clock_is_set_back() -> None:
    before = "2999-01-01T00:00:00Z"
    assert SittingClock(before).moment() >= before
    assert SittingClock(None).moment() < before
