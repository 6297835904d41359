"""What hfbench says about a comparison, and the one order in which it is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.statistics.constants import ALPHA, LEAST_EFFECT
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray


class Verdict(StrEnum):
    """The five verdicts; `ratio` is candidate over baseline, above 1 slower."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """What was found of each cell, and decided; arrays of shape (cells,), effects as natural logs.

    A figure that cannot be computed is NaN; a verdict is always given.
    """

    theta: FloatArray
    """Log ratio of candidate to baseline: above 0 the candidate is slower."""
    se: FloatArray
    """Standard error of theta, with all that it must allow for."""
    df: FloatArray
    """Degrees of freedom of se."""
    p: FloatArray
    """Two-sided p value of theta = 0; never 0."""
    q: FloatArray
    """p adjusted after Benjamini & Hochberg over the tested cells; NaN where not tested."""
    low: FloatArray
    """Lower end of the 95 % interval of theta."""
    high: FloatArray
    """Upper end of the 95 % interval of theta."""
    p_equivalent: FloatArray
    """p value of |ratio - 1| beyond the equivalence margin (two one-sided tests)."""
    fcr_low: FloatArray
    """Lower end of the interval adjusted for selection; NaN unless called."""
    fcr_high: FloatArray
    """Upper end of the interval adjusted for selection; NaN unless called."""
    detectable: FloatArray
    """Smallest |theta| that one test at 5 % finds with 80 % power."""
    verdict: npt.NDArray[np.str_]
    """One of `Verdict`."""


def is_called(theta: FloatArray, q: FloatArray) -> BoolArray:
    """Return which cells changed: q <= ALPHA and |exp(theta) - 1| >= LEAST_EFFECT."""
    large = (theta >= np.log1p(LEAST_EFFECT)) | (theta <= np.log1p(-LEAST_EFFECT))
    called: BoolArray = (q <= ALPHA) & large
    return called


def decide(
    theta: FloatArray, q: FloatArray, p_equivalent: FloatArray, sufficient: BoolArray
) -> npt.NDArray[np.str_]:
    """Return the verdict of each cell, the first that applies of these.

    `insufficient` where not `sufficient`; `slower` or `faster` where called; `equivalent` where
    p_equivalent <= ALPHA, one cell at a time; else `inconclusive`. NaN applies to nothing.

    Args:
        theta: Log ratio of candidate to baseline, shape (cells,).
        q: False discovery rate at which the cell would be called; NaN where not tested.
        p_equivalent: Level of the equivalence test; NaN where not tested.
        sufficient: Whether the cell has process runs enough for a verdict.
    """
    called = is_called(theta, q)
    rules = [
        (~sufficient, Verdict.INSUFFICIENT),
        (called & (theta > 0), Verdict.SLOWER),
        (called, Verdict.FASTER),
        (p_equivalent <= ALPHA, Verdict.EQUIVALENT),
    ]
    return first_verdict(rules, Verdict.INCONCLUSIVE)


def first_verdict(
    rules: Sequence[tuple[BoolArray, StrEnum]], otherwise: StrEnum
) -> npt.NDArray[np.str_]:
    """Return for each place the verdict of the first rule whose condition holds there."""
    conditions = [condition for condition, _ in rules]
    names = [np.array(verdict.value) for _, verdict in rules]
    return np.select(conditions, names, default=otherwise.value)
