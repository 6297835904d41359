"""A submission as a table that a person wants to read."""

from collections import Counter, defaultdict
from statistics import median

from rich.table import Table

from hfbench_schema.machine_key import machine_key, machine_title
from hfbench_schema.submission import ProcessRun, Submission, timed_iterations
from hfbench_submit.progress import short_cell

FEW_DIGITS = 4


def heading(submission: Submission, sha256: str) -> str:
    """Return the lines above the table: what, where, when."""
    suite, machine = submission["suite"], submission["machine"]
    sitting = submission["sitting"]
    return "\n".join(
        (
            f"submission {sha256}",
            f"suite      {suite['name']} {suite['version']}",
            f"machine    {machine_title(machine)} ({machine_key(machine)})",
            f"sitting    {sitting['invocations'][0]} to {sitting['finished_at']}",
        )
    )


def submission_table(submission: Submission) -> Table:
    """Return a table of cells, a row each environment: median and range over process runs."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cell and environment", overflow="fold")
    for column in ("median", "range", "runs"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("status", overflow="fold")
    labels = [environment["label"] for environment in submission["environments"]]
    previous = None
    for (cell, environment), runs in _by_cell_and_environment(submission).items():
        if cell != previous:
            table.add_row(short_cell(cell), style="bold")
        table.add_row(f"  {labels[environment]}", *_figures(runs), _statuses(runs))
        previous = cell
    return table


def reasons(submission: Submission) -> list[str]:
    """Return each distinct reason for a process run that is not ok, with its count."""
    counts = Counter(
        f"{run['status']}: {run['reason']}" for run in submission["process_runs"] if "reason" in run
    )
    return [f"{count} x {text}" for text, count in counts.items()]


def _by_cell_and_environment(submission: Submission) -> dict[tuple[str, int], list[ProcessRun]]:
    groups: dict[tuple[str, int], list[ProcessRun]] = defaultdict(list)
    for run in submission["process_runs"]:
        groups[run["cell"], run["environment"]].append(run)
    return dict(sorted(groups.items()))


def _figures(runs: list[ProcessRun]) -> tuple[str, str, str]:
    """Return median and range over process runs of each one's median, and how many there are."""
    medians = [median(timed) / 1e6 for run in runs if (timed := timed_iterations(run))]
    if not medians:
        return "", "", f"0/{len(runs)}"
    spread = f"{_milliseconds(min(medians))} to {_milliseconds(max(medians))}"
    return f"{_milliseconds(median(medians))} ms", spread, f"{len(medians)}/{len(runs)}"


def _milliseconds(value: float) -> str:
    return f"{value:.{FEW_DIGITS}g}" if value < 1000 else f"{value:.0f}"


def _statuses(runs: list[ProcessRun]) -> str:
    counts = Counter(run["status"] for run in runs)
    if set(counts) == {"ok"}:
        return "ok"
    return ", ".join(f"{count} {status}" for status, count in counts.items())
