"""What people and programs see of a sitting, on a real terminal and without one."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.submit.made_up_submission import CORES, MS, NEW, OLD, SUITE, cell, cold, latency, run_of

from hfbench_schema.submission import ProcessRun
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.json_events import JsonProgress
from hfbench_submit.reporting.progress import ConsoleProgress
from hfbench_submit.reporting.time_left import TimeLeft

REPOSITORY = Path(__file__).parents[2]
EAGER, COMPILED = cell("torch-eager"), cell("torch-compile")
SLOTS = [Slot(EAGER, environment, block) for block in range(2) for environment in range(2)]
DISTURBED = {"contamination": {"foreign_cpu_ms": 3000}}


def clock() -> Durations:
    return Durations(SUITE, CORES)


def told(progress: ConsoleProgress | JsonProgress) -> None:
    """Tell of a whole sitting: resumed, disturbed, with more to do than was foreseen."""
    done: list[ProcessRun] = [latency(SLOTS[0], 40.0)]
    second = Slot(EAGER, 1, 0, attempt=1)
    later = Slot(COMPILED, 0, 0, "cold", "empty")
    progress.begin(SLOTS[1:], done)
    progress.anchor({"environment": 0, "started_at": "", "matmul_ns": [30 * MS], "copy_ns": [MS]})
    for slot, run in (
        (SLOTS[1], latency(SLOTS[1], 44.0, "contaminated", **DISTURBED)),
        (second, latency(second, 42.0)),
        (SLOTS[2], latency(SLOTS[2], 41.0)),
    ):
        progress.launch(slot)
        progress.finish(run)
        done.append(run)
    progress.note("5 cells left out")
    progress.launch(later)
    done.append(cold(later, 0.5, 20.0, 0.04))
    progress.finish(done[-1])
    progress.end(done)


def test_without_a_terminal_each_process_run_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = StringIO()
    told(ConsoleProgress(Console(file=stream), [OLD, NEW], CORES, clock()))
    lines = stream.getvalue().splitlines()
    cell_text = EAGER.partition("/")[2]
    assert lines[0] == "taking up again: the journal has 1 process run"
    assert re.fullmatch(r"3 process runs to go, about \d+:\d\d", lines[1])
    assert lines[2] == "anchor  matmul 30 ms, copy 1 ms  transformers-4.57.6"
    cause = "contaminated: foreign CPU time 30 % of a core"
    assert lines[3].startswith(f"[2/5]               {cell_text}  transformers-5.23.0  {cause}")
    assert lines[4].startswith(
        f"[3/5]        42 ms  {cell_text}  transformers-5.23.0  second attempt  ETA "
    )
    assert lines[6] == "5 cells left out"
    assert "25.50 s cold" in lines[7]
    assert "cold, empty caches" in lines[7]
    assert lines[8] == "5 process runs: 4 ok, 1 contaminated"
    assert "\x1b" not in stream.getvalue()


def test_the_time_left_follows_what_was_seen_of_the_same_kind() -> None:
    time = TimeLeft(clock())
    cold_slots = [Slot(EAGER, 0, block, "cold", "empty") for block in range(3)]
    time.begin([*SLOTS, *cold_slots], [])
    time.finish(latency(SLOTS[0], 40.0, wall_ns=20 * 10**9))
    time.finish(run_of(cold_slots[0], "contaminated", wall_ns=70 * 10**9))
    second_attempt = 1
    assert time.seconds() == pytest.approx(3 * 20 + (2 + second_attempt) * 70)
    assert time.total == 7 + second_attempt


def test_what_was_given_up_or_comes_unforeseen_is_counted() -> None:
    time = TimeLeft(clock())
    time.begin(SLOTS, [])
    time.launch(SLOTS[0])
    time.finish(run_of(SLOTS[0], "unsupported"))
    assert time.left == [SLOTS[1], SLOTS[3]]
    unforeseen = Slot(COMPILED, 1, 0)
    time.launch(unforeseen)
    assert time.total == 4
    time.finish(latency(unforeseen, 30.0))
    assert time.left == [SLOTS[1], SLOTS[3]]


def test_events_are_json_lines_with_whole_process_runs() -> None:
    stream = StringIO()
    told(JsonProgress(stream, [OLD, NEW], CORES, clock()))
    events: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    names = "begin anchor launch finish launch finish launch finish note launch finish end"
    assert [event["event"] for event in events] == names.split()
    begin, _, launch, finish = events[:4]
    assert begin["environments"] == ["transformers-4.57.6", "transformers-5.23.0"]
    assert (begin["process_runs_done"], begin["process_runs_left"]) == (1, 3)
    assert {launch[key] for key in ("cell", "environment", "block", "attempt")} == {EAGER, 1, 0}
    assert (launch["role"], launch["caches"]) == ("latency", None)
    assert finish["process_run"] == latency(SLOTS[1], 44.0, "contaminated", **DISTURBED)
    assert finish["contamination_causes"] == ["foreign CPU time 30 % of a core"]
    assert finish["seconds_left"] > 0
    assert events[-1]["statuses"] == {"ok": 4, "contaminated": 1}


PROGRAM = """
import sys, threading, time
from rich.console import Console
from tests.submit.test_progress import *

