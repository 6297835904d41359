"""What a submission shows: every role's figures, break-even, noise, and what was not measured."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console
from tests.submit.made_up_submission import (
    COPY,
    MIB,
    MOMENT,
    MS,
    NEW,
    OLD,
    S,
    cell,
    cold,
    latency,
    run_of,
    submission,
)

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.submission import Anchor, ProcessRun, Submission
from hfbench_schema.validation import validate
from hfbench_submit.planning.slots import Slot
from hfbench_submit.reporting.break_even import break_evens
from hfbench_submit.reporting.show import reasons, submission_tables
from hfbench_submit.reporting.summary import summary

EAGER, COMPILED = cell("torch-eager"), cell("torch-compile")
XLA, OTHER = cell("tensorflow-xla"), cell("torch-eager", "gpt2")
SPREAD = (0.99, 1.0, 1.01)


def latencies(
    name: str, environment: int, milliseconds: float, spread: float = 1
) -> list[ProcessRun]:
    """Return three process runs, 1 % apart times `spread`."""
    return [
        latency(Slot(name, environment, block), milliseconds * factor**spread)
        for block, factor in enumerate(SPREAD)
    ]


@pytest.fixture
def sitting() -> Submission:
    """Every role, a canary, anchors, a contaminated and an unsupported process run."""
    memory = {"host_imported": 300 * MIB, "host_built": 700 * MIB, "host_peak": 1200 * MIB}
    busy = {"duration_ns": 10 * S, "millijoules": 900_000, "calls": 200}
    idle = {"duration_ns": 20 * S, "millijoules": 400_000, "calls": 0}
    energy = {"source": "rapl", "busy": [busy, busy], "idle": [idle]}
    disturbed = {"contamination": {"foreign_cpu_ms": 4000}}
    runs = [
        *latencies(EAGER, 0, 50.0),
        *latencies(EAGER, 1, 52.0),
        *latencies(EAGER, 2, 50.5),
        *latencies(COMPILED, 0, 40.0),
        *latencies(OTHER, 0, 70.0, spread=5),
        *latencies(OTHER, 1, 70.0, spread=5),
        latency(Slot(COMPILED, 1, 0), 40.0, "contaminated", **disturbed),
        latency(Slot(COMPILED, 1, 0, attempt=1), 41.0),
        run_of(Slot(XLA, 0, 0), "unsupported", reason="no TensorFlow here"),
        run_of(Slot(XLA, 1, 0), "unsupported", reason="no TensorFlow here"),
        cold(Slot(COMPILED, 0, 0, "cold", "empty"), 0.5, 30.0, 0.04),
        cold(Slot(COMPILED, 0, 0, "cold", "warm"), 0.5, 9.0, 0.04),
        run_of(Slot(EAGER, 0, 0, "memory"), memory=memory),
        run_of(Slot(EAGER, 0, 0, "energy"), energy=energy, wall_ns=90 * S),
    ]
    anchors: list[Anchor] = [
        {"environment": 0, "started_at": MOMENT, "matmul_ns": [matmul * MS], "copy_ns": [8 * MS]}
        for matmul in (30, 36, 33)
    ]
    return submission(runs, (OLD, NEW, COPY), anchors)


def shown(document: Submission, width: int = 100) -> str:
    """Return the tables as a terminal of that width shows them."""
    console = Console(file=StringIO(), width=width, highlight=False, markup=False)
    for table in submission_tables(document):
        console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def rows(text: str, title: str) -> list[list[str]]:
    """Return the words of each line below a table's title."""
    lines = text[text.index(title) :].splitlines()[1:]
    return [line.split() for line in lines]


def test_the_made_up_sitting_is_valid(sitting: Submission) -> None:
    report = validate(canonical_bytes(sitting))
    assert report.accepted, report.findings


def test_latency_stands_by_shape_mode_and_environment(sitting: Submission) -> None:
    lines = rows(shown(sitting), "latency of a call")
    assert lines[1][:3] == ["bert-base", "on", "cpu,"]
    eager = lines.index(["torch-eager", "fp32"])
    assert lines[eager + 1] == ["transformers-4.57.6", "50", "2.5", "49.5-50.5", "3/3", "ok"]
    assert lines[eager + 2][-4:] == ["3/3", "3.1", "%", "ok"]
    compiled = lines.index(["torch-compile", "fp32"])
    assert compiled == eager + 4
    assert " ".join(lines[compiled + 2][1:]) == "41 41-41 1/2 6.4 % 1 contaminated, 1 ok"


