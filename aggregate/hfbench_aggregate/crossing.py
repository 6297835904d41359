"""Process runs that may be ranked: of sittings that measured all entries, without their shifts.

What differs from one sitting to the next would be taken for what differs between entries. So a
cell uses the sittings that measured every one of its entries, in which it hits all alike, and
what is left to tell them by is the scatter within sittings.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray, ratio


@dataclass(frozen=True, eq=False)
class Crossed:
    """Process runs of entries in the sittings that all of a cell's entries share."""

    x: FloatArray
    """Log seconds at the mean level of the sittings, shape (cells, entries, process runs)."""
    used: BoolArray
    """Which sittings an entry's process runs are of, shape (cells, entries, sittings)."""


def crossed(x: npt.ArrayLike, sittings: npt.ArrayLike) -> Crossed:
    """Keep what can be compared in each cell, and take the shifts of sittings out.

    The entries of a cell are those that one sitting measured, the sitting with most of them; its
    sittings are those that measured all of these. A shift is the mean over entries of their means
    in a sitting, less the mean over sittings. S sittings cost S - 1 degrees of freedom, 1 / E of
    them in each of E entries, and the deviations of an entry's n process runs from their mean are
    widened by sqrt((n - 1) / (n - 1 - (S - 1) / E)), so that its variance is not too small.

    Args:
        x: Log seconds, shape (cells, entries, process runs), NaN for padding.
        sittings: The number of the sitting of each from 0, -1 for padding.
    """
    runs, place = np.asarray(x, dtype=np.float64), np.asarray(sittings, dtype=np.int64)
    number = int(place.max(initial=-1)) + 1
    present = np.stack([np.any(place == s, axis=2) for s in range(number)], axis=2)
    most = present.sum(axis=1).argmax(axis=1)
    chosen: BoolArray = present[np.arange(len(runs)), :, most]
    whole = np.all(present | ~chosen[:, :, None], axis=1) & np.any(chosen, axis=1)[:, None]
    used = chosen[:, :, None] & whole[:, None, :]
    kept = np.take_along_axis(used, np.maximum(place, 0), axis=2) & (place >= 0)
    levelled = np.where(kept, runs, np.nan)
    shifts = _shifts(levelled, place, used)
    levelled -= np.take_along_axis(shifts[:, None, :], np.maximum(place, 0), axis=2)
    return Crossed(_widened(levelled, used), used)


def _shifts(x: FloatArray, place: IntArray, used: BoolArray) -> FloatArray:
    """Return the shift of each sitting, 0 where it is not used; shape (cells, sittings)."""
    level = np.zeros((len(x), used.shape[2]))
    for sitting in range(used.shape[2]):
        means = known_mean(np.where(place == sitting, x, np.nan), axis=2)
        level[:, sitting] = known_mean(means, axis=1)
    shift: FloatArray = level - known_mean(level, axis=1)[:, None]
    return np.where(np.isnan(shift), 0.0, shift)


def _widened(x: FloatArray, used: BoolArray) -> FloatArray:
    entries = np.maximum(used.any(axis=2).sum(axis=1), 1)
    spent = np.maximum(used.any(axis=1).sum(axis=1) - 1, 0) / entries
    df = (~np.isnan(x)).sum(axis=2) - 1
    factor = np.sqrt(ratio(df, df - spent[:, None]))
    factor = np.where(df > 0, factor, 1.0)[:, :, None]
    mean = known_mean(x, axis=2)[:, :, None]
    return np.asarray(mean + (x - mean) * factor)


def known_mean(x: FloatArray, axis: int) -> FloatArray:
    """Return the mean of what is not NaN, and NaN of nothing."""
    held = ~np.isnan(x)
    return ratio(np.where(held, x, 0.0).sum(axis=axis), held.sum(axis=axis))
