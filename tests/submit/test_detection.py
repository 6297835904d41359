"""Measuring for a change: simulated sittings in which time, noise and difference are known."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy.stats import t
from tests.submit.made_up_submission import CORES, MACHINE, NEW, OLD, latency, submission
from tests.submit.test_budget import CPU, SECONDS, SUITE, TASKS, blocks, measured

from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.submission import ProcessRun, Submission
from hfbench_schema.validation import validate
from hfbench_submit.commands.run import run as run_command
from hfbench_submit.environments.environments import Environment
from hfbench_submit.planning.budget import Choice, next_block
from hfbench_submit.planning.detection import CONFIRMING, LEAST_BLOCKS, Detection, Spread
from hfbench_submit.planning.estimates import Durations
from hfbench_submit.planning.past import from_header, past_spreads, to_header
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.schedule import Schedule
from hfbench_submit.planning.seen import MOST_BLOCKS, MOST_PILOTS, PILOT
from hfbench_submit.planning.slots import Slot, Task
from hfbench_submit.reporting.detection import detection_lines
from hfbench_submit.sitting.foresight import Foresight

THREE_PERCENT = Detection(0.03, compared=2)
QUIET = dict.fromkeys(CPU, 0.002)
NOISY, *OTHERS = CPU


def choices(
    sds: Mapping[str, float],
    detection: Detection = THREE_PERCENT,
    budget_s: float = math.inf,
    factor: float = 1.0,
    seed: int = 1,
) -> Iterator[tuple[Choice, list[ProcessRun]]]:
    """Run a whole sitting; yield each choice, and what was measured before it.

    Environment 1 takes `factor` times as long.
    """
    noise, done = random.Random(seed), list[ProcessRun]()
    while True:
        durations = Durations(SUITE, 2)
        for run in done:
            durations.learn(run)
        left = budget_s - sum(run["wall_ns"] for run in done) / 1e9
        choice = next_block(TASKS, done, left, durations, detection)
        yield choice, list(done)
        if choice.task is None:
            return
        for slot in choice.task.slots(choice.block):
            run = measured(slot, noise, sds[slot.cell])
            level = run["iterations_ns"][0] * (factor if slot.environment else 1)
            done.append(run | {"iterations_ns": [int(level)] * 10})


def sitting(sds: Mapping[str, float], **options: float) -> list[ProcessRun]:
    *_, (_, done) = choices(sds, **options)  # type: ignore[arg-type]
    return done


def test_each_cell_is_measured_until_it_would_show_the_change() -> None:
    counts = blocks(sitting(QUIET | {NOISY: 0.02}))
    assert [counts[cell] for cell in OTHERS] == [LEAST_BLOCKS] * 2
    # 9 process runs show 3 % where they scatter by 2 %, as they do here within a third.
    assert 7 <= counts[NOISY] <= 18


def test_a_cell_that_cannot_get_there_stops_and_comes_last() -> None:
    done = sitting(QUIET | {NOISY: 0.5})
    assert blocks(done)[NOISY] == MOST_BLOCKS
    last = max(i for i, run in enumerate(done) if run["cell"] != NOISY)
    assert sum(run["cell"] == NOISY for run in done[: last + 1]) <= 2 * (PILOT + 1)


def test_with_a_budget_it_ends_with_whichever_comes_first() -> None:
    sds = QUIET | {NOISY: 0.5}
    done = sitting(sds, budget_s=400)
    assert 360 < sum(run["wall_ns"] for run in done) / 1e9 <= 400 + max(SECONDS.values())
    assert all(blocks(done)[cell] == LEAST_BLOCKS for cell in OTHERS)
    assert sitting(QUIET, budget_s=4000) == sitting(QUIET)


def test_the_difference_is_never_looked_at() -> None:
    sds = dict(zip(CPU, (0.02, 0.03, 0.01), strict=True))
    alike, apart = sitting(sds), sitting(sds, factor=2.0)
    assert [(r["cell"], r["block"]) for r in alike] == [(r["cell"], r["block"]) for r in apart]


@pytest.mark.parametrize("sd", [0.015, 0.02])
def test_stopping_neither_invents_changes_nor_overlooks_them(sd: float) -> None:
    """Hold 3.5 to 6.5 % at no difference, and the promised power at the change asked for."""
    invented = [found(sd, 1.0, seed) for seed in range(2000)]
    seen = [found(sd, 1.03, seed) for seed in range(500)]
    assert 0.035 < sum(invented) / len(invented) < 0.065
    assert sum(seen) / len(seen) > 0.8


def found(sd: float, factor: float, seed: int) -> bool:
    """Measure one cell, as `choices` does but for what nobody asks; tell whether p < 0.05."""
    noise, arms = random.Random(seed), ([0.0] * 0, [0.0] * 0)
    task = TASKS[0]
    while THREE_PERCENT.lacking(task, _Logs(arms)):  # type: ignore[arg-type]
        for environment, arm in enumerate(arms):
            arm.append(noise.gauss(environment * math.log(factor), sd))
    return float(t_test(*arms)) < 0.05


class _Logs:
    """What was seen of one cell, without the process runs around it."""

    def __init__(self, arms: tuple[list[float], list[float]]) -> None:
        self._arms = arms

    def blocks(self, _: Task) -> int:
        return len(self._arms[0])

    def lost(self, _: str, __: int) -> int:
        return 0

    def logs(self, _: str, environment: int, blocks: int = MOST_BLOCKS) -> list[float]:
        return self._arms[environment][: max(blocks, 0)]


def t_test(first: list[float], second: list[float]) -> float:
    count, means = len(first), [sum(arm) / len(arm) for arm in (first, second)]
    pairs = zip((first, second), means, strict=True)
    squares = sum((x - mean) ** 2 for arm, mean in pairs for x in arm)
    error = math.sqrt(squares / (2 * (count - 1)) * 2 / count)
    return float(2 * t.sf(abs(means[1] - means[0]) / error, 2 * (count - 1)))


def test_earlier_sittings_foresee_and_do_not_decide() -> None:
    past = {NOISY: Spread(squares=100 * 0.02**2, degrees=100)}
    informed = Detection(0.03, 2, past)
    first, _ = next(choices(QUIET, informed))
    assert first.foreseen[TASKS[0]] == 9 + CONFIRMING
    assert first.foreseen[TASKS[1]] == LEAST_BLOCKS
    # This sitting is quieter than the past, and ends as soon as it has seen that by itself.
    *_, (_, done) = choices(QUIET, informed)
    assert set(blocks(done).values()) == {LEAST_BLOCKS}


def test_what_is_disturbed_all_the_time_is_given_up() -> None:
    done: list[ProcessRun] = []
    while (choice := next_block(TASKS, done, math.inf, Durations(SUITE, 2), THREE_PERCENT)).task:
        for slot in choice.task.slots(choice.block):
            run = measured(slot, random.Random(1), 0.01)
            done.append(run | {"status": "contaminated"})
    assert set(blocks(done).values()) == {MOST_PILOTS}


def test_one_environment_alone_shows_no_change() -> None:
    alone = [replace(task, environments=(1,)) for task in TASKS]
    done: list[ProcessRun] = []
    while (choice := next_block(alone, done, math.inf, Durations(SUITE, 2), THREE_PERCENT)).task:
        done += [measured(s, random.Random(1), 0.01) for s in choice.task.slots(choice.block)]
    assert {run["block"] for run in done} == set(range(PILOT))


def plan(**options: object) -> SittingPlan:
    environments = [Environment(Path("python"), facts) for facts in (OLD, NEW)]
    cells = [cell for cell in SUITE.cells if cell.id in CPU]
    asked = {"process_runs": MOST_BLOCKS, "machine": MACHINE, "detect_ppm": 30_000} | options
    return SittingPlan(SUITE, cells, environments, **asked)  # type: ignore[arg-type]


def test_the_same_journal_gives_the_same_choice_after_any_interruption() -> None:
    sds = dict(zip(CPU, (0.02, 0.03, 0.01), strict=True))
    past = from_header({"past": to_header({NOISY: Spread(0.01, 12)})})
    whole, noise, done = Schedule(plan(), 7, past), random.Random(3), list[ProcessRun]()
    foreseen = len(whole.expected(done))
    while remaining := whole.remaining(done):
        again = Schedule(plan(), 7, past)
        assert again.remaining(done) == remaining
        assert again.expected(done) == whole.expected(done)
        done.append(measured(remaining[0], noise, sds[remaining[0].cell]))
        if len(done) < 5:  # nothing is known yet, amid a block or after one
            assert len(done) + len(whole.expected(done)) == foreseen
    assert len(done) > 2 * 3 * (LEAST_BLOCKS)


class Heard:
    """Keeps what a sitting's progress is told of what is foreseen."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.left: list[int] = []

    def foresee(self, slots: list[Slot]) -> None:
        self.left.append(len(slots))

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_is_left_and_what_is_out_of_reach_is_told_as_it_is_known() -> None:
    schedule, noise, heard = Schedule(plan(), 7), random.Random(3), Heard()
    foresight = Foresight(plan(), schedule, heard)  # type: ignore[arg-type]
    done: list[ProcessRun] = []
    while remaining := schedule.remaining(done):
        foresight.look(remaining, done)
        sd = 0.1 if remaining[0].cell == NOISY else 0.002
        done.append(measured(remaining[0], noise, sd))
        if heard.notes and len(done) < 2 * 3 * (PILOT + 1) + 2:
            told_at = len(done)
    assert heard.left[0] == 2 * 3 * (LEAST_BLOCKS)
    assert heard.left[-1] == 2
    (note,) = heard.notes
    assert note.startswith("bert-base/torch-eager/cpu/fp32/b1-s64 needs about ")
    assert note.endswith(" process runs to show a change of 3 %: stopping at 50")
    assert told_at < 2 * 3 * (PILOT + 1) + 2


