"""Statistics of process runs: how long a cell takes, and whether a version changed it.

Input is always x = log(median of the timed iterations in seconds), one number for each process
run, in arrays (cells, process runs) padded with NaN. The process run is the unit: iterations of
one run share its memory layout, clocks and caches, and treated as independent they make more
than half of all A/A comparisons "significant". All functions work on a whole family of cells at
once, because a family is what variances are learnt from and what the false discovery rate is
held over.

- `centre`: typical time and interval of each cell of one environment on one machine.
- `compare_versions`: effect, interval, q value and verdict of each cell for two environments.
- `sitting_sd`: the error to add where the two were not interleaved.
- `level_sittings`: the shift to take out where they were, in several sittings.
- `pool_contributors`: the same over the machines of several contributors.
- `change_points`: at which versions of a series a cell changed.
- `rank_entries`, `rank_suite`: between which places an entry ranks.
- `suite_index`: the geometric mean ratio of a suite, and what it says of other cells.
- `compare_quality`: scores over seeds, the one input that is no time.
- `fit_family`: contrasts of the arms of a factorial, as speed-ups, effects and interactions.
- `payoff`: after how many repetitions a cost is paid back.
- `process_noise`, `least_effects`: how much to measure.
- `contributor_flags` and others in `flags`: what looks wrong in measurements.
- `aa_rate`, `one_sidedness`, `overlap`: whether a release keeps its own promises.
- `variance_prior`, `winsorise`, `moments`: the steps these share.
- `constants`: every number behind them.
"""

from hfbench_aggregate.statistics.centre import Centre, MachineGrade, centre, machine_grade
from hfbench_aggregate.statistics.change_points import ChangePoints, SeriesVerdict, change_points
from hfbench_aggregate.statistics.contributors import (
    PooledComparison,
    pool_contributors,
    pooling_variance,
)
from hfbench_aggregate.statistics.factorial import (
    Contrast,
    FamilyFit,
    effect_coefficients,
    fit_family,
)
from hfbench_aggregate.statistics.flags import (
    ContributorFlags,
    Drift,
    SittingShift,
    Smoothness,
    StuckRuns,
    contributor_flags,
    drift,
    sitting_shift,
    smoothness,
    stuck_runs,
)
from hfbench_aggregate.statistics.levelling import Levelled, level_sittings
from hfbench_aggregate.statistics.moments import Moments, Winsorised, moments, winsorise
from hfbench_aggregate.statistics.payoff import Payoff, payoff
from hfbench_aggregate.statistics.planning import ProcessNoise, least_effects, process_noise
from hfbench_aggregate.statistics.quality import (
    MeanScores,
    QualityComparison,
    QualityVerdict,
    compare_quality,
    mean_scores,
)
from hfbench_aggregate.statistics.ranks import Ranks, rank_entries, rank_suite
from hfbench_aggregate.statistics.self_audit import (
    Overlap,
    Share,
    aa_rate,
    one_sidedness,
    overlap,
    split_half_p,
)
from hfbench_aggregate.statistics.sitting import SittingSd, SittingSource, sitting_sd
from hfbench_aggregate.statistics.suite_index import SuiteIndex, suite_index
from hfbench_aggregate.statistics.variance_prior import (
    VariancePrior,
    inverse_trigamma,
    variance_prior,
)
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.statistics.versions import VersionComparison, compare_versions

__all__ = [
    "Centre",
    "ChangePoints",
    "Contrast",
    "ContributorFlags",
    "Drift",
    "FamilyFit",
    "Levelled",
    "MachineGrade",
    "MeanScores",
    "Moments",
    "Overlap",
    "Payoff",
    "PooledComparison",
    "ProcessNoise",
    "QualityComparison",
    "QualityVerdict",
    "Ranks",
    "SeriesVerdict",
    "Share",
    "SittingSd",
    "SittingShift",
    "SittingSource",
    "Smoothness",
    "StuckRuns",
    "SuiteIndex",
    "VariancePrior",
    "Verdict",
    "VersionComparison",
    "Winsorised",
    "aa_rate",
    "centre",
    "change_points",
    "compare_quality",
    "compare_versions",
    "contributor_flags",
    "drift",
    "effect_coefficients",
    "fit_family",
    "inverse_trigamma",
    "least_effects",
    "level_sittings",
    "machine_grade",
    "mean_scores",
    "moments",
    "one_sidedness",
    "overlap",
    "payoff",
    "pool_contributors",
    "pooling_variance",
    "process_noise",
    "rank_entries",
    "rank_suite",
    "sitting_sd",
    "sitting_shift",
    "smoothness",
    "split_half_p",
    "stuck_runs",
    "suite_index",
    "variance_prior",
    "winsorise",
]
