"""Statistics of process runs: how long a cell takes, and whether a version changed it.

Input is always x = log(median of the timed iterations in seconds), one number for each process
run, in arrays (cells, process runs) padded with NaN. The process run is the unit: iterations of
one run share its memory layout, clocks and caches, and treated as independent they make more
than half of all A/A comparisons "significant". All functions work on a whole family of cells at
once, because a family is what variances are learnt from and what the false discovery rate is
held over.

- `centre`: typical time and interval of each cell of one environment on one machine.
- `compare_versions`: effect, interval, q value and verdict of each cell for two environments.
- `pool_contributors`: the same over the machines of several contributors.
- `sitting_sd`: the error to add where the two were not interleaved.
- `level_sittings`: the shift to take out where they were, in several sittings.
- `variance_prior`, `winsorise`, `moments`: the steps these share.
- `factorial`: contrasts of the arms of a factorial, as speed-ups, effects and interactions.
- `quality`: scores over seeds, the one input that is no time.
- `payoff`: after how many repetitions a cost is paid back.
- `constants`: every number behind them.
"""

from hfbench_aggregate.statistics.centre import Centre, MachineGrade, centre, machine_grade
from hfbench_aggregate.statistics.contributors import (
    PooledComparison,
    pool_contributors,
    pooling_variance,
)
from hfbench_aggregate.statistics.levelling import Levelled, level_sittings
from hfbench_aggregate.statistics.moments import Moments, Winsorised, moments, winsorise
from hfbench_aggregate.statistics.sitting import SittingSd, SittingSource, sitting_sd
from hfbench_aggregate.statistics.variance_prior import (
    VariancePrior,
    inverse_trigamma,
    variance_prior,
)
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.statistics.versions import VersionComparison, compare_versions

__all__ = [
    "Centre",
    "Levelled",
    "MachineGrade",
    "Moments",
    "PooledComparison",
    "SittingSd",
    "SittingSource",
    "VariancePrior",
    "Verdict",
    "VersionComparison",
    "Winsorised",
    "centre",
    "compare_versions",
    "inverse_trigamma",
    "level_sittings",
    "machine_grade",
    "moments",
    "pool_contributors",
    "pooling_variance",
    "sitting_sd",
    "variance_prior",
    "winsorise",
]
