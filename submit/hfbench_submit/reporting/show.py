"""A submission as tables that a person wants to read: one for each role, and what follows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.figures import cold_start, energy_per_call, is_measured
from hfbench_schema.machine_key import machine_key, machine_title
from hfbench_schema.submission import (
    HOPELESS_STATUSES,
    MEASURED_STATUSES,
    ProcessRun,
    Submission,
    role_of,
    timed_iterations,
)
from hfbench_schema.suites import find_suite
from hfbench_submit.planning.remaining import CONTAMINATED
from hfbench_submit.reporting.break_even import BreakEven, break_evens
from hfbench_submit.reporting.figures import (
    mebibytes,
    milliseconds,
    number,
    percent,
    seconds,
)
from hfbench_submit.reporting.precision import detectable_change, half_width, log_medians
from hfbench_submit.reporting.tables import FigureTable
from hfbench_submit.reporting.training_lines import COLUMNS, TITLE, training_row
from hfbench_submit.reporting.wording import counted, tally

Row = str | tuple[str, ...]
_Figures = Callable[[Sequence[ProcessRun]], tuple[str, ...]]
_MODES = ("eager", "torchscript", "compile", "graph", "xla")
_INDENT = "  "


def heading(submission: Submission, sha256: str) -> str:
    """Return the lines above the tables: what, where, when."""
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


def submission_tables(submission: Submission) -> list[FigureTable]:
    """Return the tables of what was measured, the usual role first; rich prints any width."""
    shown = _Shown(submission)
    found = [
        shown.latency(),
        shown.training(),
        *(shown.role(*columns) for columns in _ROLE_TABLES),
        shown.break_even(),
        shown.anchors(),
    ]
    return [table for table in found if table.rows]


def reasons(submission: Submission) -> list[str]:
    """Return why cells and process runs were not measured, with how many there are of each.

    Cells that cannot be measured count once. Contamination is left to the summary: its figures
    differ from one process run to the next.
    """
    cells: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    failures: Counter[tuple[str, str]] = Counter()
    for run in submission["process_runs"]:
        key = run["status"], _reason(run)
        if run["status"] in HOPELESS_STATUSES:
            cells[key].add((run["cell"], run["environment"]))
        elif run["status"] not in (*MEASURED_STATUSES, CONTAMINATED):
            failures[key] += 1
    lines = []
    for (status, reason), found in sorted(cells.items(), key=lambda item: -len(item[1])):
        places = sorted({submission["environments"][place]["label"] for _, place in found})
        cells_there = counted(len({cell for cell, _ in found}), "cell")
        lines.append(f"{status}: {cells_there} in {', '.join(places)}: {reason}")
    for (status, reason), count in failures.most_common():
        lines.append(f"{status}: {counted(count, 'process run')}: {reason}")
    return lines


def _reason(run: ProcessRun) -> str:
    """Return the first line of the reason; what follows would make every cell its own case."""
    return run.get("reason", "no reason given").splitlines()[0]


@dataclass(frozen=True)
class _Shown:
    """Makes the tables of one submission."""

    submission: Submission

    def latency(self) -> FigureTable:
        """Return calls once the steady state is reached, and what their process runs can tell."""
        columns = ("environment", "median", "± %", "range", "runs", "detects", "status")
        logs = log_medians(self.submission["process_runs"])
        rows: list[tuple[_Place, tuple[str, ...]]] = []
        for place, runs in self._groups("latency"):
            detects = self._detects(place, logs)
            figures = (*_latency(runs), _measured(runs), detects, _statuses(runs))
            rows.append((place, figures))
        return FigureTable("latency of a call in ms", columns, list(self._nested(rows)))

    def training(self) -> FigureTable:
        """Return how fast trainings went, and how well they ended."""
        reference = self.submission["suite"]
        suite = find_suite(reference["name"], reference["version"])
        rows = [
            (place, (*training_row(suite, place.cell, runs), _statuses(runs)))
            for place, runs in self._groups("training")
        ]
        columns = ("environment", *COLUMNS, "status")
        return FigureTable(TITLE, columns, list(self._nested(rows)))

    def role(self, role: str, title: str, names: tuple[str, ...], figures: _Figures) -> FigureTable:
        """Return the table of a role whose figures come from each environment by itself."""
        rows = [
            (place, (*figures(runs), _measured(runs), _statuses(runs)))
            for place, runs in self._groups(role)
        ]
        columns = ("environment", *names, "runs", "status")
        return FigureTable(title, columns, list(self._nested(rows)))

    def break_even(self) -> FigureTable:
        """Return how many calls it takes until compiling has paid."""
        columns = ("environment", "compile", "saved a call", "calls")
        rows = [
            (_Place.of(e.cell, e.environment, e.caches), _break_even(e))
            for e in break_evens(self.submission["process_runs"])
        ]
        rows.sort(key=lambda row: row[0])
        return FigureTable("break-even against eager", columns, list(self._nested(rows)))

    def anchors(self) -> FigureTable:
        """Return the fixed workload's times over the sitting."""
        rows: list[Row] = [
            (
                self._label(anchor["environment"]),
                milliseconds(median(anchor["matmul_ns"])),
                milliseconds(median(anchor["copy_ns"])),
                anchor["started_at"],
            )
            for anchor in self.submission.get("anchors", [])
        ]
        return FigureTable("anchor workload", ("environment", "matmul", "copy", "at"), rows)

    def _groups(self, role: str) -> Iterator[tuple["_Place", list[ProcessRun]]]:
        groups: dict[_Place, list[ProcessRun]] = defaultdict(list)
        for run in self.submission["process_runs"]:
            if role_of(run) == role:
                caches = "" if role == "training" else run.get("caches", "")
                place = _Place.of(run["cell"], run["environment"], caches)
                groups[place].append(run)
        # What cannot be measured is told by `reasons`, once.
        shown = {p: runs for p, runs in groups.items() if not _is_hopeless(runs)}
        yield from sorted(shown.items(), key=lambda group: group[0])

    def _nested(self, rows: Sequence[tuple["_Place", tuple[str, ...]]]) -> Iterator[Row]:
        """Yield rows below headings: what is computed, then how."""
        previous = ("", "")
        for place, figures in rows:
            what, how = place.headings
            if what != previous[0]:
                yield what
            if (what, how) != previous:
                yield f" {how}"
            previous = what, how
            yield (_INDENT + self._label(place.environment), *figures)

    def _detects(self, place: "_Place", logs: dict[tuple[str, int], list[float]]) -> str:
        """Write the smallest change detectable against the cell's first environment."""
        cell = place.cell.id
        first = min((environment for name, environment in logs if name == cell), default=None)
        if first is None or first == place.environment:
            return ""
        change = detectable_change(logs[cell, first], logs.get((cell, place.environment), []))
        return "" if change is None else percent(change)

    def _label(self, environment: int) -> str:
        return self.submission["environments"][environment]["label"]


@dataclass(frozen=True, order=True)
class _Place:
    """Where process runs stand in a table: cells that differ in the mode alone come together."""

    order: tuple[str, str, str, int, int, str, bool, str, int, int]
    caches: str
    environment: int
    cell: Cell

    @classmethod
    def of(cls, cell_id: str, environment: int, caches: str) -> "_Place":
        cell = parse_cell(cell_id)
        shape = (cell.model, cell.device, cell.task, cell.batch_size, cell.sequence_length)
        precision = (cell.precision != "fp32", cell.precision)
        how = (cell.framework, *precision, _MODES.index(cell.mode), cell.world_size)
        return cls((*shape, *how), caches, environment, cell)

    @property
    def headings(self) -> tuple[str, str]:
        """What is computed where, and how."""
        cell = self.cell
        task = f"{cell.task}, " if cell.task else ""
        shape = f"batch {cell.batch_size}, sequence {cell.sequence_length}"
        devices = f", {cell.world_size} devices" if cell.world_size > 1 else ""
        caches = f", {self.caches} caches" if self.caches else ""
        return (
            f"{cell.model} on {cell.device}, {task}{shape}",
            f"{cell.framework}-{cell.mode} {cell.precision}{devices}{caches}",
        )


def _is_hopeless(runs: Sequence[ProcessRun]) -> bool:
    return all(run["status"] in HOPELESS_STATUSES for run in runs)


