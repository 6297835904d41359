"""How well the arms of a family learn: scores over seeds, verdicts, and what diverged."""

from dataclasses import dataclass

import numpy as np

from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.moments import padded
from hfbench_aggregate.statistics.quality import (
    QualityComparison,
    compare_quality,
    mean_scores,
)
from hfbench_aggregate.training.arms import BASELINE, ArmKey
from hfbench_aggregate.training.groups import Arm, Group, SeedRun
from hfbench_aggregate.training.tables import DivergedRow, Estimate, QualityRow, ScoreRow
from hfbench_aggregate.training.wording import metric_name, quality_wording
from hfbench_schema.submission import DIVERGED
from hfbench_schema.training_figures import final_score, majority_score, score

_POINTS = 100.0
_DECIMALS = 9


@dataclass(frozen=True, eq=False)
class _Test:
    """One arm against the baseline by one metric."""

    group: Group
    arm: Arm
    metric: str
    examples: int
    points: tuple[list[float], list[float]]


def score_rows(group: Group, arm: Arm) -> list[ScoreRow]:
    """Return the quality of one arm by every metric of its task."""
    return [_score_row(arm, metric, _examples(group)) for metric in group.task.metrics]


def quality_rows(groups: list[Group]) -> tuple[list[list[QualityRow]], int]:
    """Return the verdicts of each group of a family, and how many tests they are among."""
    tests = [test for group in groups for test in _tests(group)]
    result = compare_quality(
        padded([test.points[0] for test in tests]),
        padded([test.points[1] for test in tests]),
        np.array([test.examples for test in tests], dtype=np.float64),
    )
    rows = [_quality_row(test, place, result) for place, test in enumerate(tests)]
    by_group = [
        [row for test, row in zip(tests, rows, strict=True) if test.group is group]
        for group in groups
    ]
    return by_group, int(np.isfinite(result.q).sum())


def diverged_rows(group: Group) -> list[DivergedRow]:
    """Return every training of a group that learnt nothing or broke down."""
    return [
        {"cell": arm.cell.id, "name": arm.key.name, "seed": run.seed, "reason": reason}
        for arm in group.measured
        for run in arm.runs
        if (reason := _divergence(group, run))
    ]


def _divergence(group: Group, run: SeedRun) -> str | None:
    """Say how a training diverged: its loss broke down, or it learnt no more than a constant.

    None if it did not. No more than a constant: by no metric is it above what whoever always
    answers with the more frequent label gets.
    """
    training = run.training
    if training is None:
        return None
    if run.run["status"] == DIVERGED:
        return run.run.get("reason", "the loss is not finite")
    if None in training["losses_micro"]:
        step = training["losses_micro"].index(None)
        return f"the loss is not finite in step {step}"
    if not training["epochs"]:
        return None
    last, metrics = training["epochs"][-1]["confusion"], group.task.metrics
    if any(score(last, metric) > majority_score(last, metric) for metric in metrics):
        return None
    return (
        f"{metric_name(metrics[0])} is {_POINTS * score(last, metrics[0]):.1f}, no more than by "
        f"always answering with the more frequent label"
    )


def _score_row(arm: Arm, metric: str, examples: int) -> ScoreRow:
    seeds = _points(arm, metric)
    found = mean_scores(padded([[*seeds.values()]]), examples)
    mean, reach = found.mean[0], found.half_width[0]
    return {
        "metric": metric,
        "mean": _estimate(mean, mean - reach, mean + reach),
        "seeds": [*seeds],
        "points": [published(points) or 0.0 for points in seeds.values()],
        "floored": bool(found.floored[0]),
    }


def _points(arm: Arm, metric: str) -> dict[int, float]:
    """Return the score of each seed in points, after the last epoch that ended."""
    finals = {
        seed: final_score(run.training, metric)
        for seed, run in arm.scored.items()
        if run.training is not None
    }
    return {seed: _POINTS * final for seed, final in finals.items() if final is not None}


def _tests(group: Group) -> list[_Test]:
    """Return the tests of a group: none without its baseline."""
    arms: dict[ArmKey, Arm] = {arm.key: arm for arm in group.measured}
    if BASELINE not in arms:
        return []
    tests = []
    for metric in group.task.metrics:
        of_baseline = [*_points(arms[BASELINE], metric).values()]
        for key, arm in arms.items():
            points = [*_points(arm, metric).values()]
            if key != BASELINE and points and of_baseline:
                sides = (of_baseline, points)
                tests.append(_Test(group, arm, metric, _examples(group), sides))
    return tests


def _quality_row(test: _Test, place: int, result: QualityComparison) -> QualityRow:
    row: QualityRow = {
        "cell": test.arm.cell.id,
        "name": test.arm.key.name,
        "metric": test.metric,
        "verdict": str(result.verdict[place]),
        "wording": "",
        "difference": _estimate(result.difference[place], result.low[place], result.high[place]),
        "p": published(result.p[place]),
        "q": published(result.q[place]),
        "p_equivalent": published(result.p_equivalent[place]),
        "detectable": published(result.detectable[place]),
        "seeds": [int(result.seeds_baseline[place]), int(result.seeds_arm[place])],
    }
    row["wording"] = quality_wording(row)
    return row


def _examples(group: Group) -> int:
    return group.data["validation_examples"]


def _estimate(value: float, low: float, high: float) -> Estimate:
    # Equal means differ by rounding alone, and not alike on all processors.
    value, low, high = (round(points, _DECIMALS) + 0.0 for points in (value, low, high))
    return {"value": published(value), "low": published(low), "high": published(high)}
