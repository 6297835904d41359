"""The rows of the report on training: everything about each group, recomputed from raw facts."""

import math
from collections.abc import Callable, Iterable, Iterator
from statistics import fmean

from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.reduction import failure_reasons
from hfbench_aggregate.rounding import published, published_median
from hfbench_aggregate.training.arms import BASELINE
from hfbench_aggregate.training.groups import Arm, Group, TrainingFamily, training_families
from hfbench_aggregate.training.remarks import arm_flags, notes, other_data, warnings
from hfbench_aggregate.training.scores import diverged_rows, quality_rows, score_rows
from hfbench_aggregate.training.speed import FamilySpeed, GroupSpeed
from hfbench_aggregate.training.tables import (
    DivergedRow,
    MissingArmRow,
    QualityRow,
    TrainingArmRow,
    TrainingGroup,
)
from hfbench_schema.submission import MEASURED_STATUSES
from hfbench_schema.training_figures import Speed

_MIB = 2**20
_NS = 1e9


def training_rows(submissions: Iterable[Accepted]) -> list[TrainingGroup]:
    """Return the report on everything that was trained, group by group; [] if nothing was.

    Raises:
        StoreError: a submission is of a suite that this version does not know.
    """
    return [row for family in training_families(submissions) for row in _family_rows(family)]


def _family_rows(family: TrainingFamily) -> Iterator[TrainingGroup]:
    groups = [*family.groups.values()]
    speed = FamilySpeed.of(groups)
    quality, tested = quality_rows(groups)
    for number, group in enumerate(groups):
        row = _row(family, group, speed.group(number, group), quality[number])
        row["tested"] = tested
        row["warnings"] += other_data(group, groups)
        yield row


def _row(
    family: TrainingFamily, group: Group, speed: GroupSpeed, quality: list[QualityRow]
) -> TrainingGroup:
    """Return the rows of one group, without what only its family knows."""
    key, data, diverged = group.key, group.data, diverged_rows(group)
    checkpoint = group.model.checkpoint
    arms = [_arm_row(group, arm, speed, diverged) for arm in group.measured]
    effects = speed.effects()
    return {
        "machine_key": family.key.machine_key,
        "machine": family.machine_title,
        "suite": family.suite_title,
        "environment": family.key.environment.title,
        "framework": key.framework,
        "device": key.device,
        "model": key.model,
        "checkpoint": checkpoint["repository"] if checkpoint else None,
        "batch_size": key.batch_size,
        "sequence_length": key.sequence_length,
        "data": {
            "task": key.task,
            "source": data["source"],
            "sha256": key.sha256,
            "train_examples": data["train_examples"],
            "validation_examples": data["validation_examples"],
            "ranked": group.task.ranked and data["source"] == "hub",
        },
        "submissions": [s.sha256 for s in group.submissions.values()],
        "baseline": BASELINE.name if BASELINE in {arm.key for arm in group.measured} else None,
        "tested": 0,
        "arms": arms,
        "missing": _missing(group),
        "effects": effects,
        "break_even": speed.break_even(),
        "scaling": speed.scaling(),
        "quality": quality,
        "diverged": diverged,
        "warnings": [*warnings(group)],
        "notes": [*notes(group, arms, effects, diverged)],
    }


def _arm_row(
    group: Group, arm: Arm, speed: GroupSpeed, diverged: list[DivergedRow]
) -> TrainingArmRow:
    throughput, end_to_end = speed.speed_ups(arm, BASELINE)
    seeds = {row["seed"] for row in diverged if row["name"] == arm.key.name}
    return {
        "cell": arm.cell.id,
        "name": arm.key.name,
        "mode": arm.cell.mode,
        "precision": arm.key.precision,
        "world_size": arm.key.world_size,
        "nodes": arm.key.nodes,
        "seeds": sorted({run.seed for run in arm.timed}),
        "process_runs": len(arm.timed),
        "examples_per_s": _mean(arm, lambda s: s.examples_per_s),
        "tokens_per_s": _mean(arm, lambda s: s.tokens_per_s),
        "step_ms": _mean(arm, lambda s: s.step / 1e6),
        "compiling_s": published_median(s.compiling / _NS for s in arm.speeds),
        "loading_s": published_median(s.loading / _NS for s in arm.speeds),
        "evaluation_s": published_median(s.evaluation / _NS for s in arm.speeds),
        "end_to_end_s": _mean(arm, lambda s: s.end_to_end / _NS),
        "peak_mib": _peak(arm),
        "throughput": throughput,
        "end_to_end": end_to_end,
        "scores": score_rows(group, arm),
        "diverged": len(seeds),
        "flags": arm_flags(arm, speed),
    }


def _mean(arm: Arm, figure: Callable[[Speed], float]) -> float | None:
    """Return the geometric mean over process runs, as contrasts of logarithms take it."""
    if not arm.speeds:
        return None
    return published(math.exp(fmean(math.log(figure(speed)) for speed in arm.speeds)))


def _peak(arm: Arm) -> float | None:
    """Return the peak of the device that trains: the GPU's allocator, or the whole process."""
    found = [run["memory"] for run in arm.memory if run["status"] in MEASURED_STATUSES]
    if arm.cell.device == "cuda":
        peaks = [memory["device_peak"] for memory in found if "device_peak" in memory]
    else:
        peaks = [memory["host_peak"] for memory in found]
    return published_median(peak / _MIB for peak in peaks)


def _missing(group: Group) -> list[MissingArmRow]:
    """Return a row for each arm without any training on record, and each status it ended with."""
    return [
        row
        for key in sorted(group.arms)
        if not group.arms[key].scored
        for row in _missing_arm(group.arms[key])
    ]


def _missing_arm(arm: Arm) -> Iterator[MissingArmRow]:
    """Yield how often an arm ended with each status, and the most frequent reason."""
    ends = ((each.run["status"], each.run.get("reason")) for each in arm.runs)
    for status, reasons in failure_reasons(ends).items():
        yield {
            "cell": arm.cell.id,
            "name": arm.key.name,
            "status": status,
            "reason": reasons.most_common(1)[0][0],
            "process_runs": reasons.total(),
        }
