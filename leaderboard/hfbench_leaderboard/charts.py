"""The geometry of the charts: where each mark lies; the templates draw it as SVG.

Horizontal places are percentages of the chart's width, vertical ones pixels, so that a chart
fits a phone and a wall alike and its text keeps its size.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hfbench_aggregate.tables import CellRow, ComparedCell, ProcessRunRow
from hfbench_leaderboard.words import milliseconds, signed, status_words
from hfbench_schema.submission import MEASURED_STATUSES

_LEFT, _RIGHT = 5.0, 95.0  # leaves room for half a mark and half a label
_STRIP_LEFT, _STRIP_RIGHT = 19.0, 96.0  # the labels of the axis lie left of the dots
_STRIP_TOP, _STRIP_BOTTOM = 18.0, 142.0
_LANE = 28  # pixels for the process runs that failed, below all others
_LEAST_LIMIT = math.log(1.06)  # twice the equivalence band: nothing narrower is worth a look
_INTERVAL_LIMIT = math.log(2)  # one huge interval must not squash all others
_MOST_TICKS = 6
_STEPS = (1, 2, 5, 10, 20, 50)  # percent


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: str
    label: str


@dataclass(frozen=True)
class ForestAxis:
    """A logarithmic axis of ratios with 1 in the middle, shared by all cells of a comparison."""

    limit: float
    ticks: tuple[Tick, ...]
    middle: str
    band: str
    band_width: str

    def place(self, ratio: float) -> str:
        """Return where a ratio lies; one beyond the axis lies on its end."""
        share = min(max(math.log(ratio) / self.limit, -1.0), 1.0)
        return _across((share + 1) / 2)

    def holds(self, ratio: float) -> bool:
        """Whether a ratio lies on the axis."""
        return abs(math.log(ratio)) <= self.limit


@dataclass(frozen=True)
class ForestMark:
    """One ratio with its interval; an open end goes on beyond the axis."""

    at: str
    low: str | None
    high: str | None
    low_open: bool
    high_open: bool


def forest_axis(cells: Iterable[ComparedCell], margin: float) -> ForestAxis:
    """Choose the axis that shows these cells and the equivalence band of ratios 1 -+ margin."""
    limit = 1.08 * max([_LEAST_LIMIT, 1.5 * math.log1p(margin), *map(_reach, cells)])
    bare = ForestAxis(limit, (), "", "", "")
    band = (bare.place(1 / (1 + margin)), bare.place(1 + margin))
    return ForestAxis(
        limit=limit,
        ticks=tuple(Tick(bare.place(ratio), label) for ratio, label in _ratio_ticks(limit)),
        middle=bare.place(1.0),
        band=band[0],
        band_width=f"{float(band[1][:-1]) - float(band[0][:-1]):.2f}%",
    )


def forest_mark(cell: ComparedCell, axis: ForestAxis) -> ForestMark | None:
    """Place one cell on the axis; None if there is no ratio to place."""
    ratio, low, high = cell["ratio"], cell["low"], cell["high"]
    if not ratio:
        return None
    if not low or not high:
        return ForestMark(axis.place(ratio), None, None, False, False)
    return ForestMark(
        at=axis.place(ratio),
        low=axis.place(low),
        high=axis.place(high),
        low_open=not axis.holds(low),
        high_open=not axis.holds(high),
    )


def _reach(cell: ComparedCell) -> float:
    """Return how far from ratio 1 the axis must go for this cell, as a logarithm."""
    if not cell["ratio"]:
        return 0.0
    ends = [abs(math.log(end)) for end in (cell["low"], cell["high"]) if end]
    return max(abs(math.log(cell["ratio"])), min(max(ends, default=0.0), _INTERVAL_LIMIT))


def _ratio_ticks(limit: float) -> list[tuple[float, str]]:
    least, most = 100 * math.expm1(-limit), 100 * math.expm1(limit)
    for step in _STEPS:
        if (most - least) / step <= _MOST_TICKS:
            numbers = range(math.ceil(least / step), math.floor(most / step) + 1)
            return [
                (1 + n * step / 100, f"{signed(n * step, 0)}\N{NO-BREAK SPACE}%") for n in numbers
            ]
    return _power_ticks(limit)


def _power_ticks(limit: float) -> list[tuple[float, str]]:
    """Label powers where a change in percent would no longer be read as one."""
    base = max(2, math.ceil(math.exp(limit / 3)))
    most = math.floor(limit / math.log(base))
    powers = [float(base) ** n for n in range(-most, most + 1)]
    return [(power, f"{power:.3g}x") for power in powers]


@dataclass(frozen=True)
class Dot:
    """One process run: `arm` is `baseline` or `candidate`, `launch` counts from 1 in this cell."""

    at: str
    y: str
    arm: str
    launch: int
    measured: bool
    run: ProcessRunRow


@dataclass(frozen=True)
class Level:
    """The typical time of one arm, with its interval if it has one."""

    arm: str
    y: str
    top: str | None
    height: str | None


@dataclass(frozen=True)
class Strip:
    """All process runs of one cell in launch order, both arms on one axis of milliseconds.

    `failed_y` is where those lie that failed, None if there are none.
    """

    dots: tuple[Dot, ...]
    levels: tuple[Level, ...]
    ticks: tuple[Tick, ...]
    height: int
    failed_y: int | None


def strip(rows: Mapping[str, CellRow], places: Mapping[str, int]) -> Strip:
    """Place the process runs of a cell, given its rows by arm and the place of each sitting."""
    runs = [(arm, run) for arm, row in rows.items() for run in row["process_runs"]]
    runs.sort(key=lambda pair: (places[pair[1]["submission"]], pair[1]["order"]))
    scale = _Scale(_shown_times(rows.values()))
    lane = round(_STRIP_BOTTOM) + 12 if scale.ticks else 0
    failed_y = lane + _LANE // 2 if any(not _is_measured(run) for _, run in runs) else None
    dots = []
    for launch, (arm, run) in enumerate(runs, start=1):
        y = scale.y(run["median_ms"]) if run["median_ms"] else float(lane + _LANE // 2)
        dots.append(_dot(arm, run, y, launch, len(runs)))
    return Strip(
        dots=tuple(dots),
        levels=tuple(_level(arm, row, scale) for arm, row in rows.items() if row["centre_ms"]),
        ticks=scale.ticks,
        height=lane if failed_y is None else lane + _LANE,
        failed_y=failed_y,
    )


def _shown_times(rows: Iterable[CellRow]) -> list[float]:
    """Return all times on a strip's axis; intervals may leave it, so that dots stay apart."""
    times: list[float] = []
    for row in rows:
        times += [run["median_ms"] for run in row["process_runs"] if run["median_ms"]]
        times += [row["centre_ms"]] if row["centre_ms"] else []
    return times


