"""What must be known to read the report on training: flags, warnings and notes."""

from collections.abc import Iterator
from typing import Final

from hfbench_aggregate.machines import alias_remark
from hfbench_aggregate.reduction import failure_flags, watch_flags
from hfbench_aggregate.statistics.constants import ADVISED_SEEDS
from hfbench_aggregate.training.arms import BASELINE
from hfbench_aggregate.training.groups import Arm, Group
from hfbench_aggregate.training.speed import GroupSpeed
from hfbench_aggregate.training.tables import DivergedRow, EffectRow, TrainingArmRow
from hfbench_aggregate.wording import counted
from hfbench_schema.contamination import was_watched
from hfbench_schema.submission import MEASURED_STATUSES, RESULTS

_NOT_INTERLEAVED: Final = (
    "not interleaved with the baseline: its intervals allow for sittings to differ"
)


def arm_flags(arm: Arm, speed: GroupSpeed) -> list[str]:
    """Say what is unusual about the process runs of one arm."""
    keys = speed.keys
    apart = arm.timed and arm.key != BASELINE and BASELINE in keys
    flags = [_NOT_INTERLEAVED] if apart and not speed.is_interleaved(arm, BASELINE) else []
    unstable = speed.unstable(arm)
    flags += [f"unstable in {unstable} of {len(arm.timed)}"] if unstable else []
    flags += watch_flags([was_watched(run.run) for run in arm.timed])
    unsteady = sum(r.run["status"] in MEASURED_STATUSES and r.speed is None for r in arm.runs)
    flags += [f"{counted(unsteady, 'process run')} did nothing but compile"] if unsteady else []
    other = [r.run for r in arm.runs if r.run["status"] not in RESULTS]
    return flags + failure_flags((run["status"], run.get("reason")) for run in other)


def warnings(group: Group) -> Iterator[str]:
    """Say what weakens the report on a group."""
    if BASELINE not in {arm.key for arm in group.measured}:
        yield (
            f"{BASELINE.name} on one device, without a compiler, was not measured: there is "
            f"nothing to compare the other arms with"
        )
    few = {a.key.name: len(a.scored) for a in group.measured if len(a.scored) < ADVISED_SEEDS}
    if few:
        arms = ", ".join(f"{name} ({count})" for name, count in few.items())
        yield f"fewer than {ADVISED_SEEDS} seeds show next to nothing about quality: {arms}"
    tasks = [s.document["tasks"][group.key.task] for s in group.submissions.values()]
    held = [task["tokenizers"].get(group.key.model) for task in tasks]
    if len({tokenizer["sha256"] for tokenizer in held if tokenizer}) > 1:
        yield "submissions differ in their tokenizer, so that scores and tokens may as well"
    if remark := alias_remark([*group.submissions.values()]):
        yield remark
    yield from _unwatched(group)


def _unwatched(group: Group) -> Iterator[str]:
    runs = [run for arm in group.measured for run in arm.timed]
    if unwatched := sum(not was_watched(run.run) for run in runs):
        yield (
            f"{unwatched} of {counted(len(runs), 'process run')} were not watched: nobody knows "
            f"what other programs did meanwhile"
        )


def other_data(group: Group, groups: list[Group]) -> list[str]:
    """Say that the same was trained on other data as well, which stands in a group of its own."""
    same = (group.key.model, group.key.task)
    others = {g.key.sha256[:12] for g in groups if (g.key.model, g.key.task) == same}
    others.discard(group.key.sha256[:12])
    if not others:
        return []
    return [
        f"submissions differ in the data of {group.key.task}: what was trained on "
        f"{', '.join(sorted(others))} stands apart and is not compared with this"
    ]


def notes(
    group: Group,
    arms: list[TrainingArmRow],
    effects: list[EffectRow],
    diverged: list[DivergedRow],
) -> Iterator[str]:
    """Say what must be known to read the figures of a group."""
    if len(arms) > 2 and not effects:
        yield (
            "no effects of factors: they take all four combinations of two factors, two process "
            "runs each, in sittings that have them in common"
        )
    if group.key.device == "cpu" and any(arm["world_size"] > 1 for arm in arms):
        yield (
            "devices on a CPU are ranks that share one machine's cores, no more hardware: their "
            "efficiency is the speed-up over the number of machines"
        )
    if any(score["floored"] for arm in arms for score in arm["scores"]):
        examples = group.data["validation_examples"]
        yield (
            f"seeds that agree more closely than one of {examples:,} validation examples can tell "
            f"are taken to differ by what rounding to whole ones hides"
        )
    if diverged:
        yield (
            "diverged trainings count with the score after their last whole epoch; those without "
            "one have no score, and so make their arm look better than it is"
        )
