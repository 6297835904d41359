"""What the tests of comparisons share."""

import numpy as np

from hfbench_aggregate.statistics import VersionComparison, compare_versions


def compare(a: object, b: object, sitting_sd: float = 0.0) -> VersionComparison:
    return compare_versions(
        np.asarray(a),
        np.asarray(b),
        sitting_sd=sitting_sd,
        sittings_baseline=2,
        sittings_candidate=1,
    )
