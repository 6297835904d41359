"""How much cells scatter, by all that was measured, and which change a design would show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.moments import (
    FloatArray,
    IntArray,
    Moments,
    as_runs,
    moments,
    winsorise,
)
from hfbench_aggregate.statistics.variance_prior import variance_prior
from hfbench_schema.power import Design, detectable_factor


@dataclass(frozen=True, eq=False, kw_only=True)
class ProcessNoise:
    """Spread between the process runs of one version in one sitting; arrays of shape (cells,)."""

    sd: FloatArray
    """Moderated sd of log seconds; NaN where nothing is known of it, or where there is none."""
    df: FloatArray
    """Degrees of freedom that the cell's own process runs give it."""
    prior_df: float
    """What the other cells are worth beside them, d0."""


def process_noise(x: npt.ArrayLike, cell: npt.ArrayLike, cells: int) -> ProcessNoise:
    """Pool the spread of process runs within versions and sittings, and moderate it over cells.

    s~^2 = (d0 s0^2 + sum_g SS_g) / (d0 + sum_g (P_g - 1)) over the groups g of a cell, a group
    being what one sitting measured of one version, winsorised, and (d0, s0^2) the family's prior.

    Args:
        x: Log seconds, shape (groups, process runs), NaN for padding.
        cell: Number of the cell of each group, from 0; shape (groups,).
        cells: How many cells there are.

    Raises:
        ValueError: x is not such an array.

    Reference:
        Smyth 2004.
    """
    groups, place = moments(winsorise(as_runs(x)).x), np.asarray(cell, dtype=np.int64)
    count, squares, df = (
        np.bincount(place, of, minlength=cells).astype(np.float64)
        for of in (groups.count, groups.squares, groups.df)
    )
    # In the form of one arm: what the means of its groups took counts as spent.
    pooled = Moments(count.astype(np.int64), np.full(cells, np.nan), squares, count - 1 - df)
    prior = variance_prior(pooled.variance, pooled.df)
    variance, _ = prior.moderate(pooled, share=1.0)
    smooth = (df > 0) & (squares == 0)
    return ProcessNoise(
        sd=np.where(smooth | (count == 0), np.nan, np.sqrt(variance)), df=df, prior_df=prior.d0
    )


def least_effects(
    designs: Sequence[Design], process_sd: FloatArray, sitting_sd: float, prior_df: float
) -> FloatArray:
    """Return the least effect that each design detects in each cell, shape (designs, cells).

    `hfbench_schema.power.detectable` with the standard error of two equal arms,
    SE^2 = of_process s^2 + of_sitting sigma_s^2: one test at 5 %, 80 % power. NaN where s is.

    Args:
        designs: How the two versions would be measured.
        process_sd: s, sd between process runs, shape (cells,).
        sitting_sd: sigma_s, sd between sittings.
        prior_df: d0 that the comparison will have.
    """
    factor = np.array([detectable_factor(design.degrees(prior_df)) for design in designs])
    of_process = np.array([design.of_process for design in designs])
    of_sitting = np.array([design.of_sitting for design in designs])
    variance = np.outer(of_process, process_sd**2) + of_sitting[:, None] * sitting_sd**2
    effects: FloatArray = factor[:, None] * np.sqrt(variance)
    return effects


def first_within(effects: FloatArray, limit: float) -> IntArray:
    """Return the first design whose effect is at most `limit` in each cell, -1 if there is none.

    Args:
        effects: Shape (designs, cells), designs in order of preference; NaN is never enough.
        limit: The effect to be detected.
    """
    within = effects <= limit
    found: IntArray = np.where(within.any(axis=0), within.argmax(axis=0), -1)
    return found
