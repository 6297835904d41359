"""Precision without numpy: intervals that cover, changes found as often as promised."""

import math
import random
from statistics import stdev

import pytest

from hfbench_submit.reporting.precision import (
    detectable_change,
    half_width,
    pooled_sd,
    ratio_interval,
)


def test_an_interval_covers_the_truth_19_times_in_20() -> None:
    draw = random.Random(3)
    covered = 0
    for _ in range(2000):
        logs = [draw.gauss(0, 0.02) for _ in range(4)]
        half = half_width(logs)
        assert half is not None
        covered += abs(sum(logs) / 4) < math.log1p(half)
    assert 0.935 < covered / 2000 < 0.965


@pytest.mark.parametrize("count", [3, 5, 10])
def test_a_detectable_change_is_found_in_4_of_5_sittings(count: int) -> None:
    draw = random.Random(7)
    sample = [draw.gauss(0, 1) for _ in range(count)]
    scaled = [0.02 * value / stdev(sample) for value in sample]
    change = detectable_change(scaled, scaled)
    assert change is not None
    found = 0
    for _ in range(3000):
        first = [draw.gauss(0, 0.02) for _ in range(count)]
        second = [draw.gauss(math.log1p(change), 0.02) for _ in range(count)]
        interval = ratio_interval(first, second)
        assert interval is not None
        found += interval[1] > 1
    assert 0.77 < found / 3000 < 0.84


def test_one_process_run_says_nothing_about_spread() -> None:
    assert half_width([1.0]) is None
    assert pooled_sd([[1.0], [2.0]]) is None
    assert detectable_change([1.0], [2.0]) is None
    assert ratio_interval([], [1.0, 2.0]) is None
    assert detectable_change([1.0, 1.1], [1.05]) is not None
