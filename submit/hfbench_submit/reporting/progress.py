"""What a contributor sees while a sitting runs: every process run, and when it will end.

Nothing is redrawn while a worker measures: a display with a clock or a thread of its own would
take time from the very cores that are being timed. So it changes only between process runs, and
says at what time of day the sitting will end instead of counting down. Of a training it tells how
far it is, once an epoch, while the worker evaluates.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.live import Live

from hfbench_schema.submission import Anchor, EnvironmentFacts, ProcessRun, role_of
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.remaining import CONTAMINATED
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.figures import causes_of, headline, milliseconds
from hfbench_submit.reporting.status_display import Status
from hfbench_submit.reporting.time_left import TimeLeft
from hfbench_submit.reporting.training_lines import training_headline
from hfbench_submit.reporting.wording import counted, duration, purpose, short_cell, tally

_WIDEST_FIGURE = 12
_SILENCE_S = 60.0
"""After so long without a line, one says how far a training is."""


class Progress(Protocol):
    """Is told how a sitting goes, between two process runs, or between epochs and evaluations."""

    def begin(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Hear what is to be done, as far as can be foreseen, and what was done before."""

    def foresee(self, slots: Sequence[Slot]) -> None:
        """Hear what is left to be done, where that has become clearer."""

    def launch(self, slot: Slot) -> None:
        """Hear that a worker is about to start."""

    def trained(self, epoch: int, epochs: int) -> None:
        """Hear that so many of a training's epochs are done."""

    def finish(self, run: ProcessRun) -> None:
        """Hear how a process run ended, one that was skipped included."""

    def anchor(self, anchor: Anchor) -> None:
        """Hear of a measurement of the anchor workload."""

    def note(self, text: str) -> None:
        """Hear something a person should know."""

    def end(self, runs: Sequence[ProcessRun]) -> None:
        """Hear that the sitting is over or interrupted; `runs` are all of it."""


class ConsoleProgress:
    """Writes a line for each process run, and on a terminal a status below the last line."""

    def __init__(
        self,
        console: Console,
        environments: Sequence[EnvironmentFacts],
        usable_cores: int,
        clock: Durations,
    ) -> None:
        self._console = console
        self._labels = [environment["label"] for environment in environments]
        self._cores = usable_cores
        self._time = TimeLeft(clock)
        self._contaminated = 0
        self._last_causes: list[str] = []
        self._slot: Slot | None = None
        self._said_at = monotonic()
        # FORCE_COLOR makes rich take a file for a terminal, and cursor movements would garble it.
        interactive = console.is_interactive and console.file.isatty()
        self._live = _live(console) if interactive else None

    def begin(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Say how much there is to do, and what was done before."""
        self._time.begin(slots, done)
        self._contaminated = sum(bool(causes_of(run, self._cores)) for run in done)
        if done and slots:
            self._say(f"taking up again: the journal has {counted(len(done), 'process run')}")
        if slots:
            left = duration(self._time.seconds())
            self._say(f"{counted(len(slots), 'process run')} to go, about {left}")

    def foresee(self, slots: Sequence[Slot]) -> None:
        """Count on what is left."""
        self._time.foresee(slots)

    def launch(self, slot: Slot) -> None:
        """Show what is about to be measured."""
        self._time.launch(slot)
        self._slot = slot
        if self._live is not None:
            self._show(self._live, slot)

    def trained(self, epoch: int, epochs: int) -> None:
        """Show it in the status; without one, write a line if nothing has been said for long."""
        slot, trained = self._slot, f"{epoch} of {counted(epochs, 'epoch')}"
        if slot is None:
            return
        if self._live is not None:
            self._show(self._live, slot, trained)
        elif monotonic() - self._said_at >= _SILENCE_S:
            self._say(f"{trained}  {short_cell(slot.cell)}  {self._labels[slot.environment]}")

    def finish(self, run: ProcessRun) -> None:
        """Write the process run's line."""
        self._time.finish(run)
        self._last_causes = causes_of(run, self._cores)
        self._contaminated += bool(self._last_causes)
        self._say(self._line(run))

    def anchor(self, anchor: Anchor) -> None:
        """Write the anchor's line."""
        matmul, copy = median(anchor["matmul_ns"]), median(anchor["copy_ns"])
        figures = f"matmul {milliseconds(matmul)}, copy {milliseconds(copy)}"
        self._say(f"anchor  {figures}  {self._labels[anchor['environment']]}")

    def note(self, text: str) -> None:
        """Write the text."""
        self._say(text)

    def end(self, runs: Sequence[ProcessRun]) -> None:
        """Take the status away, and say how the process runs ended."""
        if self._live is not None:
            self._live.stop()
        if runs:
            self._say(f"{counted(len(runs), 'process run')}: {tally(runs)}")

    def _line(self, run: ProcessRun) -> str:
        done, total = len(self._time.runs), self._time.total
        figure = training_headline(run) if role_of(run) == "training" else headline(run)
        parts = [
            f"[{done:>{len(str(total))}}/{total}] {figure:>{_WIDEST_FIGURE}}",
            short_cell(run["cell"]),
            self._labels[run["environment"]],
            purpose(role_of(run), run.get("caches"), run.get("attempt", 0)),
            "" if run["status"] in ("ok", CONTAMINATED) else run["status"],
            f"contaminated: {', '.join(self._last_causes)}" if self._last_causes else "",
            "" if self._live else f"ETA {duration(self._time.seconds())}",
        ]
        return "  ".join(part for part in parts if part)

    def _show(self, live: Live, slot: Slot, trained: str = "") -> None:
        if not live.is_started:
            live.start()
            # Rich hides the cursor, and nothing but a clean end would bring it back.
            self._console.show_cursor(True)
        live.update(self._status(slot, trained), refresh=True)

    def _status(self, slot: Slot, trained: str) -> Status:
        seconds = self._time.seconds()
        return Status(
            slot=slot,
            trained=trained,
            labels=self._labels,
            runs=self._time.runs,
            total=self._time.total,
            contaminated=self._contaminated,
            last_causes=self._last_causes,
            seconds_left=seconds,
            end=datetime.now().astimezone() + timedelta(seconds=seconds),
        )

    def _say(self, text: str) -> None:
        # Without a status below it a line stays whole; else rich breaks it between words.
        whole = self._live is None
        self._said_at = monotonic()
        self._console.print(text, highlight=False, markup=False, soft_wrap=whole)


def _live(console: Console) -> Live:
    """Return a display that has no thread, and leaves the program's own output streams alone."""
    return Live(
        console=console,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )
