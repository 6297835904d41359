"""The report on training as text for a terminal, and as Markdown to be pasted."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from rich.text import Text

from hfbench_aggregate.markdown import plain
from hfbench_aggregate.printing import column_widths
from hfbench_aggregate.training.sections import Section, group_facts, group_title, sections
from hfbench_aggregate.training.tables import TrainingGroup

_STYLES: Final = {
    "better": "green",
    "worse": "red",
    "equivalent": "blue",
    "inconclusive": "yellow",
    "insufficient": "dim",
}
_INDENT: Final = "  "


def report_text(group: TrainingGroup, width: int) -> Text:
    """Return the report on one group, in lines of at most `width` columns where words allow.

    Tables are never wrapped: where a row is longer, its name gets a line of its own.
    """
    text = Text()
    text.append(group_title(group) + "\n", style="bold")
    facts = group_facts(group)
    indent = max(len(name) for name, _ in facts) + 2
    for name, value in facts:
        _append_words(text, value, width, f"{_INDENT}{name.ljust(indent)}")
    for section in sections(group):
        text.append(f"\n{section.title}\n", style="bold")
        if section.rows:
            _append_table(text, [section.header, *section.rows], width)
        for line in section.lines:
            _append_words(text, line, width, _INDENT)
    text.rstrip()
    return text


def report_markdown(group: TrainingGroup) -> str:
    """Return the report on one group as GitHub's Markdown; strangers' text in it is plain text."""
    parts = [f"## {plain(group_title(group))}"]
    parts.append("\n".join(f"- {name}: {plain(value)}" for name, value in group_facts(group)))
    for section in sections(group):
        parts.append(f"### {plain(section.title)}")
        if section.rows:
            parts.append("\n".join(_markdown_table(section)))
        if section.lines:
            parts.append("\n".join(f"- {plain(line)}" for line in section.lines))
    return "\n\n".join(parts) + "\n"


def _append_words(text: Text, words: str, width: int, lead: str) -> None:
    """Append words, wrapped between them, behind a lead on the first line."""
    room = max(width, len(lead) + 20)
    lines = wrap(
        words,
        room,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
    text.append("\n".join(lines or [lead.rstrip()]) + "\n")


def _append_table(text: Text, rows: Sequence[tuple[str, ...]], width: int) -> None:
    """Append header and rows: with the widest gap that fits, else names on lines of their own."""
    widths, gap = column_widths(rows, width)
    for number, (name, *cells) in enumerate(rows):
        style = "bold" if number == 0 else ""
        text.append(f"{name}\n " if gap is None else name.ljust(widths[0]), style=style)
        for cell, room in zip(cells, widths[1:], strict=True):
            text.append(" " * (gap or 1))
            text.append(cell.rjust(room), style=style or _STYLES.get(cell, ""))
        text.append("\n")


def _markdown_table(section: Section) -> Iterator[str]:
    yield _markdown_row(section.header)
    yield _markdown_row(["---", *["---:"] * (len(section.header) - 1)], escape=False)
    yield from map(_markdown_row, section.rows)


def _markdown_row(cells: Sequence[str], *, escape: bool = True) -> str:
    shown = [plain(cell) if escape else cell for cell in cells]
    return f"| {' | '.join(shown)} |"
