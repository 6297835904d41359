"""The suite index: one number for all matched cells, on one machine and across contributors."""

from collections.abc import Sequence

import numpy as np

from hfbench_aggregate.comparing.studies import Study
from hfbench_aggregate.comparing.tables import Index
from hfbench_aggregate.comparison import Judged, ratio_of
from hfbench_aggregate.statistics.contributors import pool_contributors, pooling_variance
from hfbench_aggregate.statistics.sitting import SittingSource
from hfbench_aggregate.statistics.suite_index import suite_index
from hfbench_aggregate.statistics.verdict import Verdict


def machine_index(judged: Judged) -> Index | None:
    """Return the index of one machine over the cells that have a verdict; None without any.

    The shift of a sitting hits all cells alike, and the mean over cells does not make it smaller.
    So where versions were not interleaved the index has no interval on this suite.
    """
    result = judged.result
    theta = np.where(result.verdict == Verdict.INSUFFICIENT, np.nan, result.theta)
    found = suite_index(theta, result.se, result.df)
    if not found.cells:
        return None
    interleaved = judged.term.source is SittingSource.INTERLEAVED
    return {
        "cells": found.cells,
        "ratio": ratio_of(found.theta),
        "low": ratio_of(found.suite_low) if interleaved else None,
        "high": ratio_of(found.suite_high) if interleaved else None,
        "general_low": ratio_of(found.general_low),
        "general_high": ratio_of(found.general_high),
    }


def pooled_index(studies: Sequence[Study]) -> Index | None:
    """Return the index across contributors over the cells that all of them measured.

    The index of each is pooled as one cell is, because what is particular to a machine, or to its
    sittings, hits all its cells alike. None if they have no cell in common.
    """
    matched = [_known_cells(study) for study in studies]
    common = set.intersection(*matched) if matched else set()
    if len(studies) < 2 or not common:
        return None
    indices = [_index(study, common) for study in studies]
    theta, variance = (np.array([column]) for column in zip(*indices, strict=True))
    pooled = pool_contributors(theta, variance, quiet=[study.is_quiet for study in studies])
    return {
        "cells": len(common),
        "ratio": ratio_of(pooled.theta[0]),
        "low": ratio_of(pooled.low[0]),
        "high": ratio_of(pooled.high[0]),
        "general_low": None,
        "general_high": None,
    }


def _known_cells(study: Study) -> set[str]:
    """Return the cells whose effect and error are known."""
    known = (study.variance > 0).tolist()
    return {cell for cell, held in zip(study.cells, known, strict=True) if held}


def _index(study: Study, cells: set[str]) -> tuple[float, float]:
    """Return one contributor's mean log ratio over these cells, and the variance to weight it by.

    The variance within sittings gets smaller with more cells; that between sittings does not.
    """
    held = np.array([cell in cells for cell in study.cells])
    term = study.judged.term
    se = study.at_cells(study.judged.result.se_within)[held]
    sittings = (study.at_cells(term.sittings_baseline), study.at_cells(term.sittings_candidate))
    within = np.sqrt(np.sum(se**2)) / held.sum()
    variance = pooling_variance(within, *(side[held].min() for side in sittings))
    return float(study.theta[held].mean()), float(variance)
