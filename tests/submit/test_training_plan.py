"""From what is asked of a suite of training to what workers are told and a submission holds."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.submit.made_up_submission import CORES, MACHINE, MIB, NEW, OLD, run_of
from tests.submit.made_up_training import (
    EAGER,
    SST2,
    SUITE,
    TINY,
    diverged,
    prepared,
    trained,
    training_sitting,
    training_submission,
)

from hfbench_schema.canonical import canonical_bytes
from hfbench_schema.cells import parse_cell
from hfbench_schema.submission import Machine, ProcessRun
from hfbench_schema.suites import latest_suite
from hfbench_schema.validation import validate
from hfbench_submit.commands.run import run as run_command
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.outcomes import outcome_fields
from hfbench_submit.launching.spawn import WorkerOutcome
from hfbench_submit.launching.worker_plans import worker_plan
from hfbench_submit.planning.estimates import Durations, estimate
from hfbench_submit.planning.remaining import remaining_slots
from hfbench_submit.planning.slots import Slot, plan_slots, select_cells
from hfbench_submit.reporting.epochs import epochs_to
from hfbench_submit.reporting.json_events import JsonProgress
from hfbench_submit.reporting.progress import ConsoleProgress
from hfbench_submit.reporting.show import reasons, submission_tables
from hfbench_submit.reporting.summary import summary
from hfbench_submit.sitting.document import check_plan, submission_document
from hfbench_submit.sitting.journal import Journal, examples_folder, forget_examples

RANKS = TINY.format("torch-eager", "fp32", 2)
COMPILED = TINY.format("torch-compile", "bf16-autocast", 1)


def refusal(*options: str) -> str:
    """Return what `run` says of options that make no sense."""
    with_an_environment = ["--with=transformers==5.23.0", *options]
    result = CliRunner().invoke(run_command, with_an_environment)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("training", "--role=latency"), "suite training are for training, memory"),
        (("smoke", "--role=training"), "suite smoke are for latency, cold, memory, energy"),
        (("training", "--budget=20m"), "choose with --cells and --process-runs"),
        (("training", "--launch=fork_server"), "does not train: leave it out"),
        (("training", "--data=qqp=."), "no task qqp, but grammar, cola, mrpc, sst2"),
        (("training", "--data=sst2=."), "no selected cell trains sst2, only grammar"),
        (("training", "--data=cola=.", "--data=cola=tests"), "several copies of cola"),
        (("training", "--data=sst2=no/such/file"), "there is nothing at no/such/file"),
        (("training", "--data=sst2"), "write TASK=PATH"),
        (("smoke", "--data=sst2=."), "suite smoke trains nothing"),
        (("training", "--nodes=2"), "both --nodes N and --rdzv HOST:PORT"),
        (("training", "--rdzv=here:29500"), "both --nodes N and --rdzv HOST:PORT"),
        (("training", "--nodes=2", "--rdzv=here"), "write it as in node1:29500"),
        (("smoke", "--nodes=2", "--rdzv=here:29500"), "only a training takes several machines"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(options: tuple[str, ...], said: str) -> None:
    assert said in refusal("--cells=training/bert-tiny/*/cpu/*/grammar", *options)


def with_devices(cores: int, gpus: int) -> Machine:
    gpu = {"vendor": "NVIDIA", "name": "H200", "memory_gib": 140}
    return MACHINE | {"usable_cores": cores, "accelerators": [gpu] * gpus}  # type: ignore[return-value]


def world_sizes(machine: Machine, nodes: int = 1) -> dict[tuple[str, str], set[int]]:
    found: dict[tuple[str, str], set[int]] = {}
    for cell in select_cells(SUITE, [], machine, nodes):
        found.setdefault((cell.framework, cell.device), set()).add(cell.world_size)
    return found


def test_cells_are_selected_by_how_many_devices_there_are() -> None:
    assert world_sizes(with_devices(3, 0)) == {
        ("torch", "cpu"): {1, 2},
        ("tensorflow", "cpu"): {1, 2},
    }
    assert world_sizes(with_devices(1, 4)) == {
        ("torch", "cpu"): {1},
        ("tensorflow", "cpu"): {1},
        ("torch", "cuda"): {1, 2, 4},
        ("tensorflow", "cuda"): {1, 2, 4},
    }
    assert world_sizes(with_devices(2, 0), nodes=2) == {
        ("torch", "cpu"): {1, 2, 4},
        ("tensorflow", "cpu"): {1, 2},
    }


def test_every_seed_is_a_block_and_compile_caches_are_empty() -> None:
    plan = training_sitting(EAGER, RANKS, environments=(OLD, NEW), roles=("training", "memory"))
    slots = plan_slots(plan.tasks, plan.process_runs, seed=1)
    assert len(slots) == 2 * 2 * 2 * 2
    assert {(slot.role, slot.caches) for slot in slots} == {
        ("training", "empty"),
        ("memory", None),
    }
    for slot in slots:
        assert worker_plan(plan, slot)["seed"] == SUITE.seed + slot.block


def test_a_worker_is_told_where_examples_and_weights_lie_and_how_to_train(tmp_path: Path) -> None:
    plan = training_sitting(SST2.format(2))
    assert plan.prepared is not None
    plan.prepared.checkpoints["bert-mini"] = tmp_path
    told = worker_plan(plan, Slot(SST2.format(2), 0, 3, "training", "empty"))
    assert json.loads(json.dumps(told)) == told
    assert Path(told["data"]).is_absolute()
    assert Path(told["data"]).name == "sst2-bert-mini"
    assert told["model"]["checkpoint"] == str(tmp_path)
    assert told["recipe"] == SUITE.models["bert-mini"].recipe
    assert (told["cell"]["world_size"], told["cell"]["task"]) == (2, "sst2")
    assert "iterations" not in told


def test_inference_is_told_nothing_of_training() -> None:
    suite = latest_suite("smoke")
    (cell,) = select_cells(suite, ["smoke/vit-tiny/*/cpu/*"], MACHINE)
    plan = training_sitting(suite=suite, cells=[cell], roles=("latency",), prepared=None)
    told = worker_plan(plan, Slot(cell.id, 0, 3))
    assert told["seed"] == suite.seed
    assert told["iterations"] == suite.iterations
    assert not {"data", "recipe"} & told.keys()
    assert not {"tasks", "nodes"} & plan.identity().keys()


def test_a_journal_is_taken_up_again_with_the_same_examples_only() -> None:
    plan = training_sitting(EAGER)
    other = prepared(plan.cells)
    other.tasks["grammar"]["sha256"] = "3d" * 32
    assert training_sitting(EAGER).identity() == plan.identity()
    assert training_sitting(EAGER, prepared=other).identity() != plan.identity()
    assert training_sitting(EAGER, nodes=2).identity() != plan.identity()


def journal(*runs: ProcessRun) -> Journal:
    header = {"sitting": "0" * 32, "seed": 1, "machine": MACHINE}
    return Journal(Path(), header, ["2026-11-20T11:59:00Z"], list(runs))


def test_a_submission_says_what_was_trained_on() -> None:
    plan = training_sitting(EAGER, SST2.format(1), nodes=2)
    slot = Slot(EAGER, 0, 0, "memory")
    memory = {"host_imported": 300 * MIB, "host_built": 700 * MIB, "host_peak": 900 * MIB}
    document = submission_document(plan, journal(run_of(slot, memory=memory)))
    assert document["tasks"].keys() == {"grammar"}, "and of nothing else"
    assert document["protocol"]["nodes"] == 2
    assert "iterations" not in document["protocol"]


def test_a_plan_is_checked_before_anything_is_measured() -> None:
    check_plan(training_sitting(EAGER, RANKS, COMPILED))
    sst2 = [SST2.format(world_size) for world_size in (1, 2, 4, 8)]
    check_plan(training_sitting(*sst2))
    with pytest.raises(SubmitError, match=r"one training of bert-mini on sst2 takes up to 1.\d %"):
        check_plan(training_sitting(*sst2, process_runs=20))


def test_no_record_is_larger_than_was_reckoned() -> None:
    for cell_id in (EAGER, RANKS, TINY.format("torch-eager", "fp32", 8), SST2.format(1)):
        plan = training_sitting(cell_id)
        slot = next(plan.tasks[0].slots(0))
        run = trained(slot, 5000.0)
        size = len(canonical_bytes(run))
        assert 0.7 * size < plan.run_bytes(plan.tasks[0]) - 3000 < 1.3 * size
        assert size < plan.run_bytes(plan.tasks[0])


def test_a_training_that_diverges_is_a_result_and_the_next_seed_is_tried() -> None:
    plan = training_sitting(EAGER, process_runs=4)
    slots = plan_slots(plan.tasks, 4, seed=1)
    done = [diverged(slot) for slot in slots[:2]]
    assert remaining_slots(slots, done) == slots[2:]
    failed = [run_of(slot, "error") for slot in slots[:2]]
    assert remaining_slots(slots, failed) == []


@pytest.mark.parametrize("status", ["ok", "diverged"])
def test_the_record_of_a_training_passes_through(status: str) -> None:
    made = trained(Slot(EAGER, 0, 0, "training", "empty"), 10.0)
    measured: dict[str, Any] = {
        "event": "measured",
        "status": status,
        "training": made["training"],
        "phases_ns": made["phases_ns"],
        **({} if status == "ok" else {"reason": "the loss is not finite\n in step 3 of 320"}),
    }
    loaded = {"packages": {}, "threads": made["threads"], "placement": {"cpus": 2, "pinned": True}}
    outcome = WorkerOutcome({"loaded": loaded, "measured": measured}, 1, 0, False, 0, "", "", 1.0)
    fields = outcome_fields(outcome, {}, 600)
    assert fields["training"] == made["training"]
    assert fields["status"] == status
    reason = None if status == "ok" else "the loss is not finite | in step 3 of 320"
    assert fields.get("reason") == reason


def test_estimates_grow_with_steps_and_shrink_with_devices() -> None:
    def seconds(cell_id: str, role: str = "training") -> float:
        return estimate(SUITE, parse_cell(cell_id), CORES, role).seconds

    assert 5 < seconds(EAGER) < 60
    assert seconds(SST2.format(1)) > 100 * seconds(EAGER)
    assert seconds(COMPILED) > seconds(EAGER) + 60
    assert seconds(EAGER, "memory") < seconds(EAGER)
    gpus = [SST2.format(world_size).replace("/cpu/", "/cuda/") for world_size in (1, 8)]
    assert seconds(gpus[0]) > 5 * seconds(gpus[1])
    # Two ranks share the cores, and each needs memory of its own.
    assert seconds(RANKS) == pytest.approx(seconds(EAGER), rel=0.2)
    one, two = (estimate(SUITE, parse_cell(c), CORES).memory_bytes for c in (EAGER, RANKS))
    assert two == pytest.approx(2 * one)


def told(progress: ConsoleProgress | JsonProgress, runs: Sequence[ProcessRun]) -> None:
    """Tell of a sitting whose trainings announce epochs, steps and evaluations."""
    slots = [
        Slot(run["cell"], run["environment"], run["block"], "training", "empty") for run in runs
    ]
    progress.begin(slots, [])
    for slot, run in zip(slots, runs, strict=True):
        progress.launch(slot)
        heard = epochs_to(progress)
        for name in ("epoch 1 of 2", "step 9 of 99 (epoch 1)", "evaluation 1 of 2"):
            heard({"event": "phase", "name": name})
        for name in ("evaluation 1 of 2", "epoch 2 of 2", "evaluation 2 of 2"):
            heard({"event": "phase", "name": name})
        heard({"event": "loaded"})
        progress.finish(run)
    progress.end(runs)


def test_progress_tells_speed_and_score_and_each_epoch_once() -> None:
    slot = Slot(EAGER, 0, 0, "training", "empty")
    runs = [trained(slot, 40.0), diverged(Slot(EAGER, 0, 1, "training", "empty"))]
    stream = StringIO()
    told(ConsoleProgress(Console(file=stream), [NEW], CORES, Durations(SUITE, CORES)), runs)
    cell = EAGER.partition("/")[2]
    lines = stream.getvalue().splitlines()
    assert lines[1].startswith(
        f"[1/2] 800 examples/s  accuracy 0.781  {cell}  transformers-5.23.0  ETA"
    )
    assert lines[2].startswith(f"[2/2]               {cell}  transformers-5.23.0  diverged  ETA")
    stream = StringIO()
    told(JsonProgress(stream, [NEW], CORES, Durations(SUITE, CORES)), runs)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    epochs = [(e["epoch"], e["epochs"]) for e in events if e["event"] == "trained"]
    assert epochs == [(1, 2), (2, 2)] * 2


def test_a_long_training_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("hfbench_submit.reporting.progress.monotonic", lambda: now)
    stream = StringIO()
    progress = ConsoleProgress(Console(file=stream), [NEW], CORES, Durations(SUITE, CORES))
    progress.launch(Slot(EAGER, 0, 0, "training", "empty"))
    for epoch, moment in enumerate((30.0, 70.0, 100.0, 140.0), 1):
        now = moment
        progress.trained(epoch, 4)
    shown = [line.partition("  ")[0] for line in stream.getvalue().splitlines()]
    assert shown == ["2 of 4 epochs", "4 of 4 epochs"]


def printed(runs: Sequence[ProcessRun], columns: int) -> str:
    document = training_submission(runs)
    report = validate(canonical_bytes(document))
    assert report.accepted, report.findings
    console = Console(file=StringIO(), width=columns)
    for table in submission_tables(document):
        console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def of_seeds(cell: str, environment: int) -> list[Slot]:
    return [Slot(cell, environment, block, "training", "empty") for block in range(3)]


def test_a_submission_shows_speed_compile_time_and_scores() -> None:
    first, second, third = of_seeds(EAGER, 0)
    runs = [trained(first, 40.0), trained(second, 42.0, correct=410), diverged(third)]
    runs += [trained(slot, 50.0) for slot in of_seeds(EAGER, 1)]
    runs += [trained(slot, 20.0) for slot in of_seeds(RANKS, 1)]
    for run in runs:
        run["contamination"] = {"foreign_cpu_ms": 0}
    lines = printed(runs, 160).splitlines()
    heading = lines.index("bert-tiny on cpu, grammar, batch 32, sequence 32")
    assert lines[heading + 1] == " torch-eager fp32"
    old, new = (line.split() for line in lines[heading + 2 : heading + 4])
    assert old[:6] == ["transformers-4.57.6", "781", "41", "2.369", "100", "accuracy"]
    assert " ".join(old[6:]) == "0.791 (0.781-0.801) 2/3 1 2 ok, 1 diverged"
    assert new[1:3] == ["640", "50"]
    assert new[-2:] == ["3/3", "ok"]
    assert lines[heading + 4] == " torch-eager fp32, 2 devices"
    assert lines[heading + 5].split()[1:3] == ["3,200", "20"]
    assert "latency" not in "\n".join(lines)
    narrow = printed(runs, 60)
    assert max(map(len, narrow.splitlines())) <= 60
    assert "examples/s 640" in narrow
    document = training_submission(runs)
    assert reasons(document) == ["diverged: 1 process run: made up"]
    assert list(summary(document)) == []


def test_examples_go_with_the_last_sitting_that_needs_them(tmp_path: Path) -> None:
    folder = examples_folder(tmp_path)
    folder.mkdir(parents=True)
    unfinished = tmp_path / "journals" / "0123.jsonl"
    unfinished.touch()
    forget_examples(tmp_path)
    assert folder.is_dir()
    unfinished.rename(unfinished.with_name("finished-0123.jsonl"))
    forget_examples(tmp_path)
    assert not folder.exists()


def test_help_says_how_many_seeds() -> None:
    with click.Context(run_command) as context:
        assert "4 by default, 5 advised" in " ".join(run_command.get_help(context).split())
