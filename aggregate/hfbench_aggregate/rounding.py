"""Published floats: rounded, because `log` and `exp` differ in the last bits between processors."""

import math
from collections.abc import Iterable
from statistics import median
from typing import Final, SupportsFloat

SIGNIFICANT_DIGITS: Final = 6


def published(value: SupportsFloat) -> float | None:
    """Return a float to SIGNIFICANT_DIGITS, or None if there is nothing to publish."""
    number = float(value)
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(number) else None


def published_median(values: Iterable[float]) -> float | None:
    """Return the median of values as published, or None if there are none."""
    held = list(values)
    return published(median(held)) if held else None
