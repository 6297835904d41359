"""Histories as people read them: a table of change points, and of versions where there is room."""

from collections.abc import Iterator
from typing import Final

from hfbench_aggregate.comparing.views import View, cell_names
from hfbench_aggregate.history.rows import INDEX
from hfbench_aggregate.history.tables import ChangeRow, HistoryGroup, SeriesRow
from hfbench_aggregate.wording import NOTHING, change_figure, counted, figure, q_value

_HEADER: Final = ("cell", "verdict", "since", "change [95 %]", "p", "versions")
_VERSIONS_HEADER: Final = ("version", "", "ms", "to the first")
_LEGEND: Final = (
    "change: from the versions before to those since; + is slower.",
    "A change in the last version cannot show here: compare it with the one before.",
)


def history_views(group: HistoryGroup) -> list[View]:
    """Return the view of a group, and of the versions if it has one series only."""
    views = [_changes_view(group)]
    if len(group["series"]) == 1:
        views.append(_versions_view(group, group["series"][0]))
    return views


def _changes_view(group: HistoryGroup) -> View:
    names = _names(group)
    rows = [
        line
        for name, series in zip(names, group["series"], strict=True)
        for line in _lines(name, series)
    ]
    changed = sum(series["verdict"] == "changed" for series in group["series"])
    return View(
        title=_title(group),
        facts=_facts(group),
        header=_HEADER,
        rows=rows,
        legend=list(_LEGEND),
        lines=[
            *(f"note: {note}" for note in group["notes"]),
            *(f"{n}: {s['wording']}" for n, s in zip(names, group["series"], strict=True)),
        ],
        summary=f"{_title(group)}: {changed} of {len(group['series'])} series changed",
    )


def _versions_view(group: HistoryGroup, series: SeriesRow) -> View:
    """Return the view of every version of one series, with its changes at their place."""
    changes = {change["version"]: change for change in series["changes"]}
    first = next((point["ms"] for point in series["points"] if point["ms"]), None)
    rows: list[tuple[str, ...]] = []
    for point in series["points"]:
        ratio = point["ms"] / first if point["ms"] and first else None
        mark = _mark(changes.get(point["version"]))
        change = change_figure(ratio, None, None)
        rows.append((point["version"], mark, figure(point["ms"], grouped=False), change))
    (name,) = _names(group)
    return View(f"{name}, version by version", [], _VERSIONS_HEADER, rows, [], [], "")


def _mark(change: ChangeRow | None) -> str:
    if change is None or change["ratio"] is None:
        return ""
    return "slower" if change["ratio"] > 1 else "faster"


def _lines(name: str, series: SeriesRow) -> Iterator[tuple[str, ...]]:
    """Yield a row for each change point, or one if there is none."""
    verdict = series["verdict"].replace("_", " ")
    versions = str(sum(point["ms"] is not None for point in series["points"]))
    if not series["changes"]:
        yield name, verdict, NOTHING, NOTHING, q_value(series["p"]), versions
    for change in series["changes"]:
        figures = change_figure(change["ratio"], change["low"], change["high"])
        yield name, verdict, change["version"], figures, q_value(change["p"]), versions


def _title(group: HistoryGroup) -> str:
    machines = counted(len(group["machines"]), "machine")
    where = machines if len(group["machines"]) > 1 else group["machines"][0]
    return f"history of transformers on {where}"


def _facts(group: HistoryGroup) -> list[tuple[str, str]]:
    _, shared = _parsed(group)
    pairs = zip(group["machines"], group["machine_keys"], strict=True)
    return [
        ("with", group["environment"]),
        ("devices", group["device_class"]),
        ("suite", ", ".join([group["suite"], *shared])),
        *(("machine", f"{title} ({key})") for title, key in pairs),
    ]


def _names(group: HistoryGroup) -> list[str]:
    if group["series"][0]["cell"] == INDEX:
        return [f"{INDEX} ({counted(s['cells'], 'cell')})" for s in group["series"]]
    return _parsed(group)[0]


def _parsed(group: HistoryGroup) -> tuple[list[str], list[str]]:
    cells = [series["cell"] for series in group["series"]]
    return ([], []) if INDEX in cells else cell_names(cells)
