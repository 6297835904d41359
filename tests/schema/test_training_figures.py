"""The figures of a training: known values, and every odd record that the rules let through."""

import math
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.schema.training_breaches import EAGER, MILLISECOND, RANKS, training

from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import Training
from hfbench_schema.training_figures import (
    WINDOW,
    Speed,
    final_score,
    majority_score,
    score,
    slowest_steps,
    speed,
    steady_steps,
)


def record(*ranks: list[int], compiled: tuple[int, ...] = ()) -> Training:
    return {
        "seed": 0, "end_to_end_ns": 1, "epochs": [], "steps_ns": list(ranks),
        "losses_micro": [0] * len(ranks[0]), "compiled_steps": list(compiled),
    }  # fmt: skip


def speed_of(cell: str = EAGER, **fields: Any) -> Speed | None:
    run: Any = training(cell, steps=len(fields["steps_ns"][0]), salt=0)
    run["training"] |= fields
    return speed(run, parse_cell(cell))


# [0 for 0, 0 for 1, 1 for 0, 1 for 1]; the second is the example of scikit-learn's
# matthews_corrcoef, the others are worked out by hand.
SCORES = [
    ([3, 1, 2, 4], {"accuracy": 0.7, "f1": 8 / 11, "matthews": 10 / math.sqrt(600)}),
    ([0, 1, 1, 2], {"accuracy": 0.5, "f1": 2 / 3, "matthews": -1 / 3}),
    ([5, 0, 0, 5], {"accuracy": 1.0, "f1": 1.0, "matthews": 1.0}),
    ([0, 5, 5, 0], {"accuracy": 0.0, "f1": 0.0, "matthews": -1.0}),
    ([6, 0, 4, 0], {"accuracy": 0.6, "f1": 0.0, "matthews": 0.0}),
    ([0, 4, 0, 6], {"accuracy": 0.6, "f1": 0.75, "matthews": 0.0}),
    ([0, 0, 0, 0], {"accuracy": 0.0, "f1": 0.0, "matthews": 0.0}),
    ([10**8, 0, 0, 10**8], {"accuracy": 1.0, "f1": 1.0, "matthews": 1.0}),
]


@pytest.mark.parametrize(("confusion", "scores"), SCORES)
def test_scores_are_the_usual_ones(confusion: list[int], scores: dict[str, float]) -> None:
    assert {metric: score(confusion, metric) for metric in scores} == pytest.approx(scores)


COUNTS = st.integers(0, 2**53 - 1)


@given(st.lists(COUNTS, min_size=4, max_size=4))
def test_scores_stay_in_their_range(confusion: list[int]) -> None:
    assert 0 <= score(confusion, "accuracy") <= 1
    assert 0 <= score(confusion, "f1") <= 1
    assert abs(score(confusion, "matthews")) <= 1 + 1e-12
    # Matthews' coefficient does not care which label is called positive.
    assert score(confusion, "matthews") == pytest.approx(score(confusion[::-1], "matthews"))


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no metric 'auc'"):
        score([1, 1, 1, 1], "auc")


def test_the_majority_says_always_the_same() -> None:
    assert majority_score([50, 20, 10, 20], "accuracy") == 0.7
    assert majority_score([10, 20, 50, 20], "accuracy") == 0.7
    assert majority_score([50, 20, 10, 20], "f1") == 0
    assert majority_score([10, 20, 50, 20], "f1") == pytest.approx(2 * 70 / (2 * 70 + 30))
    assert majority_score([10, 20, 50, 20], "matthews") == 0
    assert majority_score([0, 0, 0, 0], "accuracy") == 0


def test_the_final_score_is_that_of_the_last_epoch() -> None:
    run = training(EAGER, salt=0)
    run["training"]["epochs"][-1]["confusion"] = [256, 0, 0, 256]
    assert final_score(run["training"], "accuracy") == 1
    run["training"]["epochs"] = []
    assert final_score(run["training"], "accuracy") is None


