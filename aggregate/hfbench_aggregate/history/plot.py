"""Histories as a picture: the time of each version, its levels, and where they change."""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean
from typing import TYPE_CHECKING, Final

from hfbench_aggregate.comparing.views import cell_names
from hfbench_aggregate.history.rows import INDEX
from hfbench_aggregate.history.tables import ChangeRow, History, HistoryGroup, SeriesRow
from hfbench_aggregate.plotting import COLOURS, FAINT, INK, MARKERS, bytes_of, style
from hfbench_aggregate.wording import change_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PANELS: Final = 12
"""More series than these would make a picture that nobody can read."""
_PANEL_INCHES: Final = (7.5, 2.4)
_HEIGHTS: Final = (0.94, 0.81)
"""Of the words at changes, in turns, so that those at neighbours do not overlap."""


def history_plot(history: History, kind: str) -> bytes:
    """Return the plot as `svg` or `png`, a panel a series; the same history gives the same bytes.

    Where there are more series than can be read, those with changes come first.

    Raises:
        PlottingError: matplotlib is not installed.
    """
    every = [(group, series) for group in history["groups"] for series in group["series"]]
    every.sort(key=lambda panel: panel[1]["verdict"] != "changed")
    panels = every[:_MOST_PANELS]
    with style():
        from matplotlib.figure import Figure

        width, height = _PANEL_INCHES
        figure = Figure(figsize=(width, height * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), squeeze=False)[:, 0]
        for panel, (group, series) in zip(axes, panels, strict=True):
            _draw(panel, group, series)
        if missing := len(every) - len(panels):
            figure.supxlabel(f"{missing} more series are not drawn")
        return bytes_of(figure, kind, "Times over the versions of transformers")


def _draw(axes: "Axes", group: HistoryGroup, series: SeriesRow) -> None:
    """Draw one series: a dot a version, a line a level, a mark with words at each change."""
    times = [point["ms"] for point in series["points"]]
    versions = [point["version"] for point in series["points"]]
    held = [(place, time) for place, time in enumerate(times) if time is not None]
    places, values = [place for place, _ in held], [time for _, time in held]
    axes.plot(places, values, "o", color=INK, markersize=4)
    axes.set_xticks(range(len(versions)), versions, rotation=45, ha="right")
    axes.margins(y=0.5)  # room for words above
    for start, end in _segments(series, versions):
        if level := [time for place, time in held if start <= place < end]:
            ends, mean = (start - 0.3, end - 0.7), geometric_mean(level)
            axes.plot(ends, (mean, mean), color=FAINT, linewidth=1.2, zorder=1)
    for number, change in enumerate(series["changes"]):
        height = _HEIGHTS[number % len(_HEIGHTS)]
        _draw_change(axes, versions.index(change["version"]), height, change)
    axes.set_ylabel("ms")
    axes.set_title(_title(group, series), loc="left", fontsize=9)


def _segments(series: SeriesRow, versions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the versions between changes, as first and one after the last."""
    cuts = [versions.index(change["version"]) for change in series["changes"]]
    yield from zip([0, *cuts], [*cuts, len(versions)], strict=True)


def _draw_change(axes: "Axes", place: int, height: float, change: ChangeRow) -> None:
    ratio = change["ratio"] or 1.0
    verdict = "slower" if ratio > 1 else "faster"
    colour = COLOURS[verdict]
    axes.axvline(place - 0.5, color=colour, linewidth=1, linestyle="--")
    words = change_figure(change["ratio"], change["low"], change["high"])
    across = axes.get_xaxis_transform()
    axes.plot(place - 0.5, height, MARKERS[verdict], color=colour, transform=across)
    text = f"{verdict} {words}"
    axes.text(place - 0.3, height, text, color=colour, va="center", transform=across)


def _title(group: HistoryGroup, series: SeriesRow) -> str:
    cell = series["cell"]
    name = f"{INDEX} of {series['cells']} cells" if cell == INDEX else cell_names([cell])[0][0]
    machines = group["machines"]
    where = machines[0] if len(machines) == 1 else f"{len(machines)} machines"
    return f"{name}, {where}, {group['environment']}"
