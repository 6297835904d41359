"""Pooling: published examples, statsmodels, who counts, and awkward input."""

import numpy as np

NAN = np.nan
STEADY = [0.050, 0.052, 0.048, 0.051, 0.049, 0.050]
