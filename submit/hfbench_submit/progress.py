"""What a contributor sees while a sitting runs: every process run, and when it will end.

Nothing is redrawn while a worker measures: a display with a clock of its own would take time from
the very cores that are being timed.
"""

from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean, median

from rich.console import Console

from hfbench_schema.submission import EnvironmentFacts, ProcessRun, timed_iterations
from hfbench_submit.planning import Slot

FIRST_GUESS_S = 8.0
"""Seconds a process run may take, before one was seen."""


class ConsoleProgress:
    """Is told how a sitting goes between process runs, and writes a line for each."""

    def __init__(self, console: Console, environments: Sequence[EnvironmentFacts]) -> None:
        self._console = console
        self._labels = [environment["label"] for environment in environments]
        self._left: list[Slot] = []
        self._seconds: dict[str, list[float]] = {}
        self._done = 0

    def begin(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Say how much there is to do, and what was done before."""
        self._left, self._done = list(slots), len(done)
        for run in done:
            self._learn(run)
        if done and slots:
            self._say(f"taking up again: the journal has {_process_runs(len(done))}")
        if slots:
            left = duration(self.seconds_left())
            self._say(f"{_process_runs(len(slots))} to go, about {left}")

    def launch(self, slot: Slot) -> None:
        """Drop slots that were given up before this one."""
        del self._left[: self._left.index(slot)]

    def finish(self, run: ProcessRun) -> None:
        """Write the process run's line."""
        self._learn(run)
        self._done += 1
        self._left = self._left[1:]
        timed = timed_iterations(run)
        result = f"{median(timed) / 1e6:9.2f} ms" if timed else " " * 12
        status = "" if run["status"] == "ok" else f"  {run['status']}"
        total = self._done + len(self._left)
        where = f"{short_cell(run['cell'])}  {self._labels[run['environment']]}"
        eta = f"ETA {duration(self.seconds_left())}"
        self._say(f"[{self._done:>{len(str(total))}}/{total}] {result}  {where}{status}  {eta}")

    def seconds_left(self) -> float:
        """Return how long the remaining process runs will take, from those seen so far."""
        seen = [seconds for times in self._seconds.values() for seconds in times]
        guess = fmean(seen) if seen else FIRST_GUESS_S
        return sum(fmean(self._seconds.get(slot.cell, [guess])) for slot in self._left)

    def _learn(self, run: ProcessRun) -> None:
        self._seconds.setdefault(run["cell"], []).append(run["wall_ns"] / 1e9)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _process_runs(count: int) -> str:
    return f"{count} process run{'' if count == 1 else 's'}"


def short_cell(cell_id: str) -> str:
    """Return a cell id without the suite, which one sitting has in common."""
    return cell_id.partition("/")[2]


def duration(seconds: float) -> str:
    """Write a duration, as in `2:05` or `1:02:05`."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if text.startswith("0:") else text