def _latency(runs: Sequence[ProcessRun]) -> tuple[str, str, str]:
    """Return median, half interval and range over process runs of each one's median."""
    medians = [median(timed) for run in runs if (timed := timed_iterations(run))]
    if not medians:
        return "", "", ""
    (logs,) = log_medians(runs).values()
    half = half_width(logs)
    precision = "" if half is None else f"{100 * half:.2g}"
    spread = f"{number(min(medians) / 1e6)}-{number(max(medians) / 1e6)}"
    return number(median(medians) / 1e6), precision, spread


def _cold(runs: Sequence[ProcessRun]) -> tuple[str, ...]:
    """Return import, build, prepare, first call, compile."""
    starts = [start for run in runs if (start := cold_start(run))]
    if not starts:
        return ("",) * 5
    return (
        number(median(start.imports for start in starts) / 1e9),
        number(median(start.build for start in starts) / 1e9),
        number(median(start.prepare for start in starts) / 1e9),
        number(median(start.first_call for start in starts) / 1e9),
        number(median(start.compiling for start in starts) / 1e9),
    )


def _memory(runs: Sequence[ProcessRun]) -> tuple[str, ...]:
    """Return built and peak of the host, then of the device."""
    measured = [run["memory"] for run in runs if is_measured(run, "memory")]
    return (
        _median_mebibytes([memory["host_built"] for memory in measured]),
        _median_mebibytes([memory["host_peak"] for memory in measured]),
        _median_mebibytes([m["device_built"] for m in measured if "device_built" in m]),
        _median_mebibytes([m["device_peak"] for m in measured if "device_peak" in m]),
        _median_mebibytes([m["device_reserved"] for m in measured if "device_reserved" in m]),
    )


def _median_mebibytes(counts: Sequence[int]) -> str:
    return mebibytes(median(counts)) if counts else ""


def _energy(runs: Sequence[ProcessRun]) -> tuple[str, ...]:
    """Return joules a call, net joules a call, and the counter they were read from."""
    measured = [energy for run in runs if (energy := energy_per_call(run))]
    if not measured:
        return ("",) * 3
    sources = sorted({run["energy"]["source"] for run in runs if "energy" in run})
    return (
        number(median(energy.gross for energy in measured)),
        number(median(energy.net for energy in measured)),
        ", ".join(sources),
    )


def _break_even(found: BreakEven) -> tuple[str, str, str]:
    calls = "never" if found.calls is None else f"{found.calls:,}"
    return seconds(found.compiling_ns), milliseconds(found.saved_ns), calls


def _statuses(runs: Sequence[ProcessRun]) -> str:
    counts = Counter(run["status"] for run in runs)
    return "ok" if set(counts) == {"ok"} else tally(runs)


def _measured(runs: Sequence[ProcessRun]) -> str:
    return f"{sum(is_measured(run, role_of(run)) for run in runs)}/{len(runs)}"


_ROLE_TABLES: tuple[tuple[str, str, tuple[str, ...], _Figures], ...] = (
    (
        "cold",
        "cold start in s (compile = prepare + first call - steady call)",
        ("import", "build", "prepare", "first call", "compile"),
        _cold,
    ),
    (
        "memory",
        "memory in MiB",
        ("built", "peak", "device built", "device peak", "device reserved"),
        _memory,
    ),
    ("energy", "energy in J a call", ("gross", "net of idle", "counter"), _energy),
)
