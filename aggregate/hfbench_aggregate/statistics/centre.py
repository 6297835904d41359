"""Centre and interval of each cell of one environment on one machine."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import (
    ALPHA,
    EQUIVALENCE_MARGIN,
    GRADE_LIMITS,
    LEAST_INTERVAL_RUNS,
)
from hfbench_aggregate.statistics.moments import (
    BoolArray,
    FloatArray,
    IntArray,
    moments,
    ratio,
    winsorise,
)
from hfbench_aggregate.statistics.student import quantile
from hfbench_aggregate.statistics.variance_prior import variance_prior


class MachineGrade(StrEnum):
    """How quiet a machine is, by its median sd between process runs: <= 1, 3, 10 %, or more."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


@dataclass(frozen=True, eq=False, kw_only=True)
class Centre:
    """Centre and 95 % interval of each cell; arrays of shape (cells,), natural logarithms."""

    centre: FloatArray
    """Mean log seconds: exp(centre) is a typical time. NaN without process runs."""
    half_width: FloatArray
    """The interval is exp(centre +- half_width). NaN below two runs or without any spread."""
    df: FloatArray
    """Degrees of freedom of the interval; NaN where it is."""
    sd: FloatArray
    """The cell's own sd between process runs, after winsorising; NaN below two."""
    moderated_sd: FloatArray
    """The sd behind the interval, with what the family knows; NaN below two runs."""
    process_runs: IntArray
    """Process runs behind the centre."""
    unstable: IntArray
    """Process runs that were winsorised."""
    noisy: BoolArray
    """The interval is wider than the equivalence margin."""


def centre(x: npt.ArrayLike) -> Centre:
    """Estimate the time of each cell with an interval that holds within this sitting.

    c = mean x, half-width = t_{.975, d0 + P - 1} s~ / sqrt(P), s~^2 = (d0 s0^2 + (P - 1) s^2) /
    (d0 + P - 1), with (d0, s0^2) the family's variance prior. One process run gives a centre
    without interval. So do runs without any spread: they are too smooth to tell the noise.

    Args:
        x: Log seconds of each process run of one environment on one machine, which form the
            family; shape (cells, process runs), NaN for padding.

    Raises:
        ValueError: x is not such an array.

    Reference:
        Smyth 2004; Kalibera & Jones 2013 for the process run as the unit.
    """
    clipped = winsorise(x)
    cells = moments(clipped.x)
    variance, df = variance_prior(cells.variance, cells.df).moderate(cells, share=1.0)
    replicated = cells.count >= LEAST_INTERVAL_RUNS
    df = np.where(replicated & (cells.squares > 0), df, np.nan)
    half_width = quantile(1 - ALPHA / 2, df) * np.sqrt(ratio(variance, cells.count))
    return Centre(
        centre=cells.mean,
        half_width=half_width,
        df=df,
        sd=np.sqrt(cells.variance),
        moderated_sd=np.where(replicated, np.sqrt(variance), np.nan),
        process_runs=cells.count,
        unstable=clipped.clips,
        noisy=half_width > np.log1p(EQUIVALENCE_MARGIN),
    )


def machine_grade(sd: npt.ArrayLike) -> MachineGrade | None:
    """Grade a machine by the median over its cells of the sd between process runs.

    Args:
        sd: `Centre.sd` of its cells, shape (cells,); NaN and zeros do not count.

    Returns:
        The grade, or None where no cell has a spread.
    """
    known = np.asarray(sd, dtype=np.float64)
    known = known[known > 0]
    if not known.size:
        return None
    return list(MachineGrade)[int(np.searchsorted(GRADE_LIMITS, np.median(known)))]
