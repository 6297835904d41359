"""Comparisons: the statistics applied to a pair of environments, as rows of a release."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from hfbench_aggregate.arms import compare_arms
from hfbench_aggregate.environments import Environment, hidden_differences
from hfbench_aggregate.levels import odd_sittings
from hfbench_aggregate.machines import machine_differences
from hfbench_aggregate.pairs import Pair
from hfbench_aggregate.reduction import Arm, Family, run_flags
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics import (
    Levelled,
    MachineGrade,
    PooledComparison,
    SittingSd,
    SittingSource,
    VersionComparison,
    centre,
    machine_grade,
)
from hfbench_aggregate.statistics.constants import STUCK_FACTOR
from hfbench_aggregate.statistics.flags import sitting_shift, stuck_runs
from hfbench_aggregate.statistics.moments import BoolArray, FloatArray, IntArray
from hfbench_aggregate.tables import ComparedCell, Comparison, VerdictFigures
from hfbench_aggregate.wording import (
    TOO_SMOOTH,
    counted,
    direction,
    percent,
    runs_shortage,
    short_names,
    verdict_wording,
)

_MS: Final = 1000.0
NOT_INTERLEAVED: Final = "not interleaved: its interval allows for the sittings to differ"


@dataclass(frozen=True, eq=False)
class Judged:
    """A pair, with what the statistics say of each of its cells; arrays of shape (cells,)."""

    pair: Pair
    every: tuple[Arm, Arm]
    """All measured process runs of baseline and candidate."""
    used: tuple[Arm, Arm]
    """Those that count."""
    term: SittingSd
    level: Levelled
    result: VersionComparison

    @property
    def grade(self) -> MachineGrade | None:
        """How quiet the machine was, over both versions; None where no cell has a spread."""
        sides = (self.level.baseline, self.level.candidate)
        return machine_grade(np.concatenate([centre(side).sd for side in sides]))


def judge(pair: Pair) -> Judged:
    """Apply the statistics to the cells of a pair, all at once."""
    cells = pair.cells
    every = pair.family.arm(pair.baseline, cells), pair.family.arm(pair.candidate, cells)
    found = compare_arms(*every)
    return Judged(pair, every, found.used, found.term, found.level, found.result)


def comparison_of(judged: Judged) -> Comparison:
    """Return what was judged as a row of a release."""
    pair, term, (a, b) = judged.pair, judged.term, judged.used
    return {
        "machine_key": pair.family.machine_key,
        "suite": pair.family.suite_title,
        "baseline": pair.baseline.title,
        "candidate": pair.candidate.title,
        "same_versions": pair.same_versions,
        "design": term.source.value,
        "interleaved": _interleaved(term),
        "sitting_sd": published(term.sd.max(initial=0.0)) or 0.0,
        "sittings": [_sittings(a), _sittings(b)],
        "provisional": _provisional(term),
        "tested": int(np.isfinite(judged.result.q).sum()),
        "warnings": [
            *_left_out(judged.every, judged.used),
            *odd_sittings(pair.family, judged.used),
            *_shifted(judged),
            *_warnings(pair),
        ],
        "cells": _rows(judged),
    }


def _rows(judged: Judged) -> list[ComparedCell]:
    """Turn the arrays of a comparison into rows."""
    pair, term, result = judged.pair, judged.term, judged.result
    sides = (judged.level.baseline, judged.level.candidate)
    medians, stuck = list(map(_milliseconds, sides)), list(map(_stuck, sides))
    rows = [_row(place, cell, result) for place, cell in enumerate(pair.cells)]
    apart = _compared(term) & ~term.interleaved & term.interleaved.any()
    _, candidate = short_names(pair.baseline.title, pair.candidate.title)
    for place, row in enumerate(rows):
        row["baseline_ms"], row["candidate_ms"] = (published(side[place]) for side in medians)
        row["flags"] = [NOT_INTERLEAVED] if apart[place] else []
        row["flags"] += _flags(judged, stuck, place)
        row["wording"] = verdict_wording(row, candidate, runs_shortage(row["process_runs"]))
    return rows


def _row(place: int, cell: str, result: VersionComparison) -> ComparedCell:
    """Return one row, with what only the pair knows left open."""
    return {
        "cell": cell,
        **verdict_figures(result, place),
        "wording": "",
        "process_runs": [
            int(result.process_runs_baseline[place]),
            int(result.process_runs_candidate[place]),
        ],
        "baseline_ms": None,
        "candidate_ms": None,
        "flags": [],
    }


def verdict_figures(result: VersionComparison | PooledComparison, place: int) -> VerdictFigures:
    """Return what is published of one cell's verdict."""
    return {
        "verdict": str(result.verdict[place]),
        "ratio": ratio_of(result.theta[place]),
        "low": ratio_of(result.low[place]),
        "high": ratio_of(result.high[place]),
        "selected_low": ratio_of(result.fcr_low[place]),
        "selected_high": ratio_of(result.fcr_high[place]),
        "p": published(result.p[place]),
        "q": published(result.q[place]),
        "p_equivalent": published(result.p_equivalent[place]),
        "detectable": ratio_of(result.detectable[place]),
    }


