"""Comparisons as people read them: what a terminal and Markdown have in common."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hfbench_aggregate.comparing.tables import (
    Census,
    ComparedMachine,
    Deciding,
    Gap,
    Index,
    Pooled,
    PooledCell,
)
from hfbench_aggregate.comparing.tables import Study as StudyRow
from hfbench_aggregate.statistics.constants import POWER
from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_aggregate.wording import (
    NOTHING,
    change_figure,
    counted,
    figure,
    heading,
    interval_figure,
    percent,
    q_value,
    size_figure,
    summary,
    tally,
)
from hfbench_schema.cells import parse_cell

_MACHINE_HEADER: Final = ("cell", "verdict", "change [95 %]", "q", "runs", "ms", "seen")
_POOLED_HEADER: Final = (
    "cell",
    "verdict",
    "change [95 %]",
    "q",
    "by",
    "runs",
    "next machine",
    "seen",
)
_SEEN: Final = f"seen: the least change that {100 * POWER:.0f} % of such data would show."
_MOST_NAMED: Final = 5
_MOST_SINGLE: Final = 3
"""A flag of more cells than these gets one line for all of them."""


@dataclass(frozen=True)
class View:
    """One table with what stands around it.

    `facts` are names with values above it. Of `header` and each of `rows` the first is the cell,
    the second the verdict. `legend` explains the columns, `lines` say what to know of the data.
    """

    title: str
    facts: list[tuple[str, str]]
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    legend: list[str]
    lines: list[str]
    summary: str


def machine_view(comparison: ComparedMachine) -> View:
    """Return the view of one machine's comparison."""
    names, shared = cell_names([row["cell"] for row in comparison["cells"]])
    grade = f", grade {comparison['grade']}" if comparison["grade"] else ""
    machine = f"{comparison['machine']} ({comparison['machine_key']}{grade})"
    return View(
        title=heading(comparison),
        facts=[
            ("baseline", comparison["baseline"]),
            ("candidate", comparison["candidate"]),
            ("machine", machine),
            ("suite", ", ".join([comparison["suite"], *shared])),
        ],
        header=_MACHINE_HEADER,
        rows=_named(names, map(_machine_figures, comparison["cells"])),
        legend=[
            "change: of the candidate's time; + is slower. runs, ms: baseline/candidate.",
            _SEEN,
        ],
        lines=[
            *_index_line(comparison["index"]),
            f"design: {_design(comparison)}",
            *([f"provisional: {comparison['provisional']}"] if comparison["provisional"] else []),
            *(f"warning: {warning}" for warning in comparison["warnings"]),
            *_flag_lines(names, [row["flags"] for row in comparison["cells"]]),
            *_census_lines(comparison["census"], comparison["suite"]),
        ],
        summary=summary(comparison),
    )


def pooled_view(pooled: Pooled) -> View:
    """Return the view of a comparison across contributors."""
    names, shared = cell_names([row["cell"] for row in pooled["cells"]])
    contributors = counted(len(pooled["studies"]), "contributor")
    verdicts = tally(row["verdict"] for row in pooled["cells"])
    return View(
        title=f"{heading(pooled)}, {contributors}",
        facts=[
            ("baseline", pooled["baseline"]),
            ("candidate", pooled["candidate"]),
            ("devices", pooled["device_class"]),
            ("suite", ", ".join([pooled["suite"], *shared])),
            *(("from", _study(study)) for study in pooled["studies"]),
        ],
        header=_POOLED_HEADER,
        rows=_named(names, map(_pooled_figures, pooled["cells"])),
        legend=[
            "change: of the candidate's time on the mean machine; + is slower.",
            "by: contributors. runs: baseline/candidate. next machine: its 95 % interval.",
            _SEEN,
        ],
        lines=[
            *_index_line(pooled["index"]),
            *(f"warning: {warning}" for warning in pooled["warnings"]),
            *_flag_lines(names, [row["flags"] for row in pooled["cells"]]),
        ],
        summary=f"{heading(pooled)}, {contributors}: {verdicts}",
    )


