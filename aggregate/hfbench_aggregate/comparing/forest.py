"""The forest plot of a report: every cell on every machine, and across contributors."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hfbench_aggregate.comparing.tables import PooledCell, Report
from hfbench_aggregate.comparing.views import cell_names
from hfbench_aggregate.plotting import COLOURS, FAINT, INK, MARKERS, bytes_of, style
from hfbench_aggregate.statistics.constants import EQUIVALENCE_MARGIN
from hfbench_aggregate.tables import ComparedCell
from hfbench_aggregate.wording import heading, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ROWS: Final = 150
"""More rows than these would make a picture that nobody can read."""
_ROW_INCHES: Final = 0.24
_WIDTH_INCHES: Final = 7.5
_LEAST_REACH: Final = 1.08
_MOST_REACH: Final = 10.0
_MOST_TICKS: Final = 9
_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Changes between two numbers on the axis; the least that leaves few enough is taken."""
_WIDE_TICKS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Those of an axis that reaches further than steps can."""


@dataclass(frozen=True)
class _Row:
    """One line of the plot; without a cell, it is a heading."""

    label: str
    cell: ComparedCell | PooledCell | None = None
    pooled: bool = False


def forest(report: Report, kind: str) -> bytes:
    """Return the plot as `svg` or `png`; the same report gives the same bytes.

    Where there are more rows than can be read, pooled ones come first and the others end early.

    Raises:
        PlottingError: matplotlib is not installed.
    """
    every = list(_rows(report))
    rows = every[:_MOST_ROWS]
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH_INCHES, 1.3 + _ROW_INCHES * len(rows)))
        axes = figure.add_subplot()
        _draw_frame(axes, rows)
        for place, row in enumerate(rows):
            if row.cell is not None:
                _draw(axes, place, row.cell, pooled=row.pooled)
        title = _title(report, len(every) - len(rows))
        axes.set_title(title, loc="left")
        return bytes_of(figure, kind, title)


def _rows(report: Report) -> Iterator[_Row]:
    """Yield the rows, those across contributors first."""
    for pooled in report["pooled"]:
        names, _ = cell_names([row["cell"] for row in pooled["cells"]])
        yield _Row(f"{len(pooled['studies'])} contributors, {pooled['device_class']}")
        yield from (_Row(n, cell, True) for n, cell in zip(names, pooled["cells"], strict=True))
    studies = [study for pooled in report["pooled"] for study in pooled["studies"]]
    idle = {study["machine_key"] for study in studies if not study["cells"]}
    for machine in report["machines"]:
        names, _ = cell_names([row["cell"] for row in machine["cells"]])
        aside = " (left out above)" if machine["machine_key"] in idle else ""
        yield _Row(machine["machine"] + aside)
        yield from (_Row(n, cell) for n, cell in zip(names, machine["cells"], strict=True))


def _title(report: Report, missing: int) -> str:
    first = (report["pooled"] or report["machines"])[0]
    rest = f"\n{missing} more rows are not drawn" if missing else ""
    return f"{heading(first)}{rest}"


def _draw_frame(axes: "Axes", rows: Sequence[_Row]) -> None:
    """Draw all but the cells: axes, names, the line of no change and the band of equivalence."""
    axes.set_xscale("log")
    axes.set_xlim(*_limits(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if row.cell is None else "normal")
    axes.tick_params("y", length=0)
    low, high = axes.get_xlim()
    ticks = _ticks(low, high)
    axes.set_xticks(ticks, [_change(tick) for tick in ticks])
    axes.minorticks_off()
    axes.axvline(1, color=INK, linewidth=0.8, zorder=1)
    band = (1 / (1 + EQUIVALENCE_MARGIN), 1 + EQUIVALENCE_MARGIN)
    axes.axvspan(*band, color=FAINT, alpha=0.2, linewidth=0, zorder=0)
    axes.set_xlabel(
        "← faster    change of the candidate's time, 95 % interval    slower →\n"
        f"shaded: within {percent(EQUIVALENCE_MARGIN)}; thin line: the next machine"
    )


def _limits(rows: Sequence[_Row]) -> tuple[float, float]:
    """Return limits that hold every ratio and interval, as far as they can be read."""
    cells = [row.cell for row in rows if row.cell is not None]
    ends = [ratio for cell in cells for ratio in (cell["ratio"], cell["low"], cell["high"])]
    ratios = [1.0, *(ratio for ratio in ends if ratio)]
    low = max(min(min(ratios) / 1.03, 1 / _LEAST_REACH), 1 / _MOST_REACH)
    return low, min(max(max(ratios) * 1.03, _LEAST_REACH), _MOST_REACH)


def _ticks(low: float, high: float) -> list[float]:
    """Return the ratios to write on an axis, 1 among them."""
    for step in _STEPS:
        first, last = math.ceil((low - 1) / step), math.floor((high - 1) / step)
        if last - first < _MOST_TICKS:
            return [1 + step * place for place in range(first, last + 1)]
    return [tick for tick in _WIDE_TICKS if low <= tick <= high]


def _change(ratio: float) -> str:
    return "0" if ratio == 1 else f"{100 * (ratio - 1):+.0f} %"


def _draw(axes: "Axes", place: int, cell: ComparedCell | PooledCell, *, pooled: bool) -> None:
    """Draw one cell: its interval, its ratio with the verdict's mark, and the verdict in words."""
    verdict, colour = cell["verdict"], COLOURS[cell["verdict"]]
    if pooled:
        _draw_interval(axes, place, cell, ("prediction_low", "prediction_high"), colour, 0.6)
    _draw_interval(axes, place, cell, ("low", "high"), colour, 2.4 if pooled else 1.4)
    if cell["ratio"] is not None:
        size = 7 if pooled else 5
        axes.plot(cell["ratio"], place, MARKERS[verdict], color=colour, markersize=size)
    axes.text(1.02, place, verdict, color=colour, va="center", transform=axes.get_yaxis_transform())


def _draw_interval(
    axes: "Axes",
    place: int,
    cell: Mapping[str, Any],
    ends: tuple[str, str],
    colour: str,
    width: float,
) -> None:
    low, high = cell[ends[0]], cell[ends[1]]
    if low is not None and high is not None:
        axes.plot([low, high], [place] * 2, color=colour, linewidth=width)
