"""Pooling: published examples, statsmodels, who counts, and awkward input."""

import numpy as np
import pytest

from hfbench_aggregate.statistics import PooledComparison, pool_contributors, pooling_variance

NAN = np.nan
STEADY = [0.050, 0.052, 0.048, 0.051, 0.049, 0.050]
