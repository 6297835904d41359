"""At which versions the times of a cell changed.

A series holds one centre a version, so that the version is the unit here: what differs from one
sitting to the next is part of the scatter between versions, and needs no term of its own. The
statistic compares what lies before a version with what follows, and its p value allows for the
choice of the best split; that of a t test at the same split would not.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    LEAST_SEGMENT_VERSIONS,
    LEAST_SERIES_VERSIONS,
    LEAST_SPLIT_VERSIONS,
    NULL_SEED,
    NULL_SERIES,
)
from hfbench_aggregate.statistics.discovery import false_discovery_rate
from hfbench_aggregate.statistics.moments import FloatArray, IntArray, moments, ratio
from hfbench_aggregate.statistics.verdict import first_verdict
from hfbench_aggregate.statistics.versions import compare_versions


class SeriesVerdict(StrEnum):
    """What is said about a series; one below LEAST_SERIES_VERSIONS is `too_short`."""

    CHANGED = "changed"
    NONE_FOUND = "none_found"
    NO_SPREAD = "no_spread"
    TOO_SHORT = "too_short"


@dataclass(frozen=True, eq=False, kw_only=True)
class ChangePoints:
    """The verdict of each cell, shape (cells,), and all change points, shape (points,)."""

    versions: IntArray
    """Measured versions of each cell."""
    p: FloatArray
    """p value of no change in the series; never 0, NaN where not tested. Shape (cells,)."""
    q: FloatArray
    """p adjusted after Benjamini & Hochberg over the tested cells; NaN where not tested."""
    verdict: npt.NDArray[np.str_]
    """One of `SeriesVerdict` for each cell."""
    cell: IntArray
    """Row of each change point; points are ordered by row, then by version."""
    previous: IntArray
    """Column of the last measured version at the old level."""
    version: IntArray
    """Column of the first measured version at the new level."""
    p_point: FloatArray
    """p value of the split of a part of the series that found the point; never 0."""
    theta: FloatArray
    """Log ratio of the segment after the point to that before: above 0 it became slower."""
    low: FloatArray
    """Lower end of the 95 % interval of theta; NaN where neither segment has any spread."""
    high: FloatArray
    """Upper end of that interval."""


@dataclass(frozen=True, eq=False)
class _Spans:
    """Parts of series, in packed columns; arrays of shape (spans,)."""

    cell: IntArray
    start: IntArray
    length: IntArray

    def take(self, where: npt.NDArray[np.bool_]) -> "_Spans":
        return _Spans(self.cell[where], self.start[where], self.length[where])

    def halves(self, split: IntArray) -> "_Spans":
        """Return both parts of each span that was split, as far as they can be split again."""
        parts = _Spans(
            np.concatenate([self.cell, self.cell]),
            np.concatenate([self.start, self.start + split]),
            np.concatenate([split, self.length - split]),
        )
        return parts.take(parts.length >= LEAST_SPLIT_VERSIONS)


def change_points(x: npt.ArrayLike) -> ChangePoints:
    """Find the change points of a family of series by binary segmentation.

    A series changed where the q of its first split is <= ALPHA; its parts are split on at
    p <= ALPHA. theta compares the segments up to the neighbouring points, with the moderated
    t interval of `compare_versions` on version centres; it ignores that the split was chosen,
    and so is slightly too narrow. A change within LEAST_SEGMENT_VERSIONS - 1 versions of an end
    is not seen. Do not subtract what other cells have in common: where many change together
    that moves the change into the cells that did not.

    Args:
        x: Centre of each version in log seconds, on one machine or pooled over contributors;
            shape (cells, versions), versions in order, NaN where one was not measured.

    Raises:
        ValueError: x is not such an array.

    Reference:
        Matteson & James 2014 (energy statistic, binary segmentation).
    """
    series = _as_series(x)
    # Measured versions first, in their order: a span of packed columns then has no gaps.
    order = np.argsort(np.isnan(series), axis=1, kind="stable")
    packed = np.take_along_axis(series, order, axis=1)
    count = moments(packed).count
    p, q, (cell, place, p_point) = _segment(packed, count)
    before, after = _segments(packed, count, cell, place)
    effect = compare_versions(
        before, after, sitting_sd=0, sittings_baseline=1, sittings_candidate=1
    )
    rules: list[tuple[npt.NDArray[np.bool_], StrEnum]] = [
        (count < LEAST_SERIES_VERSIONS, SeriesVerdict.TOO_SHORT),
        (np.isnan(p), SeriesVerdict.NO_SPREAD),
        (q <= ALPHA, SeriesVerdict.CHANGED),
    ]
    return ChangePoints(
        versions=count,
        p=p,
        q=q,
        verdict=first_verdict(rules, SeriesVerdict.NONE_FOUND),
        cell=cell,
        previous=order[cell, place - 1],
        version=order[cell, place],
        p_point=p_point,
        theta=effect.theta,
        low=effect.low,
        high=effect.high,
    )


def energy_statistic(x: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return max_k Q_k / mean |x_i - x_j| of each series, and the k that reaches it first.

    Q_k = k (T - k) / T * (2 mean |x_l - x_r| - mean |x_l - x_l'| - mean |x_r - x_r'|) with l
    among the first k of T versions and r among the others, k from LEAST_SEGMENT_VERSIONS to
    T less that; the last two means count each version against itself, the divisor does not.

    Args:
        x: Series without gaps, shape (series, T) with T >= 2 LEAST_SEGMENT_VERSIONS.

    Returns:
        Both of shape (series,); the statistic of a constant series is NaN.

    Reference:
        Szekely & Rizzo 2013 (energy distance).
    """
    length = x.shape[1]
    behind = [np.abs(x[:, :k] - x[:, k : k + 1]).sum(axis=1) for k in range(length)]
    ahead = [np.abs(x[:, k + 1 :] - x[:, k : k + 1]).sum(axis=1) for k in range(length)]
    within_first = np.cumsum(np.stack(behind, axis=1), axis=1)
    within_last = np.cumsum(np.stack(ahead[::-1], axis=1), axis=1)[:, ::-1]
    k = np.arange(LEAST_SEGMENT_VERSIONS, length - LEAST_SEGMENT_VERSIONS + 1)
    left, right, total = within_first[:, k - 1], within_last[:, k], within_first[:, -1:]
    rest = length - k
    distance = (total - left - right) / (k * rest) - left / k**2 - right / rest**2
    # The sums hold each pair once, so twice the distance; a constant factor for the mean.
    scaled = ratio(2 * k * rest / length * distance, total * (2 / (length * (length - 1))))
    best = scaled.argmax(axis=1)
    return scaled[np.arange(len(x)), best], k[best]


