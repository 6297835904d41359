"""`hfbench-submit run` as a contributor runs it, killed, interrupted and starved of disk."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from tests.conftest import BASE, VERSIONS

from hfbench_schema.canonical import strict_json
from hfbench_schema.submission import Submission
from hfbench_schema.validation import validate
from hfbench_submit.environments.environments import Environment
from hfbench_submit.planning.slots import slot_of

PROCESS_RUNS = 4
COMMAND = [
    str(Path(sys.executable).with_name("hfbench-submit")),
    *("run", "smoke", "--base", BASE, "--with", VERSIONS[0], "--with", VERSIONS[1]),
    *("--cells", "smoke/vit-tiny/*/cpu/*", "--output"),
]


def start(
    folder: Path, wrapper: Sequence[str] = (), process_runs: int = PROCESS_RUNS
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*wrapper, *COMMAND, str(folder), "--process-runs", str(process_runs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def workers(environments: Sequence[Environment]) -> list[psutil.Process]:
    interpreters = {str(environment.python) for environment in environments}
    processes = psutil.process_iter(["cmdline"])
    return [p for p in processes if set(p.info["cmdline"] or []) & interpreters]


def assert_no_worker_lives(environments: Sequence[Environment]) -> None:
    """The lifeline ends a worker at once, but the kernel may take a moment to clear it away."""
    _, alive = psutil.wait_procs(workers(environments), timeout=3)
    assert not alive


def finish(folder: Path, process_runs: int = PROCESS_RUNS) -> Submission:
    """Run the command to its end, and return the one submission in the folder, checked."""
    process = start(folder, process_runs=process_runs)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return submission_in(folder, process_runs)


def submission_in(folder: Path, process_runs: int = PROCESS_RUNS) -> Submission:
    (path,) = folder.glob("*.json")
    report = validate(path.read_bytes(), name=path.name)
    assert report.accepted, report.findings
    submission: Submission = strict_json(path.read_bytes())
    slots = Counter(map(slot_of, submission["process_runs"]))
    assert set(slots.values()) == {1}
    # A disturbed process run has a second attempt.
    assert sum(slot.attempt == 0 for slot in slots) == 2 * process_runs
    return submission


def test_killed_at_ten_random_moments_nothing_is_lost_or_doubled(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    moments = random.Random(os.getpid())
    for _ in range(10):
        process = start(tmp_path)
        time.sleep(moments.uniform(0.1, 6))
        process.kill()
        process.communicate()
        assert_no_worker_lives(environments)
        if list(tmp_path.glob("*.json")):  # a fast machine is done: once more is a new sitting
            break
    else:
        finish(tmp_path)
    submission = submission_in(tmp_path)
    assert len(submission["sitting"]["invocations"]) > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on(
    environments: Sequence[Environment], tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[1/"):
            break
    time.sleep(1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "the same command goes on from here" in output
    assert "Traceback" not in output
    assert_no_worker_lives(environments)
    (journal,) = (tmp_path / "journals").glob("*.jsonl")
    assert journal.read_text().count('"process_run"') == 1


def test_a_full_disk_costs_one_process_run(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    # A limit on file sizes stands in for a full disk: the same write fails, without root.
    process = start(tmp_path, ["prlimit", "--fsize=4000"], process_runs=2)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "cannot write the journal" in output
    assert "repeat the same command" in output
    assert "Traceback" not in output
    assert_no_worker_lives(environments)
    finish(tmp_path, process_runs=2)


def test_two_measurements_at_once_would_disturb_each_other(
    environments: Sequence[Environment], tmp_path: Path
) -> None:
    first = start(tmp_path / "first")
    assert first.stdout is not None
    for line in first.stdout:
        if line.startswith("[1/"):
            break
    second = start(tmp_path / "second")
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "another hfbench-submit is measuring on this machine (suite smoke, process" in output
    first.kill()
    first.communicate()
    assert_no_worker_lives(environments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "smokey", "--with", VERSIONS[0]], "there are: inference, smoke"),
        (["run", "smoke"], "--with transformers==5.23.0, or --env NAME"),
        (["run", "smoke", "--with", VERSIONS[0], "--budget", "soon"], "write 20m, 1h30m or 90s"),
        (["run", "smoke", "--with", "./nowhere"], "nowhere"),
        (["run", "smoke", "--with", VERSIONS[0], "--cells", "smoke/bart/*"], "it has:"),
        (["show", "nowhere.json"], "does not exist"),
        (["validate", __file__], "HFB003"),
    ],
)
def test_bad_input_is_one_clear_message(arguments: list[str], message: str) -> None:
    done = subprocess.run([COMMAND[0], *arguments], capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
