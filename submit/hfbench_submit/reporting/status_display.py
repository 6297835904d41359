"""The status that stands below the last line on a terminal while a worker measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table

from hfbench_schema.submission import ProcessRun
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.figures import percent
from hfbench_submit.reporting.precision import half_width, log_medians
from hfbench_submit.reporting.wording import counted, duration, purpose, short_cell


@dataclass(frozen=True)
class Status:
    """What a contributor wants to know of a sitting at one moment; rich can print it.

    `trained` says how many epochs of a training are done, empty before the first.
    """

    slot: Slot
    trained: str
    labels: Sequence[str]
    runs: Sequence[ProcessRun]
    total: int
    contaminated: int
    last_causes: Sequence[str]
    seconds_left: float
    end: datetime

    def __rich__(self) -> Table:
        """Return two columns, of which the right one breaks its lines where it must."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in self._rows():
            table.add_row(name, text)
        return table

    def _rows(self) -> list[tuple[str, str]]:
        slot = self.slot
        role = purpose(slot.role, slot.caches, slot.attempt) or slot.role
        return [
            ("cell", short_cell(slot.cell)),
            ("in", f"{self.labels[slot.environment]}, {role}"),
            self._how_far(),
            ("contaminated", self._contamination()),
            ("done", f"{len(self.runs)} of {counted(self.total, 'process run')}"),
            ("ETA", f"{duration(self.seconds_left)}, at {self.end:%H:%M}"),
        ]

    def _how_far(self) -> tuple[str, str]:
        if self.slot.role == "training":
            return "trained", self.trained or "nothing yet"
        return "precision", self._precision()

    def _precision(self) -> str:
        """Write half the interval of the cell's latency in each environment, as far as known."""
        logs = log_medians(run for run in self.runs if run["cell"] == self.slot.cell)
        lines = []
        for (_, environment), values in sorted(logs.items()):
            half = half_width(values)
            reach = "?" if half is None else f"±{percent(half)}"
            runs = counted(len(values), "process run")
            lines.append(f"{self.labels[environment]}: {reach} ({runs})")
        return "\n".join(lines) or "not yet measured"

    def _contamination(self) -> str:
        count = f"{self.contaminated} of {len(self.runs)}"
        return f"{count}, last: {', '.join(self.last_causes)}" if self.last_causes else count
