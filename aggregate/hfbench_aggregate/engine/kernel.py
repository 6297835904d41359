"""The kernel: from iterations to the middle pair of each process run, in integers.

A median of an even number of integers may end in a half, and its logarithm differs in the last bit
between processors. The two integers in the middle are exact, and everything follows from them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

BLOCK: Final = 4096
"""Process runs sorted at a time: with 30 iterations each they take 1 MB, and stay in the cache."""


@dataclass(frozen=True, eq=False)
class MiddlePairs:
    """The middle pair of each process run in ns, shape (process runs,); 0 where nothing counts."""

    low: IntArray
    high: IntArray


def middle_pairs(
    samples: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> MiddlePairs:
    """Return the two middle values of each process run's timed iterations.

    Process run i has the values samples[starts[i] : starts[i] + counts[i]]. In ascending order, low
    is the one at (count - 1) // 2 and high the one at count // 2: the same one if count is odd.

    Args:
        samples: iterations of all process runs in ns, shape (iterations,).
        starts: where the timed iterations of each begin, shape (process runs,).
        counts: how many there are, shape (process runs,); 0 for none.
    """
    found = MiddlePairs(np.zeros(len(counts), np.int64), np.zeros(len(counts), np.int64))
    for count in (np.flatnonzero(np.bincount(counts)[1:]) + 1).tolist():
        # All windows of so many iterations, as a view; taking rows of it copies only those.
        windows = np.lib.stride_tricks.sliding_window_view(samples, count)
        places = np.flatnonzero(counts == count)
        for first in range(0, len(places), BLOCK):
            block = places[first : first + BLOCK]
            rows = windows[starts[block]]
            rows.sort(axis=-1)
            found.low[block] = rows[:, (count - 1) // 2]
            found.high[block] = rows[:, count // 2]
    return found
