"""The report on one group as titled tables and sentences, the same for a terminal and Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hfbench_aggregate.break_even import whole
from hfbench_aggregate.statistics.constants import POWER, QUALITY_MARGIN
from hfbench_aggregate.training.tables import (
    EffectRow,
    Estimate,
    QualityRow,
    ScoreRow,
    TrainingArmRow,
    TrainingBreakEvenRow,
    TrainingGroup,
)
from hfbench_aggregate.training.wording import (
    data_wording,
    metric_name,
    points,
    start_wording,
    times,
)
from hfbench_aggregate.wording import NOTHING, counted, figure, q_value
from hfbench_schema.reports import printable

_INTERACTION: Final = (
    "One factor: its speed-up, averaged over the levels of the others. Several: how many times as "
    "large the speed-up of one is with the other as without it; 1 if each does what it does alone "
    "[95 %]."
)


@dataclass(frozen=True)
class Section:
    """A table, if it has rows, and sentences below it."""

    title: str
    header: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    lines: Sequence[str] = ()


def group_title(group: TrainingGroup) -> str:
    """Name a group: `bert-mini on sst2, torch on cpu`."""
    data = group["data"]
    return f"{group['model']} on {data['task']}, {group['framework']} on {group['device']}"


def group_facts(group: TrainingGroup) -> list[tuple[str, str]]:
    """Return what all figures of a group are about, named."""
    return [
        ("data", data_wording(group["data"])),
        ("weights", start_wording(group["checkpoint"])),
        ("batch", f"{group['batch_size']} a device, of {group['sequence_length']} tokens each"),
        ("environment", group["environment"]),
        ("machine", f"{group['machine']} ({group['machine_key']})"),
        ("suite", f"{group['suite']}, {counted(len(group['submissions']), 'submission')}"),
        ("baseline", group["baseline"] or "not measured"),
    ]


def sections(group: TrainingGroup) -> list[Section]:
    """Return the sections of a report that have something to say."""
    metrics = [row["metric"] for row in group["arms"][0]["scores"]] if group["arms"] else []
    found = [
        _speed(group),
        _time(group),
        *(_quality(group, place, metric) for place, metric in enumerate(metrics)),
        *_effects(group),
        _break_even(group),
        _scaling(group),
        Section("Diverged", lines=[*_diverged(group)]),
        Section("Not measured", lines=[*_missing(group)]),
        Section("Remarks", lines=[*_remarks(group)]),
    ]
    return [section for section in found if section.rows or section.lines]


def _speed(group: TrainingGroup) -> Section:
    header = ("arm", "seeds", "examples/s", "tokens/s", "step ms", "throughput", "end-to-end")
    rows = [
        (
            row["name"],
            str(len(row["seeds"])),
            figure(row["examples_per_s"]),
            figure(row["tokens_per_s"]),
            figure(row["step_ms"]),
            _interval(row["throughput"]),
            _interval(row["end_to_end"]),
        )
        for row in group["arms"]
    ]
    line = (
        "throughput, end-to-end: times as fast as the baseline [95 %], in steady steps, and from "
        "the imported framework to the last evaluation."
    )
    return Section("Speed", header, rows, [line])


def _time(group: TrainingGroup) -> Section:
    header = ("arm", "end-to-end s", "compiling s", "loading s", "evaluation s", "peak MiB")
    rows = [
        (
            row["name"],
            figure(row["end_to_end_s"]),
            figure(row["compiling_s"]),
            figure(row["loading_s"]),
            figure(row["evaluation_s"]),
            figure(row["peak_mib"]),
        )
        for row in group["arms"]
        if row["process_runs"] or row["peak_mib"] is not None
    ]
    return Section("Where the time goes", header, rows)


def _quality(group: TrainingGroup, place: int, metric: str) -> Section:
    header: tuple[str, ...]
    header = ("arm", "seeds", "div.", "score", "difference [95 %]", "verdict", "q", "seen")
    tests = {row["name"]: row for row in group["quality"] if row["metric"] == metric}
    rows = [
        _quality_cells(row, row["scores"][place], tests.get(row["name"])) for row in group["arms"]
    ]
    lines = [f"{name}: {test['wording']}." for name, test in tests.items()]
    lines.append(
        f"Points are hundredths; higher is better. score: the mean over seeds, +- half its 95 % "
        f"interval. seen: the least difference that {100 * POWER:.0f} % of such data would show. "
        f"equivalent: two one-sided tests show less than {points(QUALITY_MARGIN)}. q: over "
        f"{counted(group['tested'], 'test')} of this machine and environment."
    )
    if any(row["diverged"] for row in group["arms"]):
        lines.append("div.: seeds that diverged, see below.")
    else:
        header, rows = _without(2, header), [_without(2, row) for row in rows]
    return Section(f"Quality: {metric_name(metric)}", header, rows, lines)


def _quality_cells(
    arm: TrainingArmRow, score: ScoreRow, test: QualityRow | None
) -> tuple[str, ...]:
    cells = (
        arm["name"],
        str(len(score["seeds"])),
        str(arm["diverged"]),
        _mean_points(score["mean"]),
    )
    if test is None:
        return (*cells, *[NOTHING] * 4)
    seen = NOTHING if test["detectable"] is None else f"{test['detectable']:.2f}"
    return (*cells, _difference(test["difference"]), test["verdict"], q_value(test["q"]), seen)


def _without(place: int, cells: tuple[str, ...]) -> tuple[str, ...]:
    return cells[:place] + cells[place + 1 :]


def _effects(group: TrainingGroup) -> Iterator[Section]:
    """Yield one section a design."""
    designs: dict[tuple[str, ...], list[EffectRow]] = {}
    for row in group["effects"]:
        designs.setdefault((*row["design"],), []).append(row)
    for names, effects in designs.items():
        rows = [
            (
                " x ".join(row["factors"]),
                _interval(row["throughput"]),
                _interval(row["end_to_end"]),
            )
            for row in effects
        ]
        lines = [f"Throughput: {row['wording']}." for row in effects if len(row["factors"]) > 1]
        title = f"Factors: {' x '.join(names)}"
        yield Section(title, ("factor", "throughput", "end-to-end"), rows, [_INTERACTION, *lines])


def _break_even(group: TrainingGroup) -> Section:
    header = ("arm", "compiling s", "step ms", "without", "steps", "end-to-end")
    rows = [
        (
            row["name"],
            figure(row["compiling_s"]),
            figure(row["step_ms"]),
            figure(row["step_ms_without"]),
            "never" if row["steps"] is None else whole(row["steps"]),
            _interval(row["end_to_end"]),
        )
        for row in group["break_even"]
    ]
    lines = [_break_even_line(row) for row in group["break_even"]]
    return Section("Break-even", header, rows, lines)


def _break_even_line(row: TrainingBreakEvenRow) -> str:
    return (
        f"{row['name']}: {row['wording']}. At the {counted(row['trained_steps'], 'step')} of this "
        f"training, it is {_interval(row['end_to_end'])} times as fast from end to end."
    )


def _scaling(group: TrainingGroup) -> Section:
    header = ("arm", "hardware", "throughput", "efficiency")
    rows = [
        (
            row["name"],
            str(row["hardware"]),
            _interval(row["speed_up"]),
            _interval(row["efficiency"]),
        )
        for row in group["scaling"]
    ]
    line = (
        "throughput: times that of the same arm on one device [95 %]; efficiency: that over how "
        "many times the hardware."
    )
    return Section("Scaling", header, rows, [line] if rows else [])


def _diverged(group: TrainingGroup) -> Iterator[str]:
    for row in group["diverged"]:
        yield f"{row['name']}, seed {row['seed']}: {_reason(row['reason'])}"


def _missing(group: TrainingGroup) -> Iterator[str]:
    for row in group["missing"]:
        runs = counted(row["process_runs"], "process run")
        reason = f": {_reason(row['reason'])}" if row["reason"] else ""
        yield f"{row['name']} ({runs}): {row['status']}{reason}"


def _remarks(group: TrainingGroup) -> Iterator[str]:
    yield from (f"warning: {text}" for text in group["warnings"])
    for row in group["arms"]:
        yield from (f"{row['name']}: {_reason(flag)}" for flag in row["flags"])
    yield from (f"note: {text}" for text in group["notes"])


def _interval(estimate: Estimate) -> str:
    """Write a speed-up with its interval: `1.52 [1.48, 1.56]`."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if low is None or high is None or low == high:
        return times(value)
    return f"{times(value)} [{times(low)}, {times(high)}]"


def _mean_points(estimate: Estimate) -> str:
    """Write a mean score with half its interval, which lies evenly around it."""
    value, high = estimate["value"], estimate["high"]
    if value is None:
        return NOTHING
    return f"{value:.2f}" if high is None else f"{value:.2f} +- {high - value:.2f}"


def _difference(estimate: Estimate) -> str:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None:
        return NOTHING
    if low is None or high is None:
        return f"{value:+.2f}"
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _reason(text: str) -> str:
    """Return a stranger's words on one line."""
    return printable(" ".join(text.split()))