@cache
def _null_table(length: int) -> FloatArray:
    """Return the sorted statistics of NULL_SERIES normal series of one level."""
    rng = np.random.default_rng([NULL_SEED, length])
    return np.sort(energy_statistic(rng.standard_normal((NULL_SERIES, length)))[0])


def _p(statistic: FloatArray, length: int) -> FloatArray:
    """Return the share of null series with as large a statistic, never 0: Davison & Hinkley."""
    as_large = NULL_SERIES - np.searchsorted(_null_table(length), statistic)
    return (1 + as_large) / (1 + NULL_SERIES)


def _as_series(x: npt.ArrayLike) -> FloatArray:
    """Return x as a float64 array (cells, versions); raise ValueError where it is none."""
    series = np.asarray(x, dtype=np.float64)
    if series.ndim != 2:
        raise ValueError(f"expected an array (cells, versions), got {series.ndim} dimensions")
    if np.isinf(series).any():
        raise ValueError("log seconds must be finite or NaN, got an infinity")
    return series


def _segment(
    packed: FloatArray, count: IntArray
) -> tuple[FloatArray, FloatArray, tuple[IntArray, IntArray, FloatArray]]:
    """Return p and q of each cell, and cell, packed column and p of each change point."""
    spans = _Spans(np.arange(count.size), np.zeros_like(count), count)
    spans = spans.take(count >= LEAST_SERIES_VERSIONS)
    p, split = _best_splits(packed, spans)
    p_cell = np.full(count.shape, np.nan)
    p_cell[spans.cell] = p
    q_cell = false_discovery_rate(p_cell, np.isfinite(p_cell))
    changed = q_cell[spans.cell] <= ALPHA
    found = []
    while True:
        spans, p, split = spans.take(changed), p[changed], split[changed]
        found.append((spans.cell, spans.start + split, p))
        if not changed.any():
            break
        spans = spans.halves(split)
        p, split = _best_splits(packed, spans)
        changed = p <= ALPHA
    cell, place, p_point = (np.concatenate(part) for part in zip(*found, strict=True))
    ordered = np.lexsort((place, cell))
    return p_cell, q_cell, (cell[ordered], place[ordered], p_point[ordered])


def _best_splits(packed: FloatArray, spans: _Spans) -> tuple[FloatArray, IntArray]:
    """Return the p value of each span, NaN without spread, and the length of its first part."""
    p, split = np.full(spans.length.shape, np.nan), np.zeros_like(spans.length)
    for length in np.unique(spans.length).tolist():
        here = np.flatnonzero(spans.length == length)
        block = packed[spans.cell[here, None], spans.start[here, None] + np.arange(length)]
        statistic, split[here] = energy_statistic(block)
        p[here] = np.where(moments(block).squares > 0, _p(statistic, length), np.nan)
    return p, split


def _segments(
    packed: FloatArray, count: IntArray, cell: IntArray, place: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the versions before and after each point, up to its neighbours; else NaN."""
    start, end = np.zeros_like(place), count[cell]
    again = cell[1:] == cell[:-1]
    start[1:][again] = place[:-1][again]
    end[:-1][again] = place[1:][again]
    column, rows = np.arange(packed.shape[1]), packed[cell]
    start, place, end = start[:, None], place[:, None], end[:, None]
    before = np.where((start <= column) & (column < place), rows, np.nan)
    return before, np.where((place <= column) & (column < end), rows, np.nan)