def silent(what):
    def checked(slot):
        launch(slot)
        began = time.process_time()
        assert threading.active_count() == 1, threading.enumerate()
        print(f"<measuring {what}>", flush=True)
        time.sleep(0.2)
        assert time.process_time() - began < 0.01
    launch = progress.launch
    return checked
"""
ON_A_TERMINAL = """
progress = ConsoleProgress(Console(stderr=True), [OLD, NEW], CORES, clock())
progress.launch = silent("on")
told(progress)
"""
INTERRUPTED = """
progress = ConsoleProgress(Console(stderr=True), [OLD, NEW], CORES, clock())
progress.begin(SLOTS, [])
progress.launch(SLOTS[0])
print("<measuring>", flush=True)
raise KeyboardInterrupt
"""
NOBODY_READS = """
progress = JsonProgress(sys.stdout, [OLD, NEW], CORES, clock())
sys.stdin.read()
told(progress)
print("measured to the end", file=sys.stderr)
"""


def environ() -> dict[str, str]:
    folders = [REPOSITORY, REPOSITORY / "schema", REPOSITORY / "submit", *sys.path]
    ours = {"PYTHONPATH": ":".join(map(str, folders)), "TERM": "xterm-256color"}
    # Unbuffered output would hide what a buffer does when its reader has gone.
    return os.environ | ours | {"PYTHONUNBUFFERED": ""}


def on_terminal(program: str, columns: int) -> tuple[int, str]:
    """Run a program on a terminal of its own; return its exit status and all it printed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-c", PROGRAM + program]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ())
    os.close(theirs)
    printed = b""
    while data := read_until_closed(ours):
        printed += data
    os.close(ours)
    return child.wait(timeout=60), printed.decode()


def read_until_closed(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that nobody has the other end open any more
        return b""


def without_spaces(text: str) -> str:
    return "".join(text.split())


def cursor_is_visible(printed: str) -> bool:
    return printed.rfind("\x1b[?25h") > printed.rfind("\x1b[?25l")


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_shows_a_status_that_costs_nothing_while_measuring(columns: int) -> None:
    status, printed = on_terminal(ON_A_TERMINAL, columns)
    assert status == 0, printed
    before, *pauses = printed.split("<measuring on>")
    assert len(pauses) == 4
    assert cursor_is_visible(before)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in printed.split("\n")]
    assert max(len(line.rpartition("\r")[2].strip("\r")) for line in lines) <= columns
    shown = without_spaces(" ".join(lines))
    for text in (
        "cell bert-base/torch-eager/cpu/fp32/b1-s",
        "in transformers-5.23.0, second attempt",
        "precision transformers-4.57.6: ? (1 process run)",
        "contaminated 1 of 2, last: foreign CPU",
        "done 1 of 4 process runs",
        "[3/5] 42 ms",
        "5 process runs: 4 ok, 1 contaminated",
    ):
        assert without_spaces(text) in shown
    assert re.search(r"ETA\d+:\d\d,at\d\d:\d\d", shown)
    assert cursor_is_visible(printed)


def test_an_interrupt_leaves_the_cursor_visible() -> None:
    status, printed = on_terminal(INTERRUPTED, 80)
    assert status != 0
    assert "KeyboardInterrupt" in printed
    assert cursor_is_visible(printed.partition("<measuring>")[0])
    assert cursor_is_visible(printed)


def test_a_reader_that_went_away_costs_no_measurement() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + NOBODY_READS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
        text=True,
    )
    assert child.stdout is not None
    child.stdout.close()
    child.stdout = None
    _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "measured to the end\n")
