"""The figures of one training, from its raw facts: the same for client and releases."""

import math
from dataclasses import dataclass
from statistics import median
from typing import Final

from hfbench_schema.cells import Cell
from hfbench_schema.figures import is_measured
from hfbench_schema.submission import ProcessRun, Training

SETTLED: Final = 0.05
"""Steps have settled where they are within 5 % of the level of the later half, or within its
spread: caches and allocators are full, clocks have risen."""
SPREADS: Final = 3.0
"""So many robust standard deviations of the later half are within its spread."""
WINDOW: Final = 5
"""The median of so many steps in a row tells whether they have settled; one alone is noise."""
_MAD_TO_SD: Final = 1.4826


@dataclass(frozen=True)
class Speed:
    """How fast one training went; durations in ns.

    `step` is the median of the `steady_steps` steady ones; `compiling` is what the preparation,
    steps in which something was traced or compiled, and the first evaluation, which is compiled
    apart, took beyond steady ones; `loading` is what the slowest rank waited for its batches,
    `evaluation` what all evaluations took.
    """

    step: float
    steady_steps: int
    compiling: float
    loading: int
    evaluation: int
    end_to_end: int
    examples_per_s: float
    tokens_per_s: float


def slowest_steps(training: Training) -> list[int]:
    """Return how long each step took its slowest rank: all others wait for that one."""
    return [max(step) for step in zip(*training["steps_ns"], strict=True)]


def steady_steps(training: Training) -> list[int]:
    """Return the durations of the steps in the steady state, in order.

    Left out are the steps in which something was compiled, and the steps before the first
    `WINDOW` in a row whose median has settled.
    """
    compiled = set(training["compiled_steps"])
    steps = [ns for number, ns in enumerate(slowest_steps(training)) if number not in compiled]
    if len(steps) < 2 * WINDOW:
        return steps
    later = steps[len(steps) // 2 :]
    level = median(later)
    spread = _MAD_TO_SD * median(abs(ns - level) for ns in later)
    limit = level + max(SETTLED * level, SPREADS * spread)
    first = next(i for i in range(len(steps)) if median(steps[i : i + WINDOW]) <= limit)
    return steps[first:]


def speed(run: ProcessRun, cell: Cell) -> Speed | None:
    """Return how fast a training went; None if it did not end, or did nothing but compile."""
    if not is_measured(run, "training"):
        return None
    training = run["training"]
    steady = steady_steps(training)
    if not steady:
        return None
    step, steps, epochs = median(steady), slowest_steps(training), training["epochs"]
    examples = cell.global_batch_size
    tokens = sum(epoch["tokens"] for epoch in epochs) / len(steps)
    compiled = sum(max(0.0, steps[number] - step) for number in training["compiled_steps"])
    return Speed(
        step=step,
        steady_steps=len(steady),
        compiling=run["phases_ns"].get("prepare", 0) + compiled + _first_evaluation(training),
        loading=sum(max(epoch["loading_ns"]) for epoch in epochs),
        evaluation=sum(epoch["evaluation_ns"] for epoch in epochs),
        end_to_end=training["end_to_end_ns"],
        examples_per_s=examples / step * 1e9,
        tokens_per_s=tokens / step * 1e9,
    )


def _first_evaluation(training: Training) -> float:
    """Return what the first evaluation took beyond the median of the later ones; 0 without any."""
    durations = [epoch["evaluation_ns"] for epoch in training["epochs"]]
    return max(0.0, durations[0] - median(durations[1:])) if len(durations) > 1 else 0.0


def score(confusion: list[int], metric: str) -> float:
    """Return a metric of a confusion [0 for 0, 0 for 1, 1 for 0, 1 for 1], label 1 positive.

    `accuracy` and `f1` lie in 0 to 1, `matthews` in -1 to 1; those that divide 0 by 0 are 0, as
    usual (Matthews 1975; scikit-learn's `zero_division=0`).

    Raises:
        ValueError: there is no such metric.
    """
    tn, fp, fn, tp = confusion
    if metric == "accuracy":
        return _ratio(tp + tn, tn + fp + fn + tp)
    if metric == "f1":
        return _ratio(2 * tp, 2 * tp + fp + fn)
    if metric == "matthews":
        root = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return _ratio(tp * tn - fp * fn, root)
    raise ValueError(f"there is no metric {metric!r}; there are accuracy, f1 and matthews")


def majority_score(confusion: list[int], metric: str) -> float:
    """Return what the metric gives whoever always answers with the more frequent label."""
    tn, fp, fn, tp = confusion
    negatives, positives = tn + fp, fn + tp
    if negatives >= positives:
        return score([negatives, 0, positives, 0], metric)
    return score([0, negatives, 0, positives], metric)


def final_score(training: Training, metric: str) -> float | None:
    """Return the metric after the last epoch; None if no epoch ended."""
    epochs = training["epochs"]
    return score(epochs[-1]["confusion"], metric) if epochs else None


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0
