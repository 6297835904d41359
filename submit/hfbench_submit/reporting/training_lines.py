"""What trainings show: the figures of one, and a row for those of a cell in one environment."""

from collections.abc import Sequence
from statistics import fmean, median

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.figures import is_measured
from hfbench_schema.submission import DIVERGED, ProcessRun
from hfbench_schema.suites import Suite, latest_suite
from hfbench_schema.training_figures import Speed, final_score, speed
from hfbench_submit.reporting.figures import number

TITLE = "training (medians over seeds; score after the last epoch: mean, and range over seeds)"
COLUMNS = ("examples/s", "step ms", "compile s", "whole s", "score", "seeds", "diverged")


def training_headline(run: ProcessRun) -> str:
    """Return speed and score, as in `412 examples/s  accuracy 0.861`; empty if it has none."""
    cell = parse_cell(run["cell"])
    found = speed(run, cell)
    if found is None:
        return ""
    metric = metric_of(latest_suite(cell.suite), cell)
    score = final_score(run["training"], metric)
    told = "" if score is None else f"  {metric} {score:.3f}"
    return f"{number(found.examples_per_s)} examples/s{told}"


def metric_of(suite: Suite, cell: Cell) -> str:
    """Return the metric that a task's results are told by."""
    return suite.tasks[cell.task].metrics[0]


def training_row(suite: Suite | None, cell: Cell, runs: Sequence[ProcessRun]) -> tuple[str, ...]:
    """Return the figures of `COLUMNS`.

    Args:
        suite: the suite of the submission; without it there are no scores.
        cell: what was trained.
        runs: all process runs of the cell in one environment, second attempts included.
    """
    measured = [run for run in runs if is_measured(run, "training")]
    speeds = [found for run in measured if (found := speed(run, cell))]
    diverged = {run["block"] for run in runs if run["status"] == DIVERGED}
    return (
        *_speed_figures(speeds),
        _score(suite, cell, measured),
        f"{len({run['block'] for run in measured})}/{len({run['block'] for run in runs})}",
        str(len(diverged)) if diverged else "",
    )


def _speed_figures(speeds: Sequence[Speed]) -> tuple[str, str, str, str]:
    if not speeds:
        return ("",) * 4
    return (
        number(median(found.examples_per_s for found in speeds)),
        number(median(found.step for found in speeds) / 1e6),
        number(median(found.compiling for found in speeds) / 1e9),
        number(median(found.end_to_end for found in speeds) / 1e9),
    )


def _score(suite: Suite | None, cell: Cell, measured: Sequence[ProcessRun]) -> str:
    """Write the mean score and its range, as in `accuracy 0.861 (0.852-0.868)`."""
    if suite is None:
        return ""
    metric = metric_of(suite, cell)
    scores = [final_score(run["training"], metric) for run in measured]
    known = [score for score in scores if score is not None]
    if not known:
        return ""
    spread = f" ({min(known):.3f}-{max(known):.3f})" if len(known) > 1 else ""
    return f"{metric} {fmean(known):.3f}{spread}"
