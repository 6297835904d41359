"""Plans as text for a terminal or a file: one row a cell, and what all of them take."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.text import Text

from hfbench_aggregate.comparing.views import cell_names
from hfbench_aggregate.plan import (
    MOST_RUNS,
    MOST_RUNS_A_SITTING,
    MOST_SITTINGS,
    QUOTED,
    Plan,
    PlannedCell,
    PlannedDesign,
)
from hfbench_aggregate.printing import column_widths
from hfbench_aggregate.statistics.constants import POWER
from hfbench_aggregate.wording import NOTHING, counted, percent

_HEADER = ("cell", "sd", *map(str, QUOTED), "interleaved", "time", "separate", "time")
_CANNOT = "cannot"


def plan_text(plan: Plan, width: int) -> Text:
    """Return a plan as lines of at most `width` columns, as far as its words allow.

    Where a row is longer, the cell's name gets a line of its own.
    """
    names, shared = cell_names([row["cell"] for row in plan["cells"]])
    text = Text("\n".join([*_above(plan, shared), "", ""]))
    rows = [(name, *_figures(row)) for name, row in zip(names, plan["cells"], strict=True)]
    _append_table(text, [_HEADER, *rows, _total(plan["cells"])], width)
    text.append("\n".join(["", *_below(plan, names)]))
    return text


def _above(plan: Plan, shared: Sequence[str]) -> Iterator[str]:
    sittings, environments = plan["sittings"], plan["environments"]
    yield f"process runs of each version for a change of {percent(plan['change'])}"
    yield f"  machine    {plan['machine']} ({plan['machine_key']})"
    yield f"  suite      {', '.join([plan['suite'], *shared])}"
    yield f"  known from {counted(sittings, 'sitting')}, {counted(environments, 'environment')}"


def _figures(row: PlannedCell) -> tuple[str, ...]:
    together, apart = row["interleaved"], row["separate"]
    known = row["process_sd"] is not None
    cannot = _CANNOT if known else NOTHING
    return (
        _share(row["process_sd"]),
        *(_share(row["detectable"][str(count)]) for count in QUOTED),
        str(together["process_runs"]) if together else cannot,
        _time(together),
        _separate(apart) if apart else cannot,
        _time(apart),
    )


def _share(value: float | None) -> str:
    return NOTHING if value is None else percent(value).replace(" ", "")


def _separate(design: PlannedDesign) -> str:
    """Write sittings of each version, and process runs in each of them."""
    return f"{design['sittings']} x {design['process_runs'] // design['sittings']}"


def _time(design: PlannedDesign | None) -> str:
    if design is None or design["seconds"] is None:
        return NOTHING
    return str(timedelta(seconds=round(design["seconds"])))


def _total(rows: Sequence[PlannedCell]) -> tuple[str, ...]:
    """Return the last row: what all cells take that can get there."""
    together = [row["interleaved"] for row in rows]
    apart = [row["separate"] for row in rows]
    blanks = ("",) * (1 + len(QUOTED))
    return ("total", *blanks, "", _total_time(together), "", _total_time(apart))


def _total_time(designs: Sequence[PlannedDesign | None]) -> str:
    seconds = [d["seconds"] for d in designs if d is not None and d["seconds"] is not None]
    return str(timedelta(seconds=round(sum(seconds)))) if seconds else NOTHING


def _below(plan: Plan, names: Sequence[str]) -> Iterator[str]:
    quoted = " and ".join(map(str, QUOTED))
    yield "  sd: between process runs of one version in one sitting, moderated from ten cells on."
    yield f"  {quoted}: the least change that so many interleaved process runs a version show."
    yield "  interleaved: in one sitting. separate: sittings x process runs in each of them."
    yield f"  one test at 5 %, {100 * POWER:.0f} % power; verdicts on many cells at once need more."
    yield f"sd between sittings: {percent(plan['sitting_sd'])} ({_source(plan)})"
    yield from _sitting_term(plan)
    if any(row["process_sd"] and not row["interleaved"] for row in plan["cells"]):
        yield f"interleaved {_CANNOT}: more than {MOST_RUNS} process runs of each version"
    for name, row in zip(names, plan["cells"], strict=True):
        if row["remark"]:
            yield f"{name}: {row['remark']}"
    if plan["unmeasured"]:
        yield f"unknown: {counted(plan['unmeasured'], 'cell')} of the suite not measured here"


def _source(plan: Plan) -> str:
    if plan["sitting_source"] == "estimated":
        return "estimated"
    return "assumed: too few sittings of one version, or cells in them"


def _sitting_term(plan: Plan) -> Iterator[str]:
    """Say what separate sittings cannot show, whatever number of process runs they have."""
    alone, most = percent(plan["sitting_alone"]), percent(plan["sitting_most"])
    if plan["sitting_most"] > plan["change"]:
        yield (
            f"separate {_CANNOT}: the sitting term alone hides {most} even in {MOST_SITTINGS} "
            "sittings of each version"
        )
        return
    if plan["sitting_alone"] > plan["change"]:
        yield f"  one separate sitting of each version cannot: the sitting term alone hides {alone}"
    if any(row["process_sd"] and not row["separate"] for row in plan["cells"]):
        limit = f"{MOST_SITTINGS} sittings of {MOST_RUNS_A_SITTING} process runs"
        yield f"separate {_CANNOT}: more than {limit}"


def _append_table(text: Text, lines: Sequence[tuple[str, ...]], width: int) -> None:
    """Append header, rows and total: with the widest gap that fits, else names on their own."""
    widths, gap = column_widths(lines, width)
    for number, (name, *figures) in enumerate(lines):
        text.append(f"{name}\n  " if gap is None else name.ljust(widths[0]) + " " * gap)
        numbers = (figure.rjust(w) for figure, w in zip(figures, widths[1:], strict=True))
        style = "bold" if number in (0, len(lines) - 1) else ""
        text.append((" " * (gap or 1)).join(numbers).rstrip() + "\n", style=style)