def test_a_step_takes_as_long_as_its_slowest_rank() -> None:
    assert slowest_steps(record([1, 5, 3], [4, 2, 3])) == [4, 5, 3]


def test_steps_that_compile_and_those_that_settle_are_not_steady() -> None:
    falling = [900, 800, 700, 600, 500, 400, 300, 200]
    steps = [10**6, *falling, *[100, 101, 99] * 20, 10**6, 100]
    steady = steady_steps(record(steps, compiled=(0, len(steps) - 2)))
    assert set(steady) <= {99, 100, 101, 200, 300}
    assert len(steady) >= 61


def test_one_slow_step_among_steady_ones_stays() -> None:
    """A single slow step is a fact of training, as a garbage collection would be."""
    steps = [100] * 40
    steps[20] = 1000
    assert steady_steps(record(steps)) == steps


def test_a_noisy_training_is_steady_from_the_start() -> None:
    steps = [80, 100, 120] * 20
    assert steady_steps(record(steps)) == steps


@pytest.mark.parametrize("steps", [1, 2, 2 * WINDOW - 1])
def test_too_few_steps_to_tell_are_all_steady(steps: int) -> None:
    durations = [1000, *[10] * (steps - 1)]
    assert steady_steps(record(durations)) == durations


@given(st.lists(st.integers(1, 2**53 - 1), min_size=1, max_size=60), st.data())
@example([1], None)
def test_any_steps_have_a_steady_end(steps: list[int], data: st.DataObject | None) -> None:
    numbers = st.lists(st.integers(0, len(steps) - 1), unique=True)
    compiled = sorted(data.draw(numbers)) if data else []
    kept = [ns for number, ns in enumerate(steps) if number not in compiled]
    steady = steady_steps(record(steps, compiled=tuple(compiled)))
    assert steady == kept[len(kept) - len(steady) :]
    assert bool(steady) == bool(kept)


def test_the_steady_end_of_every_pattern_of_fast_and_slow() -> None:
    """Some window always settles, whichever steps are slow: the last ones are short."""
    for length in range(2 * WINDOW, 2 * WINDOW + 4):
        for steps in product((1, 10**6), repeat=length):
            assert steady_steps(record(list(steps)))


def test_speed_counts_all_devices_and_real_tokens() -> None:
    steps = [[10 * MILLISECOND] * 160, [20 * MILLISECOND] * 160]
    found = speed_of(RANKS, steps_ns=steps, compiled_steps=[])
    assert found is not None
    assert (found.step, found.steady_steps) == (20 * MILLISECOND, 160)
    assert found.examples_per_s == pytest.approx(64 / 0.02)
    assert found.tokens_per_s == pytest.approx(5 * 900 / 160 / 0.02)
    assert found.loading == 5 * MILLISECOND
    assert found.evaluation == 500 * MILLISECOND
    assert found.end_to_end == 4 * 10**9


def test_compiling_is_what_steps_took_beyond_steady_ones() -> None:
    steps = [3 * 10**9, *[10 * MILLISECOND] * 50, MILLISECOND]
    found = speed_of(steps_ns=[steps], compiled_steps=[0, 51])
    assert found is not None
    prepare = 10**9
    assert found.compiling == prepare + 3 * 10**9 - 10 * MILLISECOND
    assert found.step == 10 * MILLISECOND


def test_what_did_nothing_but_compile_has_no_speed() -> None:
    assert speed_of(steps_ns=[[5]], compiled_steps=[0]) is None
    assert speed_of(steps_ns=[[5, 6, 7]], compiled_steps=[0, 1, 2]) is None


def test_one_step_has_a_speed() -> None:
    found = speed_of(steps_ns=[[5]], compiled_steps=[])
    assert found is not None
    assert (found.step, found.steady_steps) == (5, 1)


def test_only_a_training_that_ended_has_a_speed() -> None:
    cell = parse_cell(EAGER)
    for change in ({"status": "diverged"}, {"status": "contaminated"}, {"role": "memory"}):
        run: Any = training(EAGER, salt=0) | change
        assert speed(run, cell) is None
