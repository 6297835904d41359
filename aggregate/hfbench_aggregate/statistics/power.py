"""How much to measure: process runs for an effect, and the effect that process runs can show."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    LEAST_PROCESS_RUNS,
    MOST_PROCESS_RUNS,
    POWER,
)
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray
from hfbench_aggregate.statistics.student import normal_quantile
from hfbench_aggregate.statistics.welch import Effect


def detectable_effect(
    sd: npt.ArrayLike,
    process_runs: npt.ArrayLike,
    *,
    sitting_sd: npt.ArrayLike = 0.0,
    sittings: npt.ArrayLike = 1,
) -> FloatArray:
    """Return the least |log ratio| that P process runs a version find with power POWER.

    (t_{.975, 2 (P - 1)} + t_{POWER, 2 (P - 1)}) sqrt(2 sd^2 / P + 2 sitting_sd^2 / R), which is
    `VersionComparison.detectable` of two such arms that borrow nothing from other cells.

    Args:
        sd: sd between process runs, in log seconds; NaN where it is not known.
        process_runs: Process runs P of each version; NaN is returned below two.
        sitting_sd: sd between sittings, 0 where versions are interleaved.
        sittings: Sittings R of each version.

    Returns:
        Of the shape to which the arguments broadcast.

    Raises:
        ValueError: An sd is negative, or there is no sitting.
    """
    spread, runs, sitting, times = _as_plan(sd, process_runs, sitting_sd, sittings)
    with np.errstate(divide="ignore"):
        se = np.sqrt(2 * spread**2 / runs + 2 * sitting**2 / times)
    df = np.where(runs > 1, 2 * (runs - 1), np.nan)
    return Effect(theta=np.zeros_like(se), se=se, se_within=se, df=df).detectable()


def process_runs_needed(
    sd: npt.ArrayLike,
    effect: npt.ArrayLike,
    *,
    sitting_sd: npt.ArrayLike = 0.0,
    sittings: npt.ArrayLike = 1,
) -> FloatArray:
    """Return the least process runs a version with which `detectable_effect` is <= effect.

    At least LEAST_PROCESS_RUNS; infinite where even MOST_PROCESS_RUNS are too few, as where the
    sittings alone differ by too much; NaN where sd is.

    Args:
        sd: sd between process runs, in log seconds.
        effect: Log ratio to be found, above 0.
        sitting_sd: sd between sittings, 0 where versions are interleaved.
        sittings: Sittings of each version.

    Returns:
        Of the shape to which the arguments broadcast.

    Raises:
        ValueError: An sd is negative, there is no sitting, or an effect is not above 0.
    """
    spread, wanted, sitting, times = _as_plan(sd, effect, sitting_sd, sittings)
    if not (wanted > 0).all():
        raise ValueError("the effect to be found must be above 0")
    z = normal_quantile(1 - ALPHA / 2) + normal_quantile(POWER)
    room = (wanted / z) ** 2 - 2 * sitting**2 / times
    fewest = np.full(room.shape, np.inf)
    np.divide(2 * spread**2, room, out=fewest, where=room > 2 * spread**2 / MOST_PROCESS_RUNS)
    fewest[np.isnan(spread)] = np.nan

    def short(runs: FloatArray) -> BoolArray:
        return detectable_effect(spread, runs, sitting_sd=sitting, sittings=times) > wanted

    return _least(np.maximum(np.ceil(fewest), LEAST_PROCESS_RUNS), short)


def _least(lowest: FloatArray, short: Callable[[FloatArray], BoolArray]) -> FloatArray:
    """Return the least whole number from `lowest` on that is not short, by doubling and halving."""
    below, enough = lowest - 1, lowest
    while (far := np.isfinite(enough) & short(enough)).any():
        below, enough = np.where(far, enough, below), np.where(far, 2 * enough, enough)
    while (open_ := np.isfinite(enough) & (below + 1 < enough)).any():
        middle = np.where(open_, np.floor((below + enough) / 2), enough)
        still = short(middle)
        below = np.where(open_ & still, middle, below)
        enough = np.where(open_ & ~still, middle, enough)
    return enough


def _as_plan(
    sd: npt.ArrayLike, other: npt.ArrayLike, sitting_sd: npt.ArrayLike, sittings: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return all as float64 arrays of one shape; raise ValueError for what cannot be planned."""
    arrays = [np.asarray(each, dtype=np.float64) for each in (sd, other, sitting_sd, sittings)]
    spread, second, sitting, times = np.broadcast_arrays(*arrays)
    if (spread < 0).any() or (sitting < 0).any():
        raise ValueError("an sd must not be negative")
    if not (times >= 1).all():
        raise ValueError("each version needs a sitting")
    return spread, second, sitting, times
