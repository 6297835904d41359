"""The chart of a cell: every process run as a dot, environment by environment, from old to new.

Dots are one path for each kind, so that a chart of a thousand of them stays small; the table beside
it has every figure. The time axis need not begin at 0: it shows whether versions differ, and the
labels say how much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from hfbench_aggregate.tables import CellRow, ProcessRunRow
from hfbench_leaderboard.charts import marker, round_step
from hfbench_leaderboard.words import change
from hfbench_schema.submission import MEASURED_STATUSES

_LEFT, _RIGHT = 4.0, 996.0  # of 1000 across; the labels of the axis lie left of these
_CALLS, _BOTTOM = 14.0, 244.0  # pixels: found changes, and the foot of the axis
_TOP, _TOP_UNDER_CALLS = 28.0, 56.0  # pixels: the head of the axis
_GUTTER = -8.0  # pixels: where the labels of the axis end
_LANE = 34.0  # pixels below the axis for process runs that gave no time
_NAMES = 36.0  # pixels for the names of environments, in two rows where they are many
_MOST_IN_ONE_ROW = 5
_LONGEST_NAME = 18  # characters; the table has the whole of it
_SPREAD = 0.62  # of an environment's width for its dots


@dataclass(frozen=True)
class Column:
    """One environment in the chart: its row, its short name, its verdict against the one before.

    `verdict` and `ratio` are None where the two were not compared. `since` says what changed here
    for good, where a change point was found.
    """

    row: CellRow
    name: str
    verdict: str | None = None
    ratio: float | None = None
    since: str | None = None

    @property
    def is_called(self) -> bool:
        """Whether it is slower or faster than the one before."""
        return self.verdict in ("slower", "faster")


def history_chart(columns: Sequence[Column], title: str) -> Markup:
    """Draw the process runs of a cell; `title` names it for those who do not see it."""
    scale = _Scale(columns, _TOP_UNDER_CALLS if any(one.is_called for one in columns) else _TOP)
    failed = any(not _is_measured(run) for one in columns for run in one.row["process_runs"])
    floor = _BOTTOM + (_LANE if failed else 0.0)
    width = (_RIGHT - _LEFT) / len(columns)
    parts = [scale.grid()]
    for place, column in enumerate(columns):
        parts.append(_column(column, _LEFT + (place + 0.5) * width, width, scale, place, floor))
    parts.append(_dots(columns, width, scale))
    if failed:
        parts.append(_axis_label(_BOTTOM + _LANE / 2, "failed"))
    body = "".join(parts)
    kind = "history many" if len(columns) > _MOST_IN_ONE_ROW else "history"
    opening = Markup(
        '<svg class="{}" role="img" width="100%" height="{}"><title>{}</title>'
        "<desc>One mark per process run, upwards its median time in ms; from left to right the "
        "environments, from old to new. The tables below have the same figures.</desc>"
    ).format(kind, round(floor + _NAMES), title)
    return opening + Markup(f"{body}</svg>")  # noqa: S704  strangers' names are escaped in _column


def _column(
    column: Column, middle: float, width: float, scale: "_Scale", place: int, floor: float
) -> str:
    row, at = column.row, f"{middle / 10:.2f}%"
    kind = "environment lower" if place % 2 else "environment"
    name = column.name
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
    drawn = f'<text class="{kind}" x="{at}" y="{round(floor + 15)}" '
    drawn += f'text-anchor="middle">{escape(name)}</text>'
    if column.since is not None:
        drawn += _change_point(column.since, middle - width / 2, floor)
    if row["centre_ms"] is not None:
        drawn += _level(column, middle, width, scale)
    if column.is_called and column.verdict is not None:
        drawn += f'<svg x="{at}" y="{_CALLS}" overflow="visible">{marker(column.verdict)}</svg>'
        label = f'<text class="call {column.verdict}" x="{at}" y="{_CALLS + 24}"'
        drawn += f'{label} text-anchor="middle">{change(column.ratio)}</text>'
    return drawn


def _change_point(said: str, left: float, floor: float) -> str:
    """Draw a line between the last environment at the old level and the first at the new one."""
    at, top = f"{left / 10:.2f}%", _CALLS + 30  # below what is said of a change there
    return (
        f'<line class="unity" stroke-dasharray="5 4" '
        f'x1="{at}" x2="{at}" y1="{top}" y2="{floor:.0f}">'
        f"<title>{escape(said)}</title></line>"
    )


def _level(column: Column, middle: float, width: float, scale: "_Scale") -> str:
    """Draw the typical time of an environment, with its interval if it has one."""
    row, half = column.row, width * 0.42
    kind = column.verdict if column.is_called else "same"
    left, right = (f"{(middle + side) / 10:.2f}%" for side in (-half, half))
    y = scale.y(row["centre_ms"] or 0.0)
    drawn = ""
    if row["low_ms"] is not None and row["high_ms"] is not None:
        top, bottom = scale.y(row["high_ms"]), scale.y(row["low_ms"])
        drawn = (
            f'<rect class="level {kind}" x="{left}" y="{top:.1f}" width="{2 * half / 10:.2f}%" '
            f'height="{bottom - top:.1f}"/>'
        )
    return f'{drawn}<line class="level {kind}" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _dots(columns: Sequence[Column], width: float, scale: "_Scale") -> str:
    """Draw all process runs: round dots that keep their form however wide the chart is."""
    strokes: dict[str, list[str]] = {"measured": [], "unsteady": [], "failed": []}
    for place, column in enumerate(columns):
        runs = sorted(column.row["process_runs"], key=_launched)
        left = _LEFT + (place + 0.5 - _SPREAD / 2) * width
        for number, run in enumerate(runs):
            x = left + (number + 0.5) / len(runs) * _SPREAD * width
            kind, y = _kind(run), scale.y(run["median_ms"] or 0.0)
            at = _BOTTOM + _LANE / 2 if kind == "failed" else y
            strokes[kind].append(f"M{x:.1f} {at:.1f}h0")
    paths = "".join(
        f'<path class="dots {kind}" d="{"".join(found)}"/>'
        for kind, found in strokes.items()
        if found
    )
    height = round(_BOTTOM + _LANE)
    return (
        f'<svg viewBox="0 0 1000 {height}" width="100%" height="{height}" '
        f'preserveAspectRatio="none">{paths}</svg>'
    )


def _launched(run: ProcessRunRow) -> tuple[str, int]:
    return run["submission"], run["order"]


def _kind(run: ProcessRunRow) -> str:
    if not _is_measured(run):
        return "failed"
    return "measured" if run["status"] == "ok" else "unsteady"


def _is_measured(run: ProcessRunRow) -> bool:
    return run["status"] in MEASURED_STATUSES and run["median_ms"] is not None


class _Scale:
    """A linear axis of milliseconds, upwards; an interval may leave it, a process run may not."""

    def __init__(self, columns: Sequence[Column], top: float) -> None:
        self._top = top
        times = [run["median_ms"] for one in columns for run in one.row["process_runs"]]
        times += [one.row["centre_ms"] for one in columns]
        held = [time for time in times if time]
        low, high = min(held, default=0.0), max(held, default=1.0)
        # A spread of less than 2 % filling the chart would make noise look like a change.
        pad = max(0.08 * (high - low), 0.01 * high - (high - low) / 2)
        self._low, self._high = max(low - pad, 0.0), high + pad

    def y(self, time: float) -> float:
        """Return the place of a time; one beyond the axis lies on its end."""
        share = min(max((time - self._low) / (self._high - self._low), 0.0), 1.0)
        return _BOTTOM - share * (_BOTTOM - self._top)

    def grid(self) -> str:
        """Draw a line and a label at round times."""
        step = round_step((self._high - self._low) / 6)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        digits = max(0, -math.floor(math.log10(step)))
        drawn = [_axis_label(self._top - 20, "ms")]
        for number in range(first, last + 1):
            y = self.y(number * step)
            drawn.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
            drawn.append(_axis_label(y, f"{number * step:,.{digits}f}"))
        return "".join(drawn)


def _axis_label(y: float, text: str) -> str:
    return f'<text class="tick" x="{_GUTTER:.0f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
