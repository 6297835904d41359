"""Warm-up and the timed loop, on calls whose durations are known."""

import gc
import math
import random
import statistics
import time

import pytest

from hfbench_worker import timing
from hfbench_worker.steady_state import LEAST_WARMUP, is_steady, most_iterations
from hfbench_worker.timing import time_calls

TIMED = 10
MOST = most_iterations(TIMED)
MS = 1_000_000


def timed_from(durations_ns: list[int]) -> int | None:
    """Return where the timed iterations of a recorded series begin."""
    for start in range(LEAST_WARMUP + TIMED, len(durations_ns) - TIMED + 1):
        if is_steady(durations_ns[start - TIMED : start + TIMED]):
            return start
    return None


def noisy(levels_ms: list[float], sd: float, seed: int) -> list[int]:
    noise = random.Random(seed)
    return [int(level * MS * math.exp(noise.gauss(0, sd))) for level in levels_ms]


def test_noise_alone_is_steady_soon() -> None:
    for sd in (0.001, 0.02, 0.1):
        found = [timed_from(noisy([60.0] * MOST, sd, seed)) for seed in range(200)]
        waits = [start - LEAST_WARMUP - TIMED for start in found if start is not None]
        assert len(waits) == 200
        assert statistics.fmean(waits) < 2


@pytest.mark.parametrize("sd", [0.002, 0.01, 0.03])
@pytest.mark.parametrize(("amplitude", "calls"), [(0.3, 3), (0.5, 3), (0.15, 5), (4.0, 1)])
def test_a_fading_warm_up_does_not_bias_the_result(amplitude: float, calls: int, sd: float) -> None:
    levels = [60 * (1 + amplitude * math.exp(-i / calls)) for i in range(MOST)]
    results = []
    for seed in range(300):
        series = noisy(levels, sd, seed)
        start = timed_from(series)
        assert start is not None
        results.append(statistics.median(series[start : start + TIMED]) / (60 * MS))
    assert statistics.fmean(results) == pytest.approx(1, abs=0.01)


def test_a_slope_has_no_steady_state() -> None:
    for seed in range(50):
        assert timed_from(noisy([60 * 1.03**i for i in range(MOST)], 0.005, seed)) is None


def test_every_call_is_kept_and_the_collector_is_off() -> None:
    numbers: list[int] = []
    collecting: list[bool] = []

    def call(number: int) -> None:
        numbers.append(number)
        collecting.append(gc.isenabled())
        time.sleep(0.05 if number < 2 else 0.005)

    waits: list[int] = []
    begun: list[tuple[str, int]] = []
    iterations_ns, warmup, steady = time_calls(
        call, lambda: waits.append(1), TIMED, lambda phase: begun.append((phase, len(numbers)))
    )
    assert begun == [("first call", 0), ("calls", 1)]
    assert numbers == list(range(len(iterations_ns)))
    assert not any(collecting)
    assert gc.isenabled()
    assert len(waits) == 2 * len(iterations_ns)
    assert steady
    assert warmup >= LEAST_WARMUP + TIMED
    assert len(iterations_ns) == warmup + TIMED
    assert min(iterations_ns[:2]) >= 50 * MS
    assert all(ns >= 5 * MS for ns in iterations_ns)


def test_slow_calls_are_announced_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    elapsed_ns, begun = [0], []
    monkeypatch.setattr(timing, "perf_counter_ns", lambda: elapsed_ns[0])

    def call(number: int) -> None:
        elapsed_ns[0] += (100 if number == 0 else 6) * 1000 * MS

    calls = LEAST_WARMUP + 2 * TIMED
    iterations_ns, _, _ = time_calls(
        call, lambda: None, TIMED, lambda phase: begun.append((phase, elapsed_ns[0] // 1000 // MS))
    )
    assert len(iterations_ns) == calls
    assert begun == [("first call", 0), *(("calls", 100 + 12 * n) for n in range(calls // 2))]


def test_without_a_steady_state_the_last_calls_count(monkeypatch: pytest.MonkeyPatch) -> None:
    elapsed_ns = [0]
    monkeypatch.setattr(timing, "perf_counter_ns", lambda: elapsed_ns[0])

    def call(number: int) -> None:
        elapsed_ns[0] += int(MS * 1.08**number)

    iterations_ns, warmup, steady = time_calls(call, lambda: None, TIMED, lambda _: None)
    assert not steady
    assert len(iterations_ns) == most_iterations(TIMED)
    assert warmup == len(iterations_ns) - TIMED
    assert iterations_ns == [int(MS * 1.08**number) for number in range(MOST)]
