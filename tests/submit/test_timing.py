"""Warm-up and the timed loop, on calls whose durations are known."""

import gc
import math
import random
import time

from hfbench_worker.steady_state import LEAST_WARMUP, is_steady, most_iterations
from hfbench_worker.timing import time_calls

TIMED = 10
MS = 1_000_000


def warmup_found(durations_ns: list[int]) -> int | None:
    """Return where the first steady stretch of a recorded series begins."""
    for start in range(LEAST_WARMUP, len(durations_ns) - TIMED + 1):
        if is_steady(durations_ns[start : start + TIMED]):
            return start
    return None


def noisy(levels_ms: list[float], sd: float, seed: int) -> list[int]:
    noise = random.Random(seed)
    return [int(level * MS * math.exp(noise.gauss(0, sd))) for level in levels_ms]


def test_noise_alone_is_steady_at_once_nearly_always() -> None:
    for sd in (0.001, 0.02, 0.1):
        found = [warmup_found(noisy([60.0] * 53, sd, seed)) for seed in range(200)]
        assert sum(start == LEAST_WARMUP for start in found) >= 150
        assert None not in found


def test_warm_up_is_left_out() -> None:
    for seed in range(50):
        series = noisy([300.0, 150, 120, 110, 100, 90, 80, 70] + [60.0] * 45, 0.01, seed)
        start = warmup_found(series)
        assert start is not None
        assert start >= 6


def test_a_slope_has_no_steady_state() -> None:
    for seed in range(50):
        assert warmup_found(noisy([60 * 1.03**i for i in range(53)], 0.005, seed)) is None


def test_every_call_is_kept_and_the_collector_is_off() -> None:
    numbers: list[int] = []
    collecting: list[bool] = []

    def call(number: int) -> None:
        numbers.append(number)
        collecting.append(gc.isenabled())
        time.sleep(0.05 if number < 2 else 0.005)

    waits: list[int] = []
    iterations_ns, warmup, steady = time_calls(call, lambda: waits.append(1), TIMED)
    assert numbers == list(range(len(iterations_ns)))
    assert not any(collecting)
    assert gc.isenabled()
    assert len(waits) == 2 * len(iterations_ns)
    assert steady
    assert warmup >= LEAST_WARMUP
    assert len(iterations_ns) == warmup + TIMED
    assert min(iterations_ns[:2]) >= 50 * MS
    assert all(ns >= 5 * MS for ns in iterations_ns)


def test_without_a_steady_state_the_last_calls_count() -> None:
    def call(number: int) -> None:
        time.sleep(0.0005 * 1.08**number)

    iterations_ns, warmup, steady = time_calls(call, lambda: None, TIMED)
    assert not steady
    assert len(iterations_ns) == most_iterations(TIMED)
    assert warmup == len(iterations_ns) - TIMED
