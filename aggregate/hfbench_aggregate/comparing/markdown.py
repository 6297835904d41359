"""Views as GitHub's Markdown, to be pasted into an issue; strangers' text in it is plain text."""

from hfbench_aggregate.comparing.views import View
from hfbench_aggregate.markdown import plain


def view_markdown(view: View) -> str:
    """Return a view: its facts, its table, and what to know of the data below."""
    table = [_line(view.header), _line(("---",) * len(view.header))]
    table += [_line((f"`{name}`", *map(_quiet, figures))) for name, *figures in view.rows]
    parts = [
        f"### {_quiet(view.title)}",
        "\n".join(f"- {name}: {_quiet(value)}" for name, value in view.facts),
        "\n".join(table),
        " ".join(map(_quiet, view.legend)),
        "\n".join(f"- {_quiet(line)}" for line in view.lines),
        f"**{_quiet(view.summary)}**",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _quiet(text: str) -> str:
    """Return text without markup that calls nobody: GitHub reads `@name` even where escaped."""
    return plain(text).replace("@", "@<!-- -->")
