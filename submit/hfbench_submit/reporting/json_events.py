"""A sitting as events for programs: one JSON object a line, each flushed when it happens.

Every event has `event`, its name, and `moment`, in UTC. Beside them:

- `begin`: `environments` (their labels, by index), `process_runs_done`, `process_runs_left`,
  `seconds_left`. With a time budget, what is left is what can be foreseen: it may buy more. With a
  change to be detected it is corrected whenever a block begins.
- `launch`: `cell`, `environment`, `block`, `role`, `caches`, `attempt` of the process run that is
  about to start, and `seconds_left`.
- `trained`: `epoch` and `epochs`: so many of a training are done, and are about to be evaluated.
- `finish`: `process_run`, exactly as the submission will hold it, `contamination_causes` (texts),
  `process_runs_left`, `seconds_left`. A cell that is skipped has no `launch`.
- `anchor`: `anchor`, as the submission will hold it.
- `note`: `text`; it may also come before `begin` and after `end`.
- `end`: `process_runs`, `statuses` (how many of each). It also comes when a sitting is interrupted.

Fields may be added, none will be renamed.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from hfbench_schema.submission import Anchor, EnvironmentFacts, ProcessRun
from hfbench_schema.timestamps import format_moment, now
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.figures import causes_of
from hfbench_submit.reporting.time_left import TimeLeft


class JsonProgress:
    """Writes events to a stream until nobody reads it any more."""

    def __init__(
        self,
        stream: TextIO,
        environments: Sequence[EnvironmentFacts],
        usable_cores: int,
        clock: Durations,
    ) -> None:
        self._stream: TextIO | None = stream
        self._labels = [environment["label"] for environment in environments]
        self._cores = usable_cores
        self._time = TimeLeft(clock)

    def begin(self, slots: Sequence[Slot], done: Sequence[ProcessRun]) -> None:
        """Write `begin`."""
        self._time.begin(slots, done)
        self._write("begin", environments=self._labels, process_runs_done=len(done), **self._left())

    def foresee(self, slots: Sequence[Slot]) -> None:
        """Count on what is left."""
        self._time.foresee(slots)

    def launch(self, slot: Slot) -> None:
        """Write `launch`."""
        self._time.launch(slot)
        self._write("launch", **asdict(slot), seconds_left=round(self._time.seconds()))

    def trained(self, epoch: int, epochs: int) -> None:
        """Write `trained`."""
        self._write("trained", epoch=epoch, epochs=epochs)

    def finish(self, run: ProcessRun) -> None:
        """Write `finish`."""
        self._time.finish(run)
        causes = causes_of(run, self._cores)
        self._write("finish", process_run=run, contamination_causes=causes, **self._left())

    def anchor(self, anchor: Anchor) -> None:
        """Write `anchor`."""
        self._write("anchor", anchor=anchor)

    def note(self, text: str) -> None:
        """Write `note`."""
        self._write("note", text=text)

    def end(self, runs: Sequence[ProcessRun]) -> None:
        """Write `end`."""
        statuses = Counter(run["status"] for run in runs)
        self._write("end", process_runs=len(runs), statuses=statuses)

    def _left(self) -> dict[str, int]:
        left = len(self._time.left)
        return {"process_runs_left": left, "seconds_left": round(self._time.seconds())}

    def _write(self, event: str, **fields: object) -> None:
        if self._stream is None:
            return
        line = json.dumps({"event": event, "moment": format_moment(now()), **fields})
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            _forget_unwritten(self._stream)
            self._stream = None


def _forget_unwritten(stream: TextIO) -> None:
    """Let what the stream still holds go nowhere: Python would fail over it at exit."""
    with suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
