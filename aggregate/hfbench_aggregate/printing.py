"""Comparisons as text for a terminal or a file: never cut off, never wrapped in the middle."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from hfbench_aggregate.statistics.constants import POWER
from hfbench_aggregate.tables import ComparedCell, Comparison
from hfbench_aggregate.wording import (
    NOTHING,
    counted,
    figure,
    heading,
    percent,
    q_value,
    summary,
)
from hfbench_schema.cells import parse_cell

_HEADER = ("cell", "verdict", "change [95 %]", "q", "runs", "ms", "seen")
_STYLES = {
    "slower": "red",
    "faster": "green",
    "equivalent": "blue",
    "inconclusive": "yellow",
    "insufficient": "dim",
}
_GAPS = (2, 1)


def comparison_text(comparison: Comparison, machine: str, width: int) -> Text:
    """Return a comparison as lines of at most `width` columns, as far as its words allow.

    Where a row is longer, the cell's name gets a line of its own.

    Args:
        comparison: what to print.
        machine: the machine for people.
        width: columns to use.
    """
    names, shared = cell_names([row["cell"] for row in comparison["cells"]])
    text = Text()
    for line in _above(comparison, machine, shared):
        text.append(line + "\n")
    text.append("\n")
    rows = [_figures(row) for row in comparison["cells"]]
    _append_table(text, list(zip(names, rows, strict=True)), width)
    text.append("\n")
    for line in _below(comparison, names):
        text.append(line + "\n")
    text.append(summary(comparison), style="bold")
    return text


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


def _above(comparison: Comparison, machine: str, shared: list[str]) -> Iterator[str]:
    yield heading(comparison)
    yield f"  baseline   {comparison['baseline']}"
    yield f"  candidate  {comparison['candidate']}"
    yield f"  machine    {machine} ({comparison['machine_key']})"
    yield f"  suite      {', '.join([comparison['suite'], *shared])}"


def _below(comparison: Comparison, names: list[str]) -> Iterator[str]:
    yield "  change: of the candidate's time; + is slower. runs, ms: baseline/candidate."
    yield f"  seen: the least change that {100 * POWER:.0f} % of such data would show."
    yield f"design: {_design(comparison)}"
    if comparison["provisional"]:
        yield f"provisional: {comparison['provisional']}"
    for warning in comparison["warnings"]:
        yield f"warning: {warning}"
    for name, row in zip(names, comparison["cells"], strict=True):
        yield from (f"{name}: {flag}" for flag in row["flags"])
    yield ""


def _design(comparison: Comparison) -> str:
    a, b = comparison["sittings"]
    if comparison["design"] == "interleaved":
        return f"interleaved in {counted(max(a, b), 'sitting')}, so that drift hits both alike"
    source = "assumed" if comparison["design"] == "default" else "estimated"
    sd = percent(comparison["sitting_sd"])
    interleaved, compared = comparison["interleaved"]
    how = "not interleaved"
    if interleaved:
        how = f"interleaved in {interleaved} of {compared} cells; in the others"
    return f"{how}: sittings {a}/{b}, sd between sittings {sd} ({source})"


def _figures(row: ComparedCell) -> tuple[str, ...]:
    return (
        row["verdict"],
        _change(row),
        q_value(row["q"]),
        "/".join(map(str, row["process_runs"])),
        "/".join(figure(row[side], grouped=False) for side in ("baseline_ms", "candidate_ms")),
        NOTHING if row["detectable"] is None else _bare(row["detectable"] - 1) + "%",
    )


def _change(row: ComparedCell) -> str:
    if row["ratio"] is None:
        return NOTHING
    change = f"{_signed(row['ratio'])}%"
    if row["low"] is None or row["high"] is None:
        return change
    return f"{change} [{_signed(row['low'])}, {_signed(row['high'])}]"


def _signed(ratio: float) -> str:
    return ("+" if ratio >= 1 else "-") + _bare(ratio - 1)


def _bare(share: float) -> str:
    size = abs(100 * share)
    return f"{size:.{0 if size >= 99.95 else 1}f}"


def column_widths(rows: Sequence[Sequence[str]], width: int) -> tuple[list[int], int | None]:
    """Return the width of each column, and the widest gap between them that fits; None if none."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - sum(widths)
    return widths, next((gap for gap in _GAPS if gap * (len(widths) - 1) <= room), None)


def _append_table(text: Text, rows: list[tuple[str, tuple[str, ...]]], width: int) -> None:
    """Append header and rows: with the widest gap that fits, else names on lines of their own."""
    lines = [_HEADER, *((name, *figures) for name, figures in rows)]
    widths, gap = column_widths(lines, width)
    for number, line in enumerate(lines):
        name, *figures = line
        text.append(f"{name}\n  " if gap is None else name.ljust(widths[0]) + " " * gap)
        _append_figures(text, figures, widths[1:], gap or 1, header=number == 0)


def _append_figures(
    text: Text, figures: list[str], widths: list[int], gap: int, *, header: bool
) -> None:
    verdict, *numbers = figures
    text.append(verdict.ljust(widths[0]), style="bold" if header else _STYLES.get(verdict, ""))
    for number, width in zip(numbers, widths[1:], strict=True):
        text.append(" " * gap + number.rjust(width), style="bold" if header else "")
    text.append("\n")