def document(sds: Mapping[str, float], blocks: int = 6, **protocol: object) -> Submission:
    """Return a valid submission of the smoke suite."""
    noise = random.Random(5)
    runs = [
        latency(slot, 40 * math.exp(noise.gauss(0, sds[cell])))
        for cell in CPU
        for block in range(blocks)
        for slot in Task(cell, "latency", (0, 1)).slots(block)
    ]
    made = submission(runs)
    reference = {"name": SUITE.name, "version": SUITE.version, "sha256": SUITE.sha256}
    for run in runs:
        run["iterations_ns"] = run["iterations_ns"][: 3 + SUITE.iterations]
    shape = {"roles": ["latency"], "iterations": SUITE.iterations, "process_runs": MOST_BLOCKS}
    made["protocol"] |= shape | {"detect_ppm": 30_000} | protocol  # type: ignore[typeddict-item]
    return made | {"suite": reference}  # type: ignore[return-value]


def keep(folder: Path, *documents: Submission) -> None:
    for made in documents:
        data = canonical_bytes(made)
        report = validate(data)
        assert report.accepted, report.findings
        (folder / f"{sha256_hex(data)}.json").write_bytes(data)


def test_the_past_is_what_this_machine_measured_in_the_same_way(tmp_path: Path) -> None:
    assert past_spreads(tmp_path / "none", plan()) == {}
    elsewhere = document(dict.fromkeys(CPU, 0.4))
    elsewhere["machine"] = MACHINE | {"usable_cores": CORES - 1}
    forked = document(dict.fromkeys(CPU, 0.4), launch="fork_server")
    keep(tmp_path, document(dict.fromkeys(CPU, 0.01)), elsewhere, forked)
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "folder.json").mkdir()
    found = past_spreads(tmp_path, plan())
    assert set(found) == set(CPU)
    assert {spread.degrees for spread in found.values()} == {2 * 5}
    assert all(0.004 < (spread.sd or 0) < 0.02 for spread in found.values())
    assert from_header({"past": to_header(found)}) == found
    assert from_header({}) == {}