def test_cold_memory_energy_and_anchors_have_their_own_tables(sitting: Submission) -> None:
    text = shown(sitting)
    empty, warm = (
        rows(text, f"torch-compile fp32, {caches} caches")[0] for caches in ("empty", "warm")
    )
    assert empty[1:] == ["4", "1", "0.5", "30", "30.46", "1/1", "ok"]
    assert warm[1:6] == ["4", "1", "0.5", "9", "9.46"]
    assert rows(text, "memory in MiB")[3][1:] == ["700", "1,200", "1/1", "ok"]
    assert "device peak" not in text
    # 900 J for 200 calls; idle, the machine takes 20 W, which makes 200 J of them.
    assert rows(text, "energy in J")[3][1:] == ["4.5", "3.5", "rapl", "1/1", "ok"]
    assert [line[1] for line in rows(text, "anchor workload")[1:]] == ["30", "36", "33"]


def test_compiling_pays_after_what_it_took_over_what_it_saves(sitting: Submission) -> None:
    empty, warm = break_evens(sitting["process_runs"])
    assert (empty.caches, warm.caches) == ("empty", "warm")
    assert empty.saved_ns == pytest.approx(10 * MS)
    assert (empty.calls, warm.calls) == (3046, 946)


def test_break_even_is_never_if_nothing_is_saved_and_absent_if_a_part_is_missing() -> None:
    graph, baseline = cell("tensorflow-graph"), cell("tensorflow-eager")
    started = cold(Slot(graph, 0, 0, "cold", "empty"), 0.5, 3.0, 0.06)
    slower = [started, latency(Slot(graph, 0, 0), 60.0), latency(Slot(baseline, 0, 0), 50.0)]
    (found,) = break_evens(slower)
    assert found.calls is None
    assert "never" in shown(submission(slower))
    elsewhere = latency(Slot(baseline, 1, 0), 90.0)
    torch = latency(Slot(EAGER, 0, 0), 90.0)
    for incomplete in (slower[:2], slower[1:], [*slower[:2], elsewhere], [*slower[:2], torch]):
        assert break_evens(incomplete) == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_tables_keep_every_figure_at_any_width(sitting: Submission, width: int) -> None:
    text = shown(sitting, width)
    assert max(map(len, text.splitlines())) <= width
    for figure in ("49.5-50.5", "30.46", "1,200", "3.5", "3,046", "36 ms"):
        assert figure in text


def test_a_long_label_breaks_instead_of_the_table() -> None:
    label = "transformers-4.57.6+tensorflow-cpu-2.21.0+tf-keras-2.21.0"
    long = OLD | {"label": label}
    text = shown(submission(latencies(EAGER, 0, 50.0), (long,)), width=80)
    line = next(line for line in text.splitlines() if "49.5-50.5" in line)
    assert line.startswith("  transformers-")
    assert line.endswith("ok")


def line_with(lines: Sequence[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_the_summary_tells_noise_and_what_could_be_detected(sitting: Submission) -> None:
    lines = summary(sitting)
    assert lines[0].startswith("noisiest cells")
    assert lines[1] == f"  5 %  {OTHER.partition('/')[2]}"
    versions = line_with(lines, "  transformers-4.57.6 to transformers-5.23.0")
    assert "3.1 % in bert-base/torch-eager" in versions
    assert "16 % in gpt2" in versions
    assert line_with(lines, "drift").endswith(
        "matmul +10.0 % by the end, +20.0 % at most; copy +0.0 % by the end"
    )
    assert line_with(lines, "A/A transformers-4.57.6~1: ratio 1.010 (0.987 to 1.033)")
    assert "1 of 26 process runs: foreign CPU time of a core (1)" in line_with(lines, "contamin")


def test_what_was_not_measured_is_counted_by_its_reason(sitting: Submission) -> None:
    places = "transformers-4.57.6, transformers-5.23.0"
    assert reasons(sitting) == [f"unsupported: 1 cell in {places}: no TensorFlow here"]
    timed_out = [run_of(Slot(EAGER, 0, b), "timeout", reason="phase calls") for b in range(2)]
    skipped = run_of(Slot(OTHER, 0, 0), "skipped_dominated", reason="b1-s8 ran out", wall_ns=0)
    assert reasons(submission([*timed_out, skipped])) == [
        "skipped_dominated: 1 cell in transformers-4.57.6: b1-s8 ran out",
        "timeout: 2 process runs: phase calls",
    ]