def _is_measured(run: ProcessRunRow) -> bool:
    return run["status"] in MEASURED_STATUSES and run["median_ms"] is not None


def _dot(arm: str, run: ProcessRunRow, y: float, launch: int, launches: int) -> Dot:
    share = (launch - 0.5) / launches
    at = _STRIP_LEFT + share * (_STRIP_RIGHT - _STRIP_LEFT)
    return Dot(f"{at:.2f}%", f"{y:.1f}", arm, launch, _is_measured(run), run)


def _level(arm: str, row: CellRow, scale: "_Scale") -> Level:
    low, high = row["low_ms"], row["high_ms"]
    y = f"{scale.y(row['centre_ms'] or 0.0):.1f}"
    if low is None or high is None:
        return Level(arm, y, None, None)
    top, bottom = scale.y(high), scale.y(low)
    return Level(arm, y, f"{top:.1f}", f"{bottom - top:.1f}")


class _Scale:
    """A linear axis of milliseconds, upwards."""

    def __init__(self, times: list[float]) -> None:
        low, high = min(times, default=0.0), max(times, default=1.0)
        # A spread of less than 2 % filling the chart would make noise look like a change.
        pad = max(0.1 * (high - low), 0.01 * high - (high - low) / 2)
        self._low, self._high = max(low - pad, 0.0), high + pad
        self.ticks = self._ticks() if times else ()

    def y(self, time: float) -> float:
        """Return the place of a time; one beyond the axis lies on its end."""
        share = min(max((time - self._low) / (self._high - self._low), 0.0), 1.0)
        return _STRIP_BOTTOM - share * (_STRIP_BOTTOM - _STRIP_TOP)

    def _ticks(self) -> tuple[Tick, ...]:
        step = _round_step((self._high - self._low) / 4)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        digits = max(0, -math.floor(math.log10(step)))
        values = [number * step for number in range(first, last + 1)]
        return tuple(Tick(f"{self.y(v):.1f}", f"{v:,.{digits}f}") for v in values)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))


def _across(share: float) -> str:
    return f"{_LEFT + share * (_RIGHT - _LEFT):.2f}%"


def dot_text(dot: Dot) -> str:
    """Say one process run in words."""
    where = f"launch {dot.launch}, block {dot.run['block'] + 1}, {dot.arm}"
    if not dot.measured:
        return f"{where}: {status_words(dot.run['status'])}"
    return f"{where}: {milliseconds(dot.run['median_ms'])} ms"