def test_the_summary_says_what_each_cell_shows_and_which_missed_it(tmp_path: Path) -> None:
    made = document(QUIET | {NOISY: 0.1})
    keep(tmp_path, made)
    lines = list(detection_lines(made))
    assert lines[0] == "smallest change that shows, of 3 % asked for (80 % power, 5 % level):"
    assert "bert-base/torch-eager/cpu/fp32/b1-s64  missed: 6 of about " in lines[1]
    assert "missed" not in lines[2]
    assert lines[2].endswith("  6 runs")
    assert lines[-1] == "3 % would show in 2 of 3 measured cells"
    for run in made["process_runs"]:
        if run["environment"]:
            run["status"] = "error"
    assert list(detection_lines(made))[1].startswith("  unknown  bert-base/torch-eager/cpu")
    del made["protocol"]["detect_ppm"]
    assert not list(detection_lines(made))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("smoke", "--detect=3"), "write it as in 3% or 2.5%"),
        (("smoke", "--detect=0.5%"), "no verdict calls a change below 1%"),
        (("smoke", "--detect=3%", "--process-runs=5"), "leave --process-runs out"),
        (("smoke", "--detect=3%"), "name a second one, as in --with"),
        (("training", "--detect=3%"), "choose their number with --process-runs"),
        (
            ("smoke", "--detect=3%", "--with=transformers==4.57.6", "--role=memory"),
            "add --role latency, or leave it out",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(options: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(run_command, ["--with=transformers==5.23.0", *options])
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
