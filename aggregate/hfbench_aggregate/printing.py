"""Comparisons as text for a terminal or a file: never cut off, never wrapped in the middle."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from hfbench_aggregate.comparing.views import View

_STYLES: Final = {
    "slower": "red",
    "faster": "green",
    "equivalent": "blue",
    "inconclusive": "yellow",
    "insufficient": "dim",
    "changed": "yellow",
}
_GAPS = (2, 1)


def view_text(view: View, width: int) -> Text:
    """Return a view as lines whose table has at most `width` columns, as far as its words allow.

    Where a row is longer, the cell's name gets a line of its own.
    """
    text = Text()
    text.append(view.title + "\n")
    indent = max((len(name) for name, _ in view.facts), default=0) + 2
    for name, value in view.facts:
        text.append(f"  {name.ljust(indent)}{value}\n")
    text.append("\n")
    append_table(text, [view.header, *view.rows], width)
    for line in ["", *(f"  {line}" for line in view.legend), *view.lines, ""]:
        text.append(line + "\n")
    text.append(view.summary, style="bold")
    text.rstrip()
    return text


def column_widths(rows: Sequence[Sequence[str]], width: int) -> tuple[list[int], int | None]:
    """Return the width of each column, and the widest gap between them that fits; None if none."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - sum(widths)
    return widths, next((gap for gap in _GAPS if gap * (len(widths) - 1) <= room), None)


def append_table(text: Text, rows: Sequence[tuple[str, ...]], width: int) -> None:
    """Append header and rows: with the widest gap that fits, else names on lines of their own.

    The first column is a name, the second a verdict.
    """
    widths, gap = column_widths(rows, width)
    for number, row in enumerate(rows):
        name, *figures = row
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
