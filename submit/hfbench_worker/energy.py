"""Role energy: windows of calls and idle windows, at whose edges the parent reads its counter."""

import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from hfbench_worker.answers import Answers
from hfbench_worker.timing import CALLS_PHASES, garbage_collection_off
from hfbench_worker.workload import Workload, build_and_prepare

WINDOW_S = 10.0
"""Counters change every 20 to 100 ms: that is at most 1 % of a window at either edge."""
WARM_S = 5.0
"""Calls before the first busy window: clocks and temperature settle."""
BUSY_WINDOWS = 5
IDLE_BEFORE, IDLE_AFTER = 2, 1
_NS = 1_000_000_000


def measure(plan: dict[str, Any], workload: Workload, answers: Answers) -> dict[str, Any]:  # noqa: ARG001 - as every role
    """Make windows; the parent adds what its counter says about them."""
    build_and_prepare(workload, answers)
    answers.begin(CALLS_PHASES[0])
    workload.call(0)
    workload.synchronize()
    with garbage_collection_off():
        make_windows(workload, answers, WINDOW_S, WARM_S)
    return {"status": "ok"}


def make_windows(workload: Workload, answers: Answers, window_s: float, warm_s: float) -> None:
    """Idle, get warm, be busy, idle.

    The first idle windows come before the calls that warm, so that these are what the first busy
    window follows.
    """
    for _ in range(IDLE_BEFORE):
        _window("idle", answers, lambda: _idle(window_s))
    _call_for(workload, warm_s)
    for _ in range(BUSY_WINDOWS):
        _window("busy", answers, lambda: _call_for(workload, window_s))
    for _ in range(IDLE_AFTER):
        _window("idle", answers, lambda: _idle(window_s))


def _window(kind: str, answers: Answers, fill: Callable[[], int]) -> None:
    """Fill one window; a phase of its own, lest many long ones look like one that hangs."""
    answers.begin(CALLS_PHASES[1])
    answers.emit("window", kind=kind, edge="begin")
    start = perf_counter_ns()
    calls = fill()
    duration_ns = perf_counter_ns() - start
    answers.emit("window", kind=kind, edge="end", duration_ns=duration_ns, calls=calls)


def _idle(duration_s: float) -> int:
    time.sleep(duration_s)
    return 0


def _call_for(workload: Workload, duration_s: float) -> int:
    """Call until the time is up, each call waited for as where it is timed; return how often."""
    calls, end = 0, perf_counter_ns() + duration_s * _NS
    while perf_counter_ns() < end:
        workload.call(calls)
        workload.synchronize()
        calls += 1
    return calls
