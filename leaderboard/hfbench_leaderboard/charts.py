"""Charts as SVG: forests of ratios; what all charts share.

Horizontal places are percentages of the chart's width, vertical ones pixels, so that a chart
fits a phone and a wall alike and its text keeps its size. Colours and lines come from site.css.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup, escape

from hfbench_aggregate.tables import VerdictFigures
from hfbench_leaderboard.words import VERDICT_SYMBOLS, change, interval, signed

_LEFT, _RIGHT = 5.0, 95.0  # leaves room for half a mark and half a label
_LEAST_LIMIT = math.log(1.06)  # twice the equivalence band: nothing narrower is worth a look
_INTERVAL_LIMIT = math.log(2)  # one huge interval must not squash all others
_LEAST_GAP = 0.15  # of the axis, between two labels: nearer ones would touch on a phone
_STEPS = (1, 2, 5, 10, 20, 50)  # percent

Ends = tuple[float | None, float | None]
"""Both ends of an interval of ratios, where there is one."""


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


def forest_axis(cells: Iterable[VerdictFigures], margin: float) -> ForestAxis:
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


def forest_mark(cell: VerdictFigures, axis: ForestAxis) -> ForestMark | None:
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


def _reach(cell: VerdictFigures) -> float:
    """Return how far from ratio 1 the axis must go for this cell, as a logarithm."""
    if not cell["ratio"]:
        return 0.0
    ends = [abs(math.log(end)) for end in (cell["low"], cell["high"]) if end]
    return max(abs(math.log(cell["ratio"])), min(max(ends, default=0.0), _INTERVAL_LIMIT))


def _ratio_ticks(limit: float) -> list[tuple[float, str]]:
    least, most = 100 * math.expm1(-limit), 100 * math.expm1(limit)
    for step in _STEPS:
        numbers = range(math.ceil(least / step), math.floor(most / step) + 1)
        # On a logarithmic axis the last two labels are the nearest to each other.
        last = 1 + numbers[-1] * step / 100
        if -math.log1p(-step / 100 / last) >= _LEAST_GAP * 2 * limit:
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


_SHAPES = {
    "slower": '<path class="mark slower" d="M0-7 7 6H-7Z"/>',
    "faster": '<path class="mark faster" d="M0 7 7-6H-7Z"/>',
    "equivalent": '<rect class="mark equivalent" x="-5" y="-5" width="10" height="10"/>',
}


def marker(verdict: str) -> Markup:
    """Return the sign of a verdict, told apart by its shape as well as its colour."""
    shape = _SHAPES.get(verdict, f'<circle class="mark {escape(verdict)}" r="5.5"/>')
    return Markup(shape)  # noqa: S704  made of nothing but the words above


@cache
def verdict_label(verdict: str) -> Markup:
    """Return a verdict as a word, with its sign and its colour."""
    sign = VERDICT_SYMBOLS.get(verdict, "")
    return Markup('<span class="label {}"><span aria-hidden="true">{}</span> {}</span>').format(
        verdict, sign, verdict
    )


def sample(content: Markup) -> Markup:
    """Return a mark by itself, for a legend."""
    return Markup(
        '<svg class="sample" width="18" height="16" aria-hidden="true">'
        '<svg x="50%" y="50%" overflow="visible">{}</svg></svg>'
    ).format(content)


def forest_backdrop(axis: ForestAxis) -> Markup:
    """Return what lies behind every row of a forest, once for all of them."""
    lines = "".join(
        f'<line class="grid" x1="{tick.at}" x2="{tick.at}" y1="0" y2="100%"/>'
        for tick in axis.ticks
    )
    return Markup(  # noqa: S704  made of numbers alone
        '<svg width="0" height="0" class="unseen" aria-hidden="true"><symbol id="backdrop">'
        f'<rect class="band" x="{axis.band}" y="0" width="{axis.band_width}" height="100%"/>'
        f'{lines}<line class="unity" x1="{axis.middle}" x2="{axis.middle}" y1="0" y2="100%"/>'
        "</symbol></svg>"
    )


def forest_scale(axis: ForestAxis) -> Markup:
    """Return the labels above a forest."""
    ticks = "".join(
        f'<line class="grid" x1="{tick.at}" x2="{tick.at}" y1="34" y2="40"/>'
        f'<text class="tick" x="{tick.at}" y="29" text-anchor="middle">{tick.label}</text>'
        for tick in axis.ticks
    )
    middle = axis.middle
    return Markup(  # noqa: S704  made of numbers alone
        '<svg class="scale" role="img" width="100%" height="40"><title>Change of time, candidate '
        "against baseline, on a logarithmic axis; left is faster, right is slower</title>"
        f'<text class="side" x="{middle}" dx="-12" y="11" text-anchor="end">&#9666; faster</text>'
        f'<text class="side" x="{middle}" dx="12" y="11">slower &#9656;</text>{ticks}</svg>'
    )


def forest_row(
    cell: VerdictFigures, axis: ForestAxis, name: str, ahead: Ends = (None, None)
) -> Markup:
    """Return one row of a forest: the ratio of a cell and its interval.

    `ahead` bounds the ratio on the next machine, and is drawn as a dotted line behind the interval.
    """
    mark, verdict = forest_mark(cell, axis), escape(cell["verdict"])
    said = f"{name}: {cell['verdict']}, change {change(cell['ratio'])}"
    inner = ""
    if mark is not None:
        said += f", 95 % interval {interval(cell['low'], cell['high'])}"
        said += "" if None in ahead else f", on the next machine {interval(*ahead)}"
        inner = f"{_ahead(ahead, axis, verdict)}{_interval(mark, verdict)}"
        inner += f'<svg x="{mark.at}" y="50%" overflow="visible">{marker(cell["verdict"])}</svg>'
    return Markup(  # noqa: S704  strangers' words are escaped
        f'<svg class="forest" role="img" width="100%" height="100%"><title>{escape(said)}</title>'
        f'<use href="#backdrop" width="100%" height="100%"/>{inner}</svg>'
    )


def _ahead(ends: Ends, axis: ForestAxis, verdict: Markup) -> str:
    low, high = ends
    if not low or not high:
        return ""
    return (
        f'<line class="interval {verdict}" stroke-dasharray="1 4" x1="{axis.place(low)}" '
        f'x2="{axis.place(high)}" y1="50%" y2="50%"/>'
    )


def _interval(mark: ForestMark, verdict: Markup) -> str:
    if mark.low is None or mark.high is None:
        return ""
    return (
        f'<line class="interval {verdict}" x1="{mark.low}" x2="{mark.high}" y1="50%" y2="50%"/>'
        f"{_end(mark.low, verdict, mark.low_open, -1)}{_end(mark.high, verdict, mark.high_open, 1)}"
    )


def _end(at: str, verdict: Markup, is_open: bool, direction: int) -> str:
    """Return an end of an interval, or an arrow where it goes on beyond the axis."""
    shape = (
        f'<path class="open {verdict}" d="M0-5 {8 * direction} 0 0 5Z"/>'
        if is_open
        else f'<line class="interval {verdict}" y1="-5" y2="5"/>'
    )
    return f'<svg x="{at}" y="50%" overflow="visible">{shape}</svg>'


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))


def _across(share: float) -> str:
    return f"{_LEFT + share * (_RIGHT - _LEFT):.2f}%"