def cell_names(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Shorten cell ids by what all of them share, and return that as well.

    Model and shape always stay. Ids of another form are returned as they are.
    """
    try:
        parsed = [parse_cell(cell) for cell in cells]
    except ValueError:
        return list(cells), []
    middle = [(f"{c.framework}-{c.mode}", c.device, c.precision) for c in parsed]
    varies = [len(set(values)) > 1 for values in zip(*middle, strict=True)]
    names = []
    for cell, values in zip(parsed, middle, strict=True):
        kept = [value for value, keep in zip(values, varies, strict=True) if keep]
        names.append("/".join([cell.model, *kept, f"b{cell.batch_size}-s{cell.sequence_length}"]))
    shared = [v for v, keep in zip(middle[0], varies, strict=True) if not keep] if middle else []
    return names, shared


def _named(names: list[str], figures: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [(name, *row) for name, row in zip(names, figures, strict=True)]


def _index_line(index: Index | None) -> Iterator[str]:
    """Say the geometric mean over cells; one cell needs none."""
    if index is None or index["cells"] < 2:
        return
    change = change_figure(index["ratio"], index["low"], index["high"])
    general = interval_figure(index["general_low"], index["general_high"])
    like_these = f"; for cells like these {general}" if general else ""
    unknown = "" if index["low"] else " (no interval: what sittings differ by hits all cells alike)"
    yield f"index: {change}, geometric mean of {index['cells']} cells{unknown}{like_these}"


def _study(study: StudyRow) -> str:
    """Write a contributor: who, on what, how quiet, and in how many cells it counts."""
    who = f"{study['submitter']} on " if study["submitter"] else ""
    grade = f"grade {study['grade']}, " if study["grade"] else ""
    known = f"{study['machine_key']}, {grade}{counted(study['cells'], 'cell')}"
    return f"{who}{study['machine']} ({known})"


def _design(comparison: Comparison) -> str:
    a, b = comparison["sittings"]
    if not comparison["interleaved"][1]:
        return "no cell was measured in both versions"
    if comparison["design"] == "interleaved":
        return f"interleaved in {counted(max(a, b), 'sitting')}, so that drift hits both alike"
    source = "assumed" if comparison["design"] == "default" else "estimated"
    sd = percent(comparison["sitting_sd"])
    interleaved, compared = comparison["interleaved"]
    how = "not interleaved"
    if interleaved:
        how = f"interleaved in {interleaved} of {compared} cells; in the others"
    return f"{how}: sittings {a}/{b}, sd between sittings {sd} ({source})"


def _machine_figures(row: ComparedCell) -> tuple[str, ...]:
    return (
        row["verdict"],
        change_figure(row["ratio"], row["low"], row["high"]),
        q_value(row["q"]),
        _runs(row["process_runs"]),
        "/".join(figure(row[side], grouped=False) for side in ("baseline_ms", "candidate_ms")),
        _seen(row["detectable"]),
    )


def _pooled_figures(row: PooledCell) -> tuple[str, ...]:
    return (
        row["verdict"],
        change_figure(row["ratio"], row["low"], row["high"]),
        q_value(row["q"]),
        str(row["contributors"]),
        _runs(row["process_runs"]),
        interval_figure(row["prediction_low"], row["prediction_high"]) or NOTHING,
        _seen(row["detectable"]),
    )


def _runs(process_runs: list[int]) -> str:
    return "/".join(map(str, process_runs))


def _seen(detectable: float | None) -> str:
    return NOTHING if detectable is None else size_figure(detectable)


def _flag_lines(names: Sequence[str], flags: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield each flag with its cell; one that many cells have, once for all of them."""
    cells: dict[str, list[str]] = {}
    for name, own in zip(names, flags, strict=True):
        for flag in own:
            cells.setdefault(flag, []).append(name)
    for flag, held in cells.items():
        if len(held) > _MOST_SINGLE:
            yield f"{counted(len(held), 'cell')}: {flag}"
        else:
            yield from (f"{name}: {flag}" for name in held)


def _census_lines(census: Census, suite: str) -> Iterator[str]:
    """Say what is missing, by side and cause, and how to fill it."""
    causes: dict[str, list[Gap]] = {}
    for gap in census["gaps"]:
        causes.setdefault(gap["cell"], []).append(gap)
    cells: dict[str, list[str]] = {}
    for cell, gaps in causes.items():
        for cause in _causes(gaps):
            cells.setdefault(cause, []).append(cell)
    for cause, held in cells.items():
        yield f"missing: {cause}: {_listed(held)}"
    if census["command"]:
        yield f"to fill: {census['command']}"
    if census["untouched"]:
        yield f"neither side ran {counted(census['untouched'], 'more cell')} of {suite}"


def _causes(gaps: Sequence[Gap]) -> list[str]:
    """Name what one cell lacks, by side; what its flags say as well is not repeated."""
    named = [
        (gap["side"], gap["why"] + (f" ({gap['detail']})" if gap["why"] == "unsupported" else ""))
        for gap in gaps
    ]
    if len(named) > 1 and len({cause for _, cause in named}) == 1:
        return [f"both sides {named[0][1]}"]
    return [f"{side} {cause}" for side, cause in named]


def _listed(cells: Sequence[str]) -> str:
    names, _ = cell_names(cells)
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def views(pooled: Iterable[Pooled], machines: Iterable[ComparedMachine]) -> list[View]:
    """Return all views, those across contributors first: theirs is the verdict for everybody."""
    return [*map(pooled_view, pooled), *map(machine_view, machines)]


def deciding_line(deciding: Sequence[Deciding]) -> str:
    """Count the verdicts that decide, over all machines."""
    verdicts = tally(one["verdict"] for one in deciding)
    return f"all together, pooled where three contributors or more measured a cell: {verdicts}"
