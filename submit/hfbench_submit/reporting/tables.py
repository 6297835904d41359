"""Tables that stay readable on a narrow terminal: where rows do not fit, figures go below them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

_GAP = "  "
_LEAST_FIRST = 24
"""Columns that the first text needs before it breaks its lines."""
_LEAST_LAST = 12


@dataclass(frozen=True)
class FigureTable:
    """A title, names of columns, and rows; a row that is one text is a heading.

    The first and the last column are texts, those between them figures. A column without any
    figure is left out.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[str | tuple[str, ...]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines of the table at the width there is."""
        widths = _fitting(self._widths(), options.max_width)
        yield Text(self.title, style="bold underline", overflow="fold")
        for text, style in self._wide(widths) if widths else self._narrow():
            yield Text(text, style=style, overflow="fold")

    def _records(self) -> list[tuple[str, ...]]:
        return [row for row in self.rows if isinstance(row, tuple)]

    def _widths(self) -> dict[int, int]:
        """Return, by index, how wide each column is that has a figure somewhere."""
        records = self._records()
        widths = {i: max(cell_len(record[i]) for record in records) for i in range(len(records[0]))}
        return {i: max(width, len(self.columns[i])) for i, width in widths.items() if width}

    def _wide(self, widths: dict[int, int]) -> Iterator[tuple[str, str]]:
        yield from ((line, "dim") for line in _lines(self.columns, widths))
        for row in self.rows:
            if isinstance(row, str):
                yield row, "bold"
            else:
                yield from ((line, "") for line in _lines(row, widths))

    def _narrow(self) -> Iterator[tuple[str, str]]:
        used = [*self._widths()][1:]
        for row in self.rows:
            if isinstance(row, str):
                yield row, "bold"
                continue
            yield row[0], ""
            for index in used:
                if row[index]:
                    yield f"{_indent(row[0])}{_GAP}{self.columns[index]} {row[index]}", ""


def _fitting(widths: dict[int, int], available: int) -> dict[int, int]:
    """Make the texts as narrow as they have to be; empty if that is too narrow to read."""
    first, *_, last = widths
    excess = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - available
    for index, least in ((last, _LEAST_LAST), (first, _LEAST_FIRST)):
        saved = min(max(excess, 0), max(widths[index] - least, 0))
        widths = widths | {index: widths[index] - saved}
        excess -= saved
    return {} if excess > 0 else widths


def _lines(record: Sequence[str], widths: dict[int, int]) -> Iterator[str]:
    """Yield a row's lines, more than one if a text has to break."""
    first, *middle, last = widths
    figures = [f"{' ' * (widths[i] - cell_len(record[i]))}{record[i]}" for i in middle]
    blanks = [" " * widths[i] for i in middle]
    firsts = _wrapped(record[first], widths[first])
    for number, (start, end) in enumerate(
        zip_longest(firsts, _wrapped(record[last], widths[last]), fillvalue="")
    ):
        padded = start + " " * (widths[first] - cell_len(start))
        yield _GAP.join([padded, *(blanks if number else figures), end]).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text's lines, each indented as the text is."""
    indent = _indent(text)
    return wrap(text.strip(), width, initial_indent=indent, subsequent_indent=indent) or [""]


def _indent(text: str) -> str:
    return " " * (len(text) - len(text.lstrip()))