def ratio_of(theta: float) -> float | None:
    """Return a log ratio as the ratio to publish; None if there is none."""
    with np.errstate(over="ignore"):  # an absurd interval has no end that could be published
        return published(np.exp(theta))


def _milliseconds(x: FloatArray) -> FloatArray:
    """Return the typical time of each cell in ms, NaN without process runs."""
    milliseconds: FloatArray = np.exp(centre(x).centre) * _MS
    return milliseconds


def _sittings(*arms: Arm) -> int:
    """Count the sittings with measured process runs."""
    return len({number for arm in arms for number in arm.sittings[arm.sittings >= 0].tolist()})


def _left_out(every: tuple[Arm, Arm], used: tuple[Arm, Arm]) -> list[str]:
    number = _sittings(*every) - _sittings(*used)
    verb = "is" if number == 1 else "are"
    noun = counted(number, "sitting")
    return [f"{noun} measured only one of the two and {verb} left out"] if number else []


def _shifted(judged: Judged) -> list[str]:
    """Say where most cells moved together, unless both versions come from the same sittings."""
    shift = sitting_shift(judged.result.theta)
    if judged.term.source is SittingSource.INTERLEAVED or not shift.shifted:
        return []
    change = direction(float(np.exp(shift.median)))
    return [
        f"the median of {shift.cells} cells is {change}: it may be the sitting, not the version"
    ]


def _compared(term: SittingSd) -> BoolArray:
    """Return which cells both sides measured."""
    return np.asarray((term.sittings_baseline > 0) & (term.sittings_candidate > 0))


def _interleaved(term: SittingSd) -> list[int]:
    """Count the cells that are interleaved, and those that both sides measured."""
    return [int(term.interleaved.sum()), int(_compared(term).sum())]


def _provisional(term: SittingSd) -> str | None:
    if term.source is not SittingSource.DEFAULT or not _compared(term).any():
        return None
    interleaved, compared = _interleaved(term)
    apart = _compared(term) & ~term.interleaved
    sittings = np.maximum(term.sittings_baseline, term.sittings_candidate)[apart]
    assumed = f"sd {percent(term.sd.max(initial=0))}"
    single = sittings.max(initial=0) <= 1
    reason = "one sitting per version" if single else "too few sittings, or cells in them"
    if interleaved:
        reason = f"not interleaved in {compared - interleaved} of {compared} cells, {reason}"
    return f"{reason}: how much sittings differ is not measured but assumed ({assumed})"


def _flags(judged: Judged, stuck: list[IntArray], place: int) -> list[str]:
    """Return the flags of both sides of a cell, each with its side."""
    pair, result = judged.pair, judged.result
    sides = (
        ("baseline", pair.baseline, result.unstable_baseline, result.process_runs_baseline),
        ("candidate", pair.candidate, result.unstable_candidate, result.process_runs_candidate),
    )
    flags = []
    for (side, environment, unstable, count), off in zip(sides, stuck, strict=True):
        found = run_flags(pair.family.runs_of(environment, pair.cells[place]))
        if unstable[place]:
            found.append(f"unstable in {unstable[place]} of {count[place]}")
        if off[place]:
            found.append(f"stuck in {off[place]} of {count[place]}: {STUCK_FACTOR:g} times off")
        flags += [f"{side}: {flag}" for flag in found]
    return flags + ([TOO_SMOOTH] if result.no_spread[place] else [])


def _stuck(x: FloatArray) -> IntArray:
    """Count the process runs of each cell that are several times off the others."""
    return np.asarray(stuck_runs(x).stuck.sum(axis=1))


def _warnings(pair: Pair) -> list[str]:
    """Say what varies between the two sides beyond what they are compared by."""
    facts = pair.family.facts
    unsupported = len(pair.unsupported)
    warnings = [
        f"{counted(unsupported, 'cell')} unsupported in both" if unsupported else None,
        hidden_differences(facts[pair.baseline], facts[pair.candidate]),
        machine_differences(pair),
        _threads_differ(pair),
    ]
    return [warning for warning in warnings if warning]


def _threads_differ(pair: Pair) -> str | None:
    a, b = (_threads(pair.family, side) for side in (pair.baseline, pair.candidate))
    if a == b or not a or not b:
        return None
    return f"threads differ: {' and '.join(sorted(a))} / {' and '.join(sorted(b))}"


def _threads(family: Family, environment: Environment) -> set[str]:
    """Return the thread counts of the measured process runs, as text."""
    runs = [run for key, runs in family.runs.items() if key[0] == environment for run in runs]
    counts = [run.threads for run in runs if run.middle_ns and run.threads]
    return {f"{count['intra_op']} intra-op, {count['inter_op']} inter-op" for count in counts}
