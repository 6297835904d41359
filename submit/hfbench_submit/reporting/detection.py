"""What a sitting can show of the change that its process runs were chosen for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from hfbench_schema.power import PPM, process_runs_needed
from hfbench_schema.submission import EnvironmentFacts, Submission
from hfbench_submit.reporting.figures import percent
from hfbench_submit.reporting.precision import detectable_change, log_medians, pooled_sd
from hfbench_submit.reporting.wording import counted, roughly, short_cell

_MOST_LISTED = 20
_UNKNOWN = math.inf


@dataclass(frozen=True)
class _Shown:
    """The smallest change that the worst pair of a cell's environments shows."""

    cell: str
    change: float
    process_runs: int
    needed: int


def detection_lines(submission: Submission) -> Iterator[str]:
    """Yield, of a sitting that was to show a change, what each cell can show and which missed it.

    Worst first; nothing if no change was asked for.
    """
    if (ppm := submission["protocol"].get("detect_ppm")) is None:
        return
    asked = ppm / PPM
    shown = sorted(_shown(submission, asked), key=lambda cell: cell.change, reverse=True)
    missed = sum(cell.change > asked for cell in shown)
    yield f"smallest change that shows, of {percent(asked)} asked for (80 % power, 5 % level):"
    yield from (_line(cell, asked) for cell in shown[:_MOST_LISTED])
    if len(shown) > _MOST_LISTED:
        yield f"  and {len(shown) - _MOST_LISTED} more, in the table above"
    measured = counted(len(shown), "measured cell")
    yield f"{percent(asked)} would show in {len(shown) - missed} of {measured}"


def _line(cell: _Shown, asked: float) -> str:
    runs, name = counted(cell.process_runs, "run"), short_cell(cell.cell)
    if cell.change == _UNKNOWN:
        return f"  unknown  {name}  missed: {runs} in one environment"
    if cell.change > asked:
        runs = f"missed: {cell.process_runs} of about {roughly(cell.needed)} runs"
    return f"  {percent(cell.change)}  {name}  {runs}"


def _shown(submission: Submission, asked: float) -> Iterator[_Shown]:
    logs = log_medians(submission["process_runs"])
    pairs = _pairs(submission["environments"])
    for cell in dict.fromkeys(cell for cell, _ in logs):
        arms = [(logs.get((cell, a), []), logs.get((cell, b), [])) for a, b in pairs]
        yield max((_of_pair(cell, *arm, asked) for arm in arms), key=lambda found: found.change)


def _of_pair(cell: str, first: Sequence[float], second: Sequence[float], asked: float) -> _Shown:
    change, sd = detectable_change(first, second), pooled_sd((first, second))
    needed = process_runs_needed(sd or 0.0, math.log1p(asked))
    runs = min(len(first), len(second))
    return _Shown(cell, _UNKNOWN if change is None else change, runs, needed)


def _pairs(environments: Sequence[EnvironmentFacts]) -> list[tuple[int, int]]:
    """Return the environments to compare: without replicas, unless there is nothing else."""
    every = range(len(environments))
    originals = [index for index in every if not environments[index]["replica"]]
    return list(combinations(originals if len(originals) > 1 else every, 2))
